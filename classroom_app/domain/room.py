"""The wall: one tile a pupil of the roster, present or not, and one a device with nobody yet.

A tile shows evidence. What the teacher wishes only decides which receipt is looked for: a lock is
"locked" when the device itself proved the declared version at most `PROOF_OLD_SECONDS` ago.
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import DeviceId, PupilId, Roster
from classroom_app.domain.tile import State, Tile
from classroom_app.domain.whereabouts import Elsewhere
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.fields import GONE_SECONDS, PROOF_OLD_SECONDS, STALE_SECONDS

CLOCK_OFF_SECONDS: Final = 300
"""Five minutes: what makes a time in the journal misleading to a teacher who reads it."""


ASKED_AFTER_SECONDS: Final = 0.3
"""Most devices answer sooner (desk.md section 8): a wall that says "asked" and at once "locked"
flickers and tells nothing."""


_LOST: Final = frozenset({"lost", "unreachable", "silent"})
"""Reasons of a link's end that say only that the device is not reached."""


class LockWanted(Struct, frozen=True):
    """The lock as declared to one device at `since`; version 0: none was ever.

    `only_ours`: a free that leaves alone what a colleague who shares the class has locked.
    """

    version: int = 0
    locked: bool = False
    since: float = -math.inf
    only_ours: bool = False


class Place(Struct, frozen=True):
    """A seat of the wall before anything was seen."""

    pupil: PupilId
    device: DeviceId
    name: str
    seat: int


class Shown(Struct, frozen=True):
    """A state and what goes with it."""

    state: State
    since: float = 0.0
    reason: str = ""


def tile_of(
    place: Place,
    seen: Evidence | None,
    lock: LockWanted,
    *,
    others_locked: bool,
    now: float,
    elsewhere: Elsewhere | None = None,
) -> Tile:
    """Draw one tile from what its device said. `others_locked`: freed by name is worth a word."""
    if seen is not None:
        lock = _that_holds(seen, lock)
    if seen is None or not _was_seen(seen):
        shown = _missing(seen.why_gone if seen else "", elsewhere)
        seen = Evidence(place.device)
    else:
        shown = _shown(seen, lock, now)
        if shown.state is State.GONE:
            shown = _gone_to(shown, elsewhere)
    held = _held(seen, lock, now)
    free = _free(seen, lock, now)
    return Tile(
        place.pupil,
        place.device,
        place.name,
        place.seat,
        shown.state,
        since=shown.since,
        reason=shown.reason,
        freed=others_locked and free and not lock.locked,
        wish=seen.wish,
        battery_percent=seen.battery_percent,
        fact=_fact(seen),
        held=held,
        free=free,
        claim=seen.claim,
        until=seen.overruled_until if shown.state is State.OTHER_LESSON else 0.0,
        screens=seen.screens,
    )


def wall(
    roster: Roster,
    sitting: Mapping[DeviceId, PupilId],
    seen: Mapping[DeviceId, Evidence],
    locks: Mapping[DeviceId, LockWanted],
    now: float,
    elsewhere: Mapping[DeviceId, Elsewhere] = MappingProxyType({}),
) -> tuple[Tile, ...]:
    """Draw the whole class in the order of seats; a device with nobody comes after the pupils.

    A shared device appears once it was seen; before that it is nobody's absence.
    """
    others = any(lock.locked for lock in locks.values())
    return tuple(
        tile_of(
            place,
            seen.get(place.device),
            locks.get(place.device, LockWanted()),
            others_locked=others,
            now=now,
            elsewhere=elsewhere.get(place.device),
        )
        for place in places(roster, sitting, seen)
    )


def places(
    roster: Roster, sitting: Mapping[DeviceId, PupilId], seen: Mapping[DeviceId, Evidence]
) -> Iterable[Place]:
    at = {pupil: device for device, pupil in sitting.items() if pupil}
    known = {pupil.id for pupil in roster.pupils}
    for pupil in sorted(roster.pupils, key=lambda pupil: (pupil.seat, pupil.display)):
        yield Place(pupil.id, at.get(pupil.id, DeviceId("")), pupil.display, pupil.seat)
    for device in roster.devices:
        been = seen.get(device.id)
        if sitting.get(device.id) in known or been is None or not _was_seen(been):
            continue
        yield Place(PupilId(""), device.id, device.name, 0)


def held(tiles: Iterable[Tile], scope: frozenset[str] | None = None) -> tuple[int, int]:
    """Count "26 of 28 locked": receipts, and the scope (keys of tiles; None: all)."""
    chosen = [tile for tile in tiles if scope is None or tile.key in scope]
    return sum(tile.held for tile in chosen), len(chosen)


def free(tiles: Iterable[Tile], scope: frozenset[str] | None = None) -> tuple[int, int]:
    """Count "28 of 28 free": devices whose own last word is that they are."""
    chosen = [tile for tile in tiles if scope is None or tile.key in scope]
    return sum(tile.free for tile in chosen), len(chosen)


def _missing(why: str, elsewhere: Elsewhere | None) -> Shown:
    """Say of a device that has not come whether it is known to be on another network.

    Where it was met last is a sign only when it was tried there and does not answer.
    """
    if elsewhere is not None and why in {"", "unreachable"}:
        if elsewhere.said:
            return Shown(State.OTHER_NETWORK, elsewhere.said_at, elsewhere.said)
        if elsewhere.met and why:
            return Shown(State.OTHER_NETWORK, reason=elsewhere.met)
    return Shown(State.NOT_HERE, reason=why)


def _gone_to(gone: Shown, elsewhere: Elsewhere | None) -> Shown:
    """Say where a device is that was here: by its own word since it left, or for want of our way.

    Where this computer has left the network on which they met, it is we who went.
    """
    if elsewhere is None or gone.reason not in _LOST:
        return gone
    if elsewhere.said and elsewhere.said_at > gone.since:
        return Shown(State.OTHER_NETWORK, elsewhere.said_at, elsewhere.said)
    return Shown(State.OTHER_NETWORK, reason=elsewhere.met) if elsewhere.met else gone


def _was_seen(seen: Evidence) -> bool:
    return seen.up_since is not None or seen.gone_since is not None


def here(seen: Evidence, now: float) -> bool:
    """Whether the device is linked and was heard of lately; else the wall says that it is gone."""
    return seen.up_since is not None and now - seen.heard_at <= GONE_SECONDS


def _that_holds(seen: Evidence, lock: LockWanted) -> LockWanted:
    """Return our lock, or a colleague's who shares the class, where that is the newer word.

    With the free of a lesson's beginning a device need not answer: it may have nothing of ours.
    Whether there is a colleague the device has said; else no higher number than ours is believed.
    """
    kept = seen.report("attention")
    if kept is None or seen.overruled:
        return lock
    report, since = kept
    newer = lock.version < report.version <= seen.anothers
    if newer or (lock.only_ours and (report.state == "free" or seen.company)):
        return LockWanted(report.version, report.state != "free", since)
    return lock


def _held(seen: Evidence, lock: LockWanted, now: float) -> bool:
    return (
        lock.locked
        and seen.twin_at is None
        and here(seen, now)
        and seen.proved_version == lock.version
        and 0 <= now - seen.proved_at <= PROOF_OLD_SECONDS
        and not _failed(seen, lock)
    )


def _failed(seen: Evidence, lock: LockWanted) -> str:
    """Why the declared lock does not cover, in the device's word; empty: it does not say so."""
    kept = seen.report("attention")
    if not lock.locked:
        return ""
    if kept is None or kept[0].version != lock.version:
        return seen.refused
    report = kept[0]
    return (report.reason or report.state) if report.state in {"failed", "free"} else ""


def _free(seen: Evidence, lock: LockWanted, now: float) -> bool:
    kept = seen.report("attention")
    if lock.locked or seen.twin_at is not None or not here(seen, now):
        return False
    if lock.version == 0:
        return seen.proved_version == 0
    return kept is not None and kept[0].state == "free" and kept[0].version >= lock.version


def _shown(  # noqa: C901 - one case a row of the table
    seen: Evidence, lock: LockWanted, now: float
) -> Shown:
    """Choose by desk.md section 3's priority: the first that is true."""
    if seen.up_since is None:
        return Shown(State.GONE, seen.gone_since or 0.0, seen.why_gone)
    if not here(seen, now):
        return Shown(State.GONE, seen.heard_at, "silent")
    if seen.overruled:
        return Shown(State.OTHER_LESSON, seen.heard_at, seen.overruled)
    if why := _failed(seen, lock):
        return Shown(State.NOT_COVERED, _since(seen, "attention"), why)
    if seen.twin_at is not None:
        return Shown(State.TWIN, seen.up_since)
    if abs(seen.clock_off_seconds) > CLOCK_OFF_SECONDS:
        return Shown(State.CLOCK, seen.up_since, str(seen.clock_off_seconds))
    if _held(seen, lock, now):
        return Shown(State.LOCKED, _since(seen, "attention"))
    if lock.version and not _free(seen, lock, now):
        if now - lock.since < ASKED_AFTER_SECONDS:
            return _answering(seen, now)
        return Shown(State.ASKED, reason="" if lock.locked else "free")
    return _picture(seen, now)


def _answering(seen: Evidence, now: float) -> Shown:
    """Show what the device last said of itself, while its answer is on the way."""
    kept = seen.report("attention")
    if kept is not None and kept[0].state == "locked":
        return Shown(State.LOCKED, kept[1])
    return _picture(seen, now)


UNREADABLE: Final = "the picture is not whole"
"""The word that a device says of its own capture."""


def _picture(seen: Evidence, now: float) -> Shown:
    watching = seen.report("watching")
    state, reason = (watching[0].state, watching[0].reason) if watching else ("on", "")
    match state:
        case "dark":
            return Shown(State.DARK, _since(seen, "watching"), reason)
        case "private":
            return Shown(State.PRIVATE, _since(seen, "watching"), reason)
        case "failed":
            # It says that there is no bar; that nobody is there to see one says more.
            why = NO_SEAT if _no_bar(seen) == NO_SEAT else reason
            return Shown(State.WAITING, _since(seen, "watching"), why)
        case _:
            pass  # "on", or a word of another feature
    if seen.unreadable_at is not None:
        return Shown(State.WAITING, seen.unreadable_at, UNREADABLE)
    if seen.shown_at is None:
        return Shown(State.WAITING, reason=_no_bar(seen))
    if now - seen.shown_at > STALE_SECONDS:
        return Shown(State.STALE, seen.shown_at)
    return Shown(State.LIVE)


def _no_bar(seen: Evidence) -> str:
    presence = seen.report("presence")
    return presence[0].reason if presence and presence[0].state == "failed" else ""


def _since(seen: Evidence, feature: str) -> float:
    kept = seen.report(feature)
    return kept[1] if kept else 0.0


def _fact(seen: Evidence) -> str:
    if seen.handed_in:
        return "handed-in"
    # Where several were handed out, the newest is what the teacher waits for.
    newest = seen.materials[-1] if seen.materials else None
    return newest.state if newest and newest.state in {"arrived", "opened"} else ""
