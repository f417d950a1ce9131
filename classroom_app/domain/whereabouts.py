"""Where a device is when it is not here: what the app can know of it, and no more.

Two things tell: the place at which a device last proved itself, and what the device itself told
the school's server a few minutes ago. Either may lie on a network that this computer is not on.
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from classroom_app.domain.lesson import DeviceId

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TOLD_SECONDS: Final = 1200.0
"""A device tells the school every quarter of an hour; what is older may be of another room."""
_NEAR: Final = {4: 24, 6: 64}
"""How far an address speaks for its neighbours where its network's size is not known."""


class Told(Struct, frozen=True):
    """A device told the school at `at`, in seconds of the room's clock, which networks it is on."""

    networks: tuple[str, ...]
    at: float


class Elsewhere(Struct, frozen=True):
    """Other networks that a device is on by its own word (`said`), or was met on last (`met`).

    Each is the network's name, its range or an address; "" where there is no such evidence.
    """

    met: str = ""
    said: str = ""
    said_at: float = 0.0


class Sight(Struct, frozen=True):
    """What the app knows of networks. `own`: this computer's ranges, as `10.0.0.0/24`.

    `names`: what ranges are called, "" where only the range is known. `linked`: the addresses at
    which devices have a link now. `last`: where each device proved itself last. `told`: what
    each has told the school.
    """

    own: tuple[str, ...] = ()
    names: Mapping[str, str] = {}
    linked: Collection[str] = ()
    last: Mapping[DeviceId, str] = {}
    told: Mapping[DeviceId, Told] = {}


def elsewhere(sight: Sight, devices: Iterable[DeviceId], now: float) -> dict[DeviceId, Elsewhere]:
    """Say of which devices there is evidence that they are on another network."""
    own = _ranges(sight.own)
    if not own:
        return {}  # this computer is on no network: nobody else is on another
    found = {device: _of(device, sight, own, now) for device in devices}
    return {device: there for device, there in found.items() if there is not None}


def told_here(sight: Sight, device: DeviceId, now: float) -> bool:
    """Say whether a device has told the school lately that it is on this computer's network."""
    told = sight.told.get(device)
    if told is None or now - told.at > TOLD_SECONDS:
        return False
    return _meet(_ranges(told.networks), _ranges(sight.own))


def range_of(address: str, ranges: Iterable[str]) -> str:
    """Return which of the ranges holds an address; "" for none."""
    found = _address(address)
    return next((each for each in ranges if found and found in ipaddress.ip_network(each)), "")


def _of(device: DeviceId, sight: Sight, own: Collection[Network], now: float) -> Elsewhere | None:
    told = sight.told.get(device)
    met = _met(sight.last.get(device, ""), sight, own)
    if told is None or now - told.at > TOLD_SECONDS or not (theirs := _ranges(told.networks)):
        return Elsewhere(met) if met else None
    if _meet(theirs, own):
        return None
    return Elsewhere(met, _called(str(theirs[0]), sight.names), told.at)


def _met(address: str, sight: Sight, own: Collection[Network]) -> str:
    """Return the network of a device's last place, if it is another one than ours."""
    last = _address(address)
    if last is None or last.is_link_local or any(last in mine for mine in own):
        return ""  # a link-local address is the same in every room
    there = range_of(str(last), sight.names)
    around = ipaddress.ip_network(there or f"{last}/{_NEAR[last.version]}", strict=False)
    # Where a router leads there, a device that does not answer is off, not away.
    if any(found in around for each in sight.linked if (found := _address(each))):
        return ""
    return _called(there, sight.names) if there else str(last)


def _called(network: str, names: Mapping[str, str]) -> str:
    return names.get(network) or network


def _meet(theirs: Iterable[Network], own: Collection[Network]) -> bool:
    return any(
        each.version == mine.version and each.overlaps(mine)  # pyright: ignore[reportArgumentType] - same version
        for each in theirs
        for mine in own
    )


def _ranges(texts: Iterable[str]) -> list[Network]:
    """Read ranges; one that a device garbled is left out."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None  # a host's name tells no network
