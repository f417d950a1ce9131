"""How it stands with the school, gathered for the sheet: acts with the names that people know."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Protocol

from classroom_app.domain.acts import HandInKept
from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.standing import DecidedRow, Standing
from classroom_app.services.journal import Journal, Names, Reads, names_of
from classroom_app.storage.standing import Decided, saves
from classroom_app.storage.standing import Standing as Kept


class HoldsStanding(Reads, Protocol):
    """The store, as `storage.keeping` has it."""

    async def classes(self) -> tuple[Roster, ...]: ...
    async def standing(self) -> Kept: ...


async def stands(store: HoldsStanding) -> Standing:
    """Read what waits, and what was decided otherwise than it was written."""
    rosters, found = await store.classes(), await store.standing()
    names = names_of(rosters)
    told = Journal(store, names)
    decided = tuple(_row(told, names, one, rosters) for one in found.decided)
    further = found.further, found.further_works
    return Standing(found.events, found.files, found.file_bytes, decided, *further)


def _row(told: Journal, names: Names, one: Decided, rosters: Sequence[Roster]) -> DecidedRow:
    row, lesson, act = told.row(one.act), one.lesson, one.act
    who = (_once_named(act, names) if isinstance(act, HandInKept) else "") or row.who
    return DecidedRow(
        JournalRow(row.id, row.at, row.kind, who, row.what),
        one.reason,
        one.work,
        lesson.class_name if lesson else "",
        lesson.at if lesson else 0,
        _now_in(act, rosters) if isinstance(act, HandInKept) else "",
        saves(one),
    )


def _once_named(act: HandInKept, names: Names) -> str:
    """Return whose a work is; of who is in no class of ours, the name of the folder it lies in.

    The roster has forgotten who has left; that was written when they were there.
    """
    return names.called.get(act.pupil) or PurePath(act.path).parent.name


def _now_in(act: HandInKept, rosters: Sequence[Roster]) -> str:
    """Return the class that this pupil is in now, where it is another one of this teacher's."""
    classes = {
        one.id: one.name for one in rosters if act.pupil in {pupil.id for pupil in one.pupils}
    }
    if not act.pupil or ClassId(act.class_id) in classes:
        return ""
    return next(iter(classes.values()), "")
