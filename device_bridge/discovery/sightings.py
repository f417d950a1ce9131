"""Something at these addresses says that it is a certain device.

A sighting is never trusted and never makes a device: it adds an address and wakes a keeper. It may
come from mDNS, from a person who typed an address, from memory or from the MDM.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from device_bridge.protocol.fields import HOME_PORT, PROTOCOL_HIGHEST, PROTOCOL_LOWEST

ADDRESSES_MAX: Final = 8
HOST_CHARACTERS_MAX: Final = 253  # a name in full (RFC 1035, 2.3.4)
_PORT_MAX: Final = 65535
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)

Via = Literal["mdns", "typed", "known", "mdm"]
Address = tuple[str, int]


class Sighting(Struct, frozen=True):
    """`name` is what it is announced as, which the school can read (`day.py`).

    `seen_at` is in seconds of the clock that the browser was given.
    """

    name: str
    addresses: tuple[Address, ...]
    kind: str = ""
    lowest: int = PROTOCOL_LOWEST
    highest: int = PROTOCOL_HIGHEST
    via: Via = "mdns"
    seen_at: float = 0.0


class NotAnAddress(ValueError):
    """A person typed what is no address. `why`: "empty", "host" or "port"."""

    def __init__(self, why: Literal["empty", "host", "port"]) -> None:
        super().__init__(why)
        self.why = why


def typed(text: str) -> Address:
    """Read `10.0.0.4`, `[fe80::1%eth0]:7000` or `pc-12.school.example:7000`.

    Without a port it is the devices' own. Raises `NotAnAddress`. No host name is looked up here.
    """
    text = text.strip()
    if not text:
        raise NotAnAddress("empty")
    if text.count(":") > 1 and not text.startswith("["):
        return _ip(text, 6), HOME_PORT
    if ":" not in text or text.endswith("]"):
        return _host(text), HOME_PORT
    host, _, port = text.rpartition(":")
    if _PORT.fullmatch(port) is None or not 0 < int(port) <= _PORT_MAX:
        raise NotAnAddress("port")
    return _host(host), int(port)


def _host(host: str) -> str:
    if host.startswith("["):
        return _ip(host[1:-1], 6) if host.endswith("]") else _refused()
    if re.fullmatch(r"[0-9.]+", host):
        return _ip(host, 4)
    labels = host.removesuffix(".").split(".")
    if len(host) > HOST_CHARACTERS_MAX or not all(map(_HOST_LABEL.fullmatch, labels)):
        return _refused()
    return host.removesuffix(".").lower()


def _ip(text: str, version: int) -> str:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return _refused()
    usable = ip.version == version and not (ip.is_multicast or ip.is_unspecified)
    return str(ip) if usable else _refused()


def _refused() -> str:
    raise NotAnAddress("host")


def dialable(hosts: Iterable[str], port: int | None, *, loopback: bool) -> tuple[Address, ...]:
    """Keep what may be dialled of an mDNS record's addresses, at most `ADDRESSES_MAX`, sorted.

    `loopback` only where we listen there ourselves: else a stranger's record would make the
    teacher's computer knock at its own doors.
    """
    if port is None or not 0 < port <= _PORT_MAX:
        return ()
    found = [
        (ip.version, str(ip)) for ip in map(ipaddress.ip_address, hosts) if _fits(ip, loopback)
    ]
    return tuple((text, port) for _, text in sorted(set(found))[:ADDRESSES_MAX])


def _fits(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, loopback: bool) -> bool:  # noqa: FBT001
    if ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255":
        return False
    return loopback or not ip.is_loopback


def known(device: str, addresses: Sequence[Address], seen_at: float) -> Sighting:
    """Make a sighting of the addresses at which a device was last reached."""
    return Sighting(device, tuple(addresses[:ADDRESSES_MAX]), via="known", seen_at=seen_at)
