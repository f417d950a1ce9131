"""The lesson's journal for people: who, what, when."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from classroom_app.domain.acts import (
    AnyAct,
    CollectAsked,
    CollectDone,
    ControlEnded,
    ControlTaken,
    DeviceCame,
    HandedOut,
    HandInKept,
    HandOutReported,
    HandOutWithdrawn,
    Kept,
    LessonExtended,
    LessonOver,
    LessonShared,
    LessonStarted,
    LockAsked,
    LookedAway,
    LookedClosely,
    Overruled,
    PageOpenedAct,
    PupilAnswered,
    PupilSpoke,
    Reported,
    Said,
    Sat,
    SeatClaim,
    ShowAsked,
    Shown,
    ShowOver,
    StillAsked,
)
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId, Roster

ROWS_MAX: Final = 5000
_RECEIPTS: Final = {"locked": "locked", "free": "freed", "failed": "not-covered"}
_BAR: Final = {"on": "bar-shown", "failed": "bar-failed", "over": "bar-over"}
"""Of the bar by which a device says whose lesson it is in."""
_NOBODY: Final = PupilId("")


class Reads(Protocol):
    async def acts(self, lesson: LessonId, limit: int, after: int = 0) -> Sequence[Kept]:
        """Return the newest acts of a lesson, of those after a sequence, oldest first."""
        ...


class Names(Struct, frozen=True):
    """What pupils and devices are called, by their ids, and whose each device is."""

    called: Mapping[str, str]
    owners: Mapping[DeviceId, PupilId]

    def of(self, device: DeviceId, pupil: PupilId) -> str:
        """Return the pupil's name, or the device's; its id where the roster has it no more."""
        return self.called.get(pupil) or self.called.get(device) or device


class Row(Struct, frozen=True):
    """One line: `kind` names the sentence, `who` and `what` fill it."""

    id: str
    at: int
    kind: str
    who: str
    what: str


class Journal:
    """An act is told of the pupil who sat there when it happened, or of the device."""

    def __init__(self, reads: Reads, names: Names) -> None:
        self._reads, self._names = reads, names
        self._sits, self._newest = dict(names.owners), 0

    async def rows(self, lesson: LessonId) -> tuple[Row, ...]:
        """Return what happened in a lesson since it was last asked for, oldest first."""
        told = list[Row]()
        for each in await self._reads.acts(lesson, ROWS_MAX, self._newest):
            if isinstance(each.act, Sat):
                self._sits |= {each.act.left: _NOBODY, each.act.device: each.act.pupil}
            told.append(_row(each.act, self._names, self._sits))
            self._newest = each.sequence
        return tuple(told)

    def row(self, act: AnyAct) -> Row:
        """Return one act alone: of whom it was is told by whose the device is."""
        return _row(act, self._names, self._names.owners)


def names_of(rosters: Sequence[Roster]) -> Names:
    """Return the names by which people know pupils and devices of these classes."""
    called: dict[str, str] = {}
    owners: dict[DeviceId, PupilId] = {}
    for one in rosters:
        called |= {pupil.id: pupil.display for pupil in one.pupils}
        called |= {device.id: device.name for device in one.devices}
        owners |= {device.id: device.pupil for device in one.devices if device.pupil}
    return Names(called, owners)


def _row(act: AnyAct, names: Names, sits: Mapping[DeviceId, PupilId]) -> Row:
    return Row(act.id, act.at, *_told(act, names, sits))


def _told(  # noqa: C901, PLR0912, PLR0915 - one case an act
    act: AnyAct, names: Names, sits: Mapping[DeviceId, PupilId]
) -> tuple[str, str, str]:
    def whose(device: DeviceId, pupil: PupilId | None = None) -> str:
        return names.of(device, sits.get(device, _NOBODY) if pupil is None else pupil)

    match act:
        case LessonStarted(class_name=name):
            return "lesson-started", "", name
        case LessonExtended(ends_at=ends_at, after_end=after_end):
            return ("lesson-resumed" if after_end else "lesson-extended"), "", str(ends_at)
        case LessonShared(shared=shared):
            return ("lesson-shared" if shared else "lesson-unshared"), "", ""
        case LessonOver(why=why):
            return "lesson-ended", "", why
        case Sat(device=device, pupil=pupil, source=source):
            return ("sat" if pupil else "left-seat"), whose(device, pupil), source
        case SeatClaim(device=device, pupil=pupil):
            return "claimed", whose(device, pupil), ""
        case LockAsked(locked=locked, everybody=everybody, pupils=pupils):
            who = "" if everybody else ", ".join(names.called.get(pupil, pupil) for pupil in pupils)
            return ("lock-asked" if locked else "free-asked"), who, act.sentence
        case DeviceCame(device=device):
            return "came", whose(device), act.agent
        case Reported(feature="watching", device=device, state=state):
            return ("private" if state == "private" else "private-over"), whose(device), ""
        case Reported(feature="presence", device=device, state=state, reason=reason):
            return _BAR.get(state, f"bar-{state}"), whose(device), reason
        case Reported(device=device, state=state, reason=reason):
            return _RECEIPTS.get(state, state), whose(device), reason
        case Overruled(device=device, by=by):
            return "superseded", whose(device), by
        case LookedClosely(device=device, pupil=pupil):
            return "looked", whose(device, pupil), ""
        case LookedAway(device=device, pupil=pupil, why=why):
            return ("look-over" if why == "time" else "looked-away"), whose(device, pupil), ""
        case ControlTaken(device=device, pupil=pupil):
            return "control-taken", whose(device, pupil), ""
        case ControlEnded(device=device, pupil=pupil, why=why):
            taken = "control-taken-back" if why == "taken-back" else "control-ended"
            return taken, whose(device, pupil), ""
        case ShowAsked(source=device, pupil=pupil):
            return "shown", whose(device, pupil) if device else "", ""
        case ShowOver(why=why):
            return "show-over", "", why
        case StillAsked(device=device, pupil=pupil):
            return "still", whose(device, pupil), ""
        case HandedOut(name=name):
            return "handed-out", "", name
        case HandOutWithdrawn():
            return "withdrawn", "", ""
        case HandOutReported(device=device, state=state, reason=reason):
            return ("not-arrived" if state == "failed" else state), whose(device), reason
        case CollectAsked():
            return "collect-asked", "", ""
        case HandInKept(device=device, pupil=pupil, name=name):
            return "handed-in", whose(device, pupil), name
        case CollectDone(device=device, files=files, reason=reason):
            return "collected", whose(device), reason or str(files)
        case Said(text=text):
            return "message", "", text
        case Shown(device=device, state=state):
            return f"command-{state}", whose(device), act.reason
        case PupilSpoke(device=device, pupil=pupil, kind=kind, text=text):
            return kind, whose(device, pupil), text
        case PupilAnswered(device=device, pupil=pupil):
            return "hand-answered", whose(device, pupil), ""
        case PageOpenedAct(address=address):
            return "page-opened", "", address
