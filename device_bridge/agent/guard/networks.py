"""On which networks this device is to be found: the school's, and those its pupil has joined.

Elsewhere it says nothing and has no open port. A network is told by its range, and where the
school names its routers, by the hardware address of the gateway as well: many homes have the
range of a school.
"""

import ipaddress
import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from central_mdm.contract.grants import Assignment
from device_bridge.discovery.interfaces import OwnAddress

log = logging.getLogger(__name__)

Here = Sequence[OwnAddress]
Gateway = Callable[[str], str]
JOINED_MAX: Final = 16


class Place(Struct, frozen=True):
    """One network as the device finds it there."""

    interface: str
    network: str
    gateway: str


class Networks:
    """`assignment`: what the school has signed. `gateway`: an interface's router, "" if unknown.

    What a pupil has joined holds until the device leaves that network or starts anew.
    """

    def __init__(
        self,
        assignment: Callable[[], Assignment | None],
        here: Callable[[], Here],
        gateway: Gateway,
    ) -> None:
        self._assignment, self._here, self._gateway = assignment, here, gateway
        self._joined: frozenset[Place] = frozenset()

    def allowed(self) -> tuple[str, ...] | None:
        """Return the own addresses to be found at; None: all, for the school rules nothing."""
        rules = self._assignment()
        if rules is None or not (rules.networks or rules.gateways):
            return None
        here = [one for one in self._here() if not one.loopback]
        places = {one: self._place(one) for one in here}
        self._joined &= frozenset(places.values())
        open_ = {
            one.interface
            for one, place in places.items()
            if place in self._joined or fits(place, rules)
        }
        return tuple(one.address for one in here if one.interface in open_ and not _local(one))

    def elsewhere(self) -> tuple[str, ...]:
        """Return the networks, as ranges, on which the device is not to be found now."""
        return tuple(sorted({place.network for place in self._others()}))

    def join(self) -> int:
        """Be found on the networks that are here now, for the pupil says so; return how many."""
        others = self._others()
        self._joined = frozenset(sorted(self._joined | others, key=str)[:JOINED_MAX])
        log.info("joined", extra={"networks": len(others)})
        return len(others)

    def _others(self) -> frozenset[Place]:
        allowed = self.allowed()
        if allowed is None:
            return frozenset()
        here = (one for one in self._here() if not one.loopback and not _local(one))
        return frozenset(self._place(one) for one in here if one.address not in allowed)

    def _place(self, one: OwnAddress) -> Place:
        return Place(one.interface, str(one.network), self._gateway(one.interface))


def fits(place: Place, rules: Assignment) -> bool:
    """Say whether the school's rules name this network."""
    if rules.gateways and place.gateway not in rules.gateways:
        return False
    if not rules.networks:
        return True
    network = ipaddress.ip_network(place.network)
    return any(_within(network, told) for told in rules.networks)


def _within(network: ipaddress.IPv4Network | ipaddress.IPv6Network, told: str) -> bool:
    """Say whether all of `network` lies in a range; a range that is none holds nothing."""
    try:
        whole = ipaddress.ip_network(told)
    except ValueError:
        return False
    match network, whole:
        case (ipaddress.IPv4Network(), ipaddress.IPv4Network()):
            return network.subnet_of(whole)
        case (ipaddress.IPv6Network(), ipaddress.IPv6Network()):
            return network.subnet_of(whole)
        case _:
            return False


def _local(one: OwnAddress) -> bool:
    """Link-local: nobody is told such an address, so nobody is answered there."""
    return ipaddress.ip_address(one.address).is_link_local
