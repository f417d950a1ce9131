"""Why is nothing found? What was seen of the network, and what follows from it.

`judge` is pure: evidence in, checks out. Checks are keys and facts; words belong to whoever shows
them (`doctor_words` for the command line, the app's sentences for its page).
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from device_bridge.discovery.interfaces import OwnAddress

State = Literal["ok", "failed", "unknown", "not-needed"]
Key = Literal[
    "addresses",
    "multicast",
    "own-announcement",
    "firewall",
    "other-machines",
    "device-network",
    "reach",
    "listening",
    "clock",
]
Facts = Mapping[str, str | int | tuple[str, ...]]

CLOCK_SECONDS_MAX: Final = 300
LEAST_PLAUSIBLE_SECONDS: Final = 1_767_225_600  # 2026-01-01: this program is not older
NAMED_MAX: Final = 8


class Check(Struct, frozen=True):
    """One finding. `failed` has a cause that a person can act on; `unknown` cannot be told."""

    key: Key
    state: State
    facts: Facts = {}


class Evidence(Struct, frozen=True):
    """What was seen. None: not looked at.

    `multicast_error` is empty where UDP port 5353 could be had and a group joined. `answered`:
    addresses of other machines that answered an mDNS question; `devices`: addresses of devices we
    look for; `heard`: those of them that mDNS told; `reached`/`refused`/`silent`: how they took a
    TCP connection; `linked`: the teachers whose apps have a link to this device now.
    `clock_off_seconds`: our clock less the school server's; `clock_refusal`: "early" or "late"
    where its certificate is not valid by our clock; `floor_seconds`: the latest moment that the
    school is known to have signed, 0 for none. `wifi`: the name of the Wi-Fi by interface;
    `networks`: names of other networks as far as they are known, by `10.0.0.0/24`. `told_here`:
    how many of the devices, none of them here, have told the school that they are on this network.
    """

    own: tuple[OwnAddress, ...]
    wifi: Mapping[str, str] = {}
    networks: Mapping[str, str] = {}
    multicast_error: str = ""
    echo: bool | None = None
    firewall: str | None = None
    answered: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    listening: bool | None = None
    wall_seconds: float = 0.0
    clock_off_seconds: float | None = None
    clock_refusal: str = ""
    floor_seconds: float = 0.0
    linked: tuple[str, ...] = ()
    told_here: int = 0


def judge(seen: Evidence) -> tuple[Check, ...]:
    """Say what is well, what is not and what cannot be known, in the order to look at it."""
    return (
        _addresses(seen),
        _multicast(seen),
        _own_announcement(seen),
        _firewall(seen),
        _other_machines(seen),
        _device_network(seen),
        _reach(seen),
        _listening(seen),
        clock_check(seen),
    )


def _outside(own: Iterable[OwnAddress]) -> tuple[OwnAddress, ...]:
    return tuple(one for one in own if not one.loopback)


def _addresses(seen: Evidence) -> Check:
    usable = [one for one in _outside(seen.own) if not _link_local(one.address)]
    shown = tuple(f"{one.interface} {one.address}/{one.prefix}" for one in usable)[:NAMED_MAX]
    if usable:
        facts: dict[str, str | tuple[str, ...]] = {
            "addresses": shown,
            "interfaces": _each(one.interface for one in usable),
        }
        if names := _each(name for one in usable if (name := seen.wifi.get(one.interface))):
            facts |= {"cause": "wifi", "wifi": names}
        return Check("addresses", "ok", facts)
    alone = tuple(one.address for one in _outside(seen.own))[:NAMED_MAX]
    # 169.254/16 and fe80::/10: a cable or Wi-Fi is there, but nobody gave an address (RFC 3927).
    return Check("addresses", "failed", {"cause": "no-dhcp" if alone else "offline"})


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[:NAMED_MAX]


def _link_local(address: str) -> bool:
    return ipaddress.ip_address(address).is_link_local


def _multicast(seen: Evidence) -> Check:
    if seen.multicast_error:
        return Check("multicast", "failed", {"why": seen.multicast_error})
    return Check("multicast", "ok")


def _own_announcement(seen: Evidence) -> Check:
    if seen.multicast_error or seen.echo is None:
        return Check("own-announcement", "unknown")
    return Check("own-announcement", "ok" if seen.echo else "failed")


def _firewall(seen: Evidence) -> Check:
    if seen.firewall is None:
        return Check("firewall", "unknown")
    if not seen.firewall:
        return Check("firewall", "ok")
    # A firewall that lets us hear others is in nobody's way; deaf beside one, it is the suspect.
    deaf = not seen.heard and not seen.answered
    return Check("firewall", "failed" if deaf else "ok", {"program": seen.firewall})


def _other_machines(seen: Evidence) -> Check:
    if not _outside(seen.own):
        return Check("other-machines", "unknown")
    if seen.linked:
        return Check("other-machines", "ok", {"cause": "linked", "teachers": seen.linked})
    others = tuple(sorted({*seen.answered, *seen.heard}))
    if others:
        return Check("other-machines", "ok", {"machines": len(others)})
    # Nobody at all answers: an empty network, a filter for multicast or client isolation.
    return Check("other-machines", "failed", {"cause": "silence"})


def _device_network(seen: Evidence) -> Check:
    if not seen.devices:
        return Check("device-network", "not-needed")
    own = [one for one in _outside(seen.own) if not _link_local(one.address)]
    foreign = tuple(
        address for address in seen.devices if not any(within(address, one.network) for one in own)
    )
    if not foreign:
        return Check("device-network", "ok")
    facts: Facts = {
        "devices": len(foreign),
        "addresses": foreign[:NAMED_MAX],
        "own": _each(seen.wifi.get(one.interface) or str(one.network) for one in own),
        "theirs": _each(name_at(address, seen.networks) for address in foreign),
    }
    # Another network is no fault by itself: a router may lead there. mDNS does not cross it.
    return Check("device-network", "unknown" if seen.reached else "failed", facts)


def name_at(address: str, networks: Mapping[str, str]) -> str:
    """Return what a person calls the network of an address: its name, its range, the address."""
    for network, name in networks.items():
        if within(address, ipaddress.ip_network(network)):
            return name or network
    return address


def within(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False  # a host name tells no network


def _reach(seen: Evidence) -> Check:
    tried = len(seen.reached) + len(seen.refused) + len(seen.silent)
    if not tried and not seen.told_here:
        return Check("reach", "not-needed")
    if seen.reached:
        facts: Facts = {"reached": len(seen.reached), "tried": tried}
        return Check("reach", "ok", facts)
    if seen.refused:
        return Check("reach", "failed", {"cause": "agent-not-running", "tried": tried})
    heard = set(seen.silent) & set(seen.heard)
    # Multicast passes and a connection does not, or nothing does and they are here by their own
    # word: access points that isolate clients do just that.
    cause = "isolation" if heard or seen.told_here else "away"
    return Check("reach", "failed", {"cause": cause, "tried": tried})


def _listening(seen: Evidence) -> Check:
    if seen.listening is None:
        return Check("listening", "not-needed")
    return Check("listening", "ok" if seen.listening else "failed")


def clock_check(seen: Evidence) -> Check:
    """Judge the clock by whoever knows best: the server now, its certificate, what was signed."""
    if seen.clock_off_seconds is not None:
        off = round(seen.clock_off_seconds)
        if abs(off) <= CLOCK_SECONDS_MAX:
            return Check("clock", "ok", {"seconds": off})
        return Check("clock", "failed", {"cause": "ahead" if off > 0 else "behind", "seconds": off})
    if seen.clock_refusal:
        return Check("clock", "failed", {"cause": seen.clock_refusal})
    if seen.wall_seconds < max(LEAST_PLAUSIBLE_SECONDS, seen.floor_seconds - CLOCK_SECONDS_MAX):
        behind = round(max(LEAST_PLAUSIBLE_SECONDS, seen.floor_seconds) - seen.wall_seconds)
        return Check("clock", "failed", {"cause": "past", "seconds": behind})
    return Check("clock", "unknown", {"cause": "signed"} if seen.floor_seconds else {})
