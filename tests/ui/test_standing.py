"""The sheet that says where the exchange with the school stands."""

import pytest
from PySide6.QtWidgets import QLabel

from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.receipts import School
from classroom_app.presenters.standing import DecidedRow, Standing
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, lively

MOVED = DecidedRow(
    JournalRow("a", NOW, "handed-in", "Emma", "pond.pdf"), "foreign-pupil", work=True
)


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(lively())
    return made


def click(room: Room, name: str) -> None:
    room.button(name).click()


def words(room: Room) -> list[str]:
    sheet = room.window.sheets.open_sheet
    assert sheet is not None
    return [one.text() for one in sheet.findChildren(QLabel) if one.isVisible()]


def test_the_sheet_tells_what_waits_what_was_decided_and_why(room: Room) -> None:
    asked, seen = list[int](), list[int]()
    room.desk.standing_asked.connect(lambda: asked.append(1))
    room.desk.decided_seen.connect(lambda: seen.append(1))
    room.desk.show_school(School(synced_at=NOW - 90000, waiting=3, why="portal"))
    assert room.desk.school_words() == "This network wants you to sign in first"
    click(room, "sync-now")
    assert asked
    room.desk.show_standing(Standing(2, 1, 2_000_000, (MOVED,)))
    room.desk.changed.emit()  # as its pace does
    room.settle()
    told = words(room)
    assert any("open any page in your browser" in one for one in told)
    assert "Waiting: 2 entries of the journal · 1 collected work (2.0 MB)" in told
    assert any(one.endswith("Work taken in · Emma · pond.pdf") for one in told)
    assert "The pupil is no longer in this class." in told
    click(room, "standing-seen")
    assert seen


def test_in_step_nothing_asks_to_be_seen(room: Room) -> None:
    room.desk.show_school(School(reached=True, synced_at=NOW))
    click(room, "sync-now")
    room.settle()
    told = words(room)
    assert told[1].startswith("Last in step: ")
    assert told[2:] == ["Nothing waits."]
    sheet = room.window.sheets.open_sheet
    assert sheet is not None
    click(room, "sync-again")
    assert sheet.isVisible()
    assert [name for name, *_ in room.acts.asked] == ["sync-now"] * 2
