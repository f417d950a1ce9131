"""How it stands with the school, gathered for the sheet: acts with the names that people know."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Protocol

from classroom_app.domain.acts import AnyAct, HandInKept
from classroom_app.domain.lesson import ClassId, PupilId, Roster
from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.standing import DecidedRow, Standing
from classroom_app.services.journal import Journal, Reads
from classroom_app.storage.standing import Decided
from classroom_app.storage.standing import Standing as Kept


class HoldsStanding(Reads, Protocol):
    """The store, as `storage.keeping` has it."""

    async def classes(self) -> tuple[Roster, ...]: ...
    async def standing(self) -> Kept: ...


async def stands(store: HoldsStanding) -> Standing:
    """Read what waits, and what was decided otherwise than it was written."""
    rosters, found = await store.classes(), await store.standing()
    names = {pupil.id: pupil.display for one in rosters for pupil in one.pupils}
    told = Journal(store, lambda key: names.get(PupilId(key), ""))
    decided = tuple(_row(told, one, rosters) for one in found.decided)
    return Standing(found.events, found.files, found.file_bytes, decided)


def _row(told: Journal, one: Decided, rosters: Sequence[Roster]) -> DecidedRow:
    row, lesson, act = told.row(one.act, sent=False), one.lesson, one.act
    who = row.who or _once_named(act)
    return DecidedRow(
        JournalRow(row.id, row.at, row.kind, who, row.what),
        one.reason,
        one.work,
        lesson.class_name if lesson else "",
        lesson.at if lesson else 0,
        _now_in(act, rosters) if isinstance(act, HandInKept) else "",
        isinstance(act, HandInKept) and one.reason != "lost-here",
    )


def _once_named(act: AnyAct) -> str:
    """Return the name of the folder that work lies in: its pupil's, who may be in no class of ours.

    The roster has forgotten who has left; this was written when they were there.
    """
    return PurePath(act.path).parent.name if isinstance(act, HandInKept) else ""


def _now_in(act: HandInKept, rosters: Sequence[Roster]) -> str:
    """Return the class that this pupil is in now, where it is another one of this teacher's."""
    classes = {
        one.id: one.name for one in rosters if act.pupil in {pupil.id for pupil in one.pupils}
    }
    if not act.pupil or ClassId(act.class_id) in classes:
        return ""
    return next(iter(classes.values()), "")
