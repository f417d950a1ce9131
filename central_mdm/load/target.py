"""Which server is asked: one of this machine, and no other."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from central_mdm.platform.errors import Malformed, NotAllowed

WRONG: Final = "Name the server as http://127.0.0.1:PORT, as it says that it listens."
ELSEWHERE: Final = "Only a server on this machine's own loopback is put under load, and {} is not."


class Target(Struct, frozen=True):
    """An address that was looked at, and is dialled as it is: a name may mean another later."""

    address: str
    port: int


async def loopback(url: str) -> Target:
    """Find where to dial. Raises Malformed for no such URL, NotAllowed for another machine's.

    Each address that the host has is to be a loopback one (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
    """
    host, port = _parts(url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Malformed("no-address", f"No address of {host} is known.") from None
    addresses = [str(each[4][0]) for each in found]
    if not addresses or not all(ip_address(each).is_loopback for each in addresses):
        raise NotAllowed("elsewhere", ELSEWHERE.format(host))
    return Target(addresses[0], port)


def _parts(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Malformed("no-address", WRONG) from None
    more = parts.path.strip("/"), parts.query, parts.fragment, parts.username
    if parts.scheme != "http" or not parts.hostname or any(more):
        raise Malformed("no-address", WRONG + _tls(parts))
    return parts.hostname, port or 80


def _tls(parts: SplitResult) -> str:
    if parts.scheme != "https":
        return ""
    return " TLS is the ingress's: serve without it on loopback to see what the server carries."
