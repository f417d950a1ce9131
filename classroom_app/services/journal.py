"""The lesson's journal for people: who, what, when."""

from collections.abc import Callable, Sequence
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
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId

ROWS_MAX: Final = 5000
_RECEIPTS: Final = {"locked": "locked", "free": "freed", "failed": "not-covered"}


class Reads(Protocol):
    async def acts(self, lesson: LessonId, limit: int) -> Sequence[Kept]:
        """Return the newest acts of a lesson, oldest first."""
        ...


class Row(Struct, frozen=True):
    """One line: `kind` names the sentence, `who` and `what` fill it."""

    id: str
    at: int
    kind: str
    who: str
    what: str
    sent: bool


class Journal:
    """`name_of` gives a tile's name for a pupil, or a device's where nobody sits."""

    def __init__(self, reads: Reads, name_of: Callable[[str], str]) -> None:
        self._reads = reads
        self._name_of = name_of

    async def rows(self, lesson: LessonId) -> tuple[Row, ...]:
        """Return what happened in a lesson, oldest first."""
        kept = await self._reads.acts(lesson, ROWS_MAX)
        return tuple(self.row(each.act, sent=each.state == "applied") for each in kept)

    def row(self, act: AnyAct, *, sent: bool) -> Row:
        kind, who, what = _told(act, self._name_of)
        return Row(act.id, act.at, kind, who, what, sent)


def _told(act: AnyAct, name_of: Callable[[str], str]) -> tuple[str, str, str]:  # noqa: C901, PLR0912, PLR0915 - one case an act
    def whose(device: DeviceId, pupil: PupilId | None = None) -> str:
        return name_of(pupil or device)

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
            return "sat", whose(device, pupil), source
        case SeatClaim(device=device, pupil=pupil):
            return "sat", whose(device, pupil), "?"
        case LockAsked(locked=locked, everybody=everybody, pupils=pupils):
            who = "" if everybody else ", ".join(name_of(pupil) for pupil in pupils)
            return ("lock-asked" if locked else "free-asked"), who, act.sentence
        case DeviceCame(device=device):
            return "came", whose(device), act.agent
        case Reported(feature="watching", device=device, state=state):
            return ("private" if state == "private" else "private-over"), whose(device), ""
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
            return state, whose(device), reason
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
