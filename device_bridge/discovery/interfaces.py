"""The machine's own addresses, and a multicast socket that keeps up with them."""

import ipaddress
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import ifaddr
from msgspec import Struct
from zeroconf import InterfaceChoice
from zeroconf.asyncio import AsyncZeroconf

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""A laptop joins another Wi-Fi within seconds; reading the addresses costs under a millisecond."""


class OwnAddress(Struct, frozen=True, order=True):
    """One address of this machine. `scope` is the IPv6 interface index, 0 for IPv4."""

    interface: str
    address: str
    prefix: int
    scope: int = 0

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(f"{self.address}/{self.prefix}", strict=False)

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback


def own_addresses(only: Sequence[str] | None = None) -> tuple[OwnAddress, ...]:
    """Return every address of every interface that is up, sorted; or of those the `only` ones."""
    found = sorted(_read(ifaddr.get_adapters()))
    return tuple(one for one in found if not only or one.address in only)


def _read(adapters: Iterable[ifaddr.Adapter]) -> Iterable[OwnAddress]:
    for adapter in adapters:
        if is_cut(adapter.name):
            continue
        for held in adapter.ips:
            if isinstance(held.ip, str):
                yield OwnAddress(adapter.nice_name, held.ip, held.network_prefix)
            else:
                address, _flow, scope = held.ip
                yield OwnAddress(adapter.nice_name, address, held.network_prefix, scope)


def is_cut(interface: str, root: Path = Path("/sys/class/net")) -> bool:
    """Say whether an interface has no link: a pulled cable may keep its address for long.

    Told by Linux (RFC 2863's ifOperStatus); elsewhere an address is taken for a link.
    """
    try:
        return (root / interface / "operstate").read_text() in {"down\n", "lowerlayerdown\n"}
    except OSError:
        return False


def announced(addresses: Iterable[OwnAddress]) -> tuple[str, ...]:
    """Return those under which a device can be reached from outside.

    Link-local IPv6 is left out: it means nothing without the reader's own scope.
    """
    found = (ipaddress.ip_address(own.address) for own in addresses)
    usable = (ip for ip in found if not ip.is_loopback)
    return tuple(str(ip) for ip in usable if ip.version == 4 or not ip.is_link_local)  # noqa: PLR2004 - IPv4


def open_zeroconf(interfaces: Sequence[str] | None) -> AsyncZeroconf:
    """Open mDNS on these of the machine's own addresses, or (None) on all of them.

    Raises `OSError` where there is no interface or UDP port 5353 cannot be had.
    """
    try:
        return AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
    except RuntimeError as error:  # zeroconf's word for "no interface has an address"
        raise OSError(str(error)) from error


async def keep_up(
    zeroconf: AsyncZeroconf, known: tuple[OwnAddress, ...], now: tuple[OwnAddress, ...]
) -> tuple[OwnAddress, ...]:
    """Move `zeroconf` to the machine's addresses `now`; return those it is known to be on."""
    if now == known:
        return known
    try:
        await zeroconf.async_update_interfaces()
    except (OSError, RuntimeError) as error:
        log.info("no multicast yet", extra={"why": str(error)})
        return known
    return now
