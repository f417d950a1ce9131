"""Documents that stand ready: ticked and given in a lesson, chosen before it, all from the keys."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QScrollArea, QWidget

from classroom_app.demo.puppet import drop
from classroom_app.domain.errors import EmptyFile, StoreFull
from classroom_app.domain.lesson import ClassId
from classroom_app.domain.ready import Offered
from classroom_app.views.classes import ClassCard
from classroom_app.views.handing_out import DocumentsSheet, HandOutSheet, ReadySheet
from classroom_app.views.ready import ROW, ROWS_SEEN, DocumentLine
from tests.ui.conftest import Opens
from tests.ui.room import LESSON, Room, classroom, offered, roster

pytestmark = pytest.mark.real_loop
CLASS = LESSON.class_id
NAMES = ("plan.pdf", "map.png", "film.mp4")
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.acts.ready[CLASS] = tuple(offered(name) for name in NAMES)
    made.begin(classroom(2))
    made.window.activateWindow()
    made.window.wall.setFocus()
    return made


def press(room: Room, *keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(room.window.focusWidget() or room.window, key)


def sheet_of(room: Room) -> ReadySheet:
    sheet = room.window.sheets.open_sheet
    assert isinstance(sheet, ReadySheet)
    return sheet


def hand_out(room: Room) -> ReadySheet:
    QTest.keyClick(room.window, Qt.Key.Key_D, CTRL)
    sheet = sheet_of(room)
    assert isinstance(sheet, HandOutSheet)
    return sheet


def names(room: Room) -> list[str]:
    return [row.line.one.ready.name for row in sheet_of(room).list.rows]


def words(room: Room) -> list[str]:
    return [one.text() for one in sheet_of(room).findChildren(QLabel) if one.isVisible()]


def focused(room: Room) -> str:
    """Return the name of the document whose line has the keyboard."""
    held: QWidget | None = room.window.focusWidget()
    return held.one.ready.name if isinstance(held, DocumentLine) else ""


def visible(room: Room, name: str) -> bool:
    found = sheet_of(room).findChildren(QAbstractButton, name)
    return any(one.isVisible() for one in found)


def test_space_ticks_arrows_walk_and_enter_hands_out_what_is_ticked(room: Room) -> None:
    hand_out(room)
    assert focused(room) == "plan.pdf"
    assert not room.button("hand-out-now").isEnabled()
    press(room, Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Space)
    assert focused(room) == "film.mp4"
    press(room, Qt.Key.Key_Return)
    assert [(what, more) for what, _, more in room.acts.asked] == [
        ("hand-out", "plan.pdf,film.mp4")
    ]
    assert len(room.acts.asked[0][1]) == 2


def test_files_chosen_now_go_along_with_what_is_ticked(room: Room) -> None:
    sheet = hand_out(room)
    press(room, Qt.Key.Key_Return)  # nothing is chosen yet: it ticks
    sheet.taken([Path("new.txt")])
    assert "new.txt" in words(room)
    press(room, Qt.Key.Key_Return)
    assert [more for _, _, more in room.acts.asked] == ["plan.pdf,new.txt"]


def test_files_chosen_now_can_be_kept_for_later_instead(room: Room) -> None:
    sheet = hand_out(room)
    assert not visible(room, "keep-ready")
    press(room, Qt.Key.Key_Space)
    sheet.taken([Path("a.txt"), Path("b.txt")])
    press(room, Qt.Key.Key_Tab, Qt.Key.Key_Return)
    kept = [("keep-ready", "c1 a.txt"), ("keep-ready", "c1 b.txt")]
    assert [(what, more) for what, _, more in room.acts.asked] == kept
    assert names(room) == [*NAMES, "a.txt", "b.txt"]
    assert [one.name for one in sheet.list.ticked()] == ["plan.pdf"]
    assert not visible(room, "keep-ready")


def test_delete_takes_out_and_the_next_line_has_the_keyboard(room: Room) -> None:
    hand_out(room)
    press(room, Qt.Key.Key_Down, Qt.Key.Key_Delete)
    assert (names(room), focused(room)) == (["plan.pdf", "film.mp4"], "film.mp4")
    press(room, Qt.Key.Key_Tab)
    button: QWidget | None = room.window.focusWidget()
    assert button is not None
    assert button.accessibleName() == "Remove film.mp4"
    assert button.toolTip() == "Remove"
    press(room, Qt.Key.Key_Space, Qt.Key.Key_Space)
    assert names(room) == []
    assert room.window.focusWidget() is room.button("hand-out-choose")
    assert "No file chosen yet. You may also drop files here." in words(room)


def test_what_is_no_longer_here_says_so_and_can_only_be_removed(room: Room) -> None:
    room.acts.ready[CLASS] = (offered("lost.pdf", here=False), offered("plan.pdf"))
    sheet = hand_out(room)
    lost, plan = (row.line for row in sheet.list.rows)
    assert (lost.accessibleName(), lost.isEnabled()) == ("lost.pdf, no longer here", False)
    assert plan.accessibleName() == "plan.pdf, 1.2 MB"
    assert "Chosen on " in plan.toolTip()
    assert focused(room) == "plan.pdf"
    sheet.list.rows[0].remove.click()
    assert names(room) == ["plan.pdf"]


def test_a_name_that_would_be_read_otherwise_is_shown_as_plain_text(room: Room) -> None:
    room.acts.ready[CLASS] = (offered("<b>a</b>\u202efdp.exe"),)
    (row,) = hand_out(room).list.rows
    assert row.line.accessibleName() == "<b>a</b> fdp.exe, 1.2 MB"
    assert "&lt;b&gt;a&lt;/b&gt; fdp.exe<br>" in row.line.toolTip()


def test_more_than_six_scroll_and_the_keyboard_stays_in_sight(room: Room) -> None:
    room.acts.ready[CLASS] = tuple(offered(f"{number}.txt") for number in range(12))
    sheet = hand_out(room)
    room.settle()
    (area,) = sheet.findChildren(QScrollArea)
    assert area.height() == ROWS_SEEN * ROW
    press(room, *[Qt.Key.Key_Down] * 11)
    assert focused(room) == "11.txt"
    last, seen = sheet.list.rows[11], area.viewport()
    assert seen.rect().contains(last.rect().translated(last.mapTo(seen, QPoint(0, 0))))


def test_a_file_that_cannot_be_taken_is_named_and_keeps_back_no_other(room: Room) -> None:
    sheet = hand_out(room)
    sheet.taken([Path("empty.txt"), Path("good.txt")])
    room.acts.refuses_once = EmptyFile("empty.txt")
    room.button("keep-ready").click()
    assert names(room)[-1] == "good.txt"
    assert "empty.txt is empty. Choose another file." in words(room)
    sheet.taken([Path("large.mp4")])
    room.acts.refuses_once = StoreFull()
    room.button("keep-ready").click()
    told = "large.mp4: This computer is full. Make room; nothing is lost."
    assert told in words(room)
    room.window.close_sheet()
    room.acts.refuses_once = EmptyFile("late.txt")
    room.desk.ready.choose([Path("late.txt")])
    assert room.desk.said().text == "late.txt is empty. Choose another file."


def to_classes(room: Room) -> None:
    room.classes.show([roster()])
    room.desk.ended("")
    room.settle()


def test_documents_are_chosen_before_a_lesson_on_the_page_of_classes(room: Room) -> None:
    to_classes(room)
    room.button("documents-c1").setFocus()
    press(room, Qt.Key.Key_Space)
    sheet = sheet_of(room)
    assert isinstance(sheet, DocumentsSheet)
    assert sheet.accessibleName() == "Documents for 5e B"
    assert names(room) == [*NAMES]
    assert room.window.focusWidget() is room.button("hand-out-choose")
    sheet.taken([Path("new.txt")])
    assert names(room) == [*NAMES, "new.txt"]
    sheet.list.rows[0].remove.setFocus()
    press(room, Qt.Key.Key_Return)
    assert names(room) == ["map.png", "film.mp4", "new.txt"]
    press(room, Qt.Key.Key_Escape)
    assert room.desk.page == "classes"
    assert room.window.focusWidget() is room.button("documents-c1")


def test_files_dropped_on_a_class_stand_ready_for_it(room: Room, tmp_path: Path) -> None:
    to_classes(room)
    (tmp_path / "new.txt").write_text("Page 12")
    (card,) = room.window.findChildren(ClassCard)
    drop(card, [str(tmp_path / "new.txt"), str(tmp_path)])  # a folder is no document
    assert names(room) == [*NAMES, "new.txt"]
    (tmp_path / "newer.txt").write_text("Page 13")
    drop(sheet_of(room), [str(tmp_path / "newer.txt")])
    assert names(room)[-1] == "newer.txt"


def test_files_dropped_on_the_wall_leave_ticked_what_is_ticked(room: Room, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Page 12")
    hand_out(room)
    press(room, Qt.Key.Key_Space)
    drop(room.window, [str(tmp_path / "new.txt")])
    press(room, Qt.Key.Key_Return)
    drop(room.window, [str(tmp_path / "new.txt")])
    press(room, Qt.Key.Key_Return)
    assert [more for _, _, more in room.acts.asked] == ["plan.pdf,new.txt", "new.txt"]


def test_a_file_being_copied_is_named_while_the_sheet_is_open(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def slow(class_id: ClassId, path: Path) -> None:
        del class_id, path
        room.desk.ready.changed.emit()
        seen.extend(one for one in words(room) if one.startswith("Copying"))

    hand_out(room)
    monkeypatch.setattr(room.acts, "keep_ready", slow)
    room.desk.ready.choose([Path("film.mp4"), Path("plan.pdf")])
    assert seen == ["Copying film.mp4… Then 1 more.", "Copying plan.pdf…"]
    assert not any(one.startswith("Copying") for one in words(room))


def test_the_list_is_that_of_the_lesson_again_after_another_class_was_looked_at(
    room: Room,
) -> None:
    other: tuple[Offered, ...] = (offered("other.txt"),)
    room.acts.ready[ClassId("c9")] = other
    room.desk.ask_documents(ClassId("c9"), "6e A")
    assert names(room) == ["other.txt"]
    hand_out(room)
    assert names(room) == [*NAMES]
