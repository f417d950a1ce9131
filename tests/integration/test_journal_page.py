"""The journal's page beside a lesson that writes: only what is new is read, a page stays one."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex

from central_mdm.contract.roster import Change, ClassRow, PupilRow
from classroom_app.domain.acts import Kept, PupilSpoke
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId
from classroom_app.journal_page import JournalPage
from classroom_app.presenters.journal import JournalModel, JournalRow
from classroom_app.services.journal import ROWS_MAX
from classroom_app.storage.keeping import Keeping, open_keeping

LESSON, NEXT = LessonId("lesson-1"), LessonId("lesson-2")
SCOPE = "class:5B"


class Read:
    """Counts the acts that are read."""

    def __init__(self, keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: list[int] = []
        self._acts = keeping.acts
        monkeypatch.setattr(keeping, "acts", self._count)

    async def _count(self, lesson: LessonId, limit: int, after: int = 0) -> Sequence[Kept]:
        acts = await self._acts(lesson, limit, after)
        self.counts.append(len(acts))
        return acts


def lines(model: JournalModel) -> list[str]:
    return [str(model.index(row).data()).split("   ")[1] for row in range(model.rowCount())]


async def say(keeping: Keeping, *ids: str, lesson: LessonId = LESSON) -> None:
    for one in ids:
        spoke = PupilSpoke(
            id=one,
            lesson=lesson,
            at=10,
            device=DeviceId("d"),
            pupil=PupilId("p"),
            kind="hand-up",
            text=one,
        )
        assert await keeping.remember(spoke)


async def test_the_page_reads_what_is_new_and_all_where_it_may_read_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = await open_keeping(tmp_path)
    try:
        model, read = JournalModel(), Read(keeping, monkeypatch)
        page, resets = JournalPage(keeping, model), list[bool]()
        model.modelReset.connect(lambda: resets.append(True))
        await say(keeping, "1", "2")
        await page.look(LESSON)
        await say(keeping, "3")
        await asyncio.gather(page.look(LESSON), page.look(LESSON))
        assert lines(model) == ["Hand up · d · 3", "Hand up · d · 2", "Hand up · d · 1"]
        assert (read.counts, len(resets)) == ([2, 1, 0], 1)

        rows = (ClassRow("5B", "5e B"), PupilRow("p", "5B", "Lina", "Test", "Lina", 1))
        kinds = zip(("class", "pupil"), rows, strict=True)
        changes = tuple(Change(n, kind, row.id, row) for n, (kind, row) in enumerate(kinds, 1))
        assert await keeping.apply(SCOPE, "epoch", changes, "on", 2, "")
        await say(keeping, "4")
        await page.look(LESSON)
        assert lines(model)[:2] == ["Hand up · Lina · 4", "Hand up · Lina · 3"]

        assert await keeping.erase(PupilId("p")) == 4
        await page.look(LESSON)
        assert lines(model) == ["Hand up · d"] * 4, "what was erased is shown no longer"

        await say(keeping, "5", lesson=NEXT)
        await page.look(NEXT)
        assert lines(model) == ["Hand up · Lina · 5"]
        assert (read.counts[3:], len(resets)) == ([4, 4, 1], 4)
    finally:
        await keeping.close()


def test_a_page_that_is_full_lets_the_oldest_go_and_moves_no_reader_away() -> None:
    model, gone = JournalModel(), list[tuple[int, int]]()

    def left(parent: QModelIndex, first: int, last: int) -> None:
        del parent
        gone.append((first, last))

    def row(number: int) -> JournalRow:
        return JournalRow(str(number), 0, "hand-up", str(number))

    model.show([row(number) for number in range(ROWS_MAX - 1)])
    model.rowsRemoved.connect(left)
    model.add([row(ROWS_MAX + number) for number in range(3)])
    assert gone == [(ROWS_MAX, ROWS_MAX + 1)]
    assert model.rowCount() == ROWS_MAX
    assert str(model.index(0).data()).endswith(f"Hand up · {ROWS_MAX + 2}")
    assert str(model.index(ROWS_MAX - 1).data()).endswith("Hand up · 2")
