"""The way back in for a teacher whose sign-in the school no longer knows."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from classroom_app.domain.errors import AnotherTeacher
from classroom_app.presenters.first_run import Known
from classroom_app.presenters.journal import JournalRow
from classroom_app.presenters.receipts import School
from classroom_app.presenters.standing import DecidedRow, decided_words
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, lively, roster
from tests.ui.test_desk import click, press

pytestmark = pytest.mark.real_loop
ENDED = School(synced_at=NOW - 90_000, waiting=3, why="not-signed-in")
CLAIRE = Known("https://ecole", "e1", "claire", "Claire Lambert")


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()

    def begin() -> None:
        made.first.begin_anew(CLAIRE)
        made.desk.go("anew")

    made.desk.anew_asked.connect(begin)
    made.first.came_in()
    made.window.show()
    made.window.activateWindow()
    assert QTest.qWaitForWindowActive(made.window)
    return made


def shows(room: Room, school: School) -> None:
    room.desk.show_school(school)
    room.desk.changed.emit()  # as its pace does
    room.settle()


def test_above_the_classes_it_says_what_is_the_matter_and_offers_the_way_back(room: Room) -> None:
    room.classes.show([roster()])
    room.desk.go("classes")
    row = room.window.classes.anew
    shows(room, School(reached=True, synced_at=NOW))
    assert not row.isVisible()
    shows(room, ENDED)
    assert row.matter.text().startswith("The school no longer knows this sign-in.")
    assert room.button("sync-now").text().strip() == "Sign in anew: nothing goes to the school"
    assert room.button("sign-in-anew").toolTip()
    click(room, "sign-in-anew")
    fields = room.window.first_run.fields
    known = [fields[name].text() for name in ("server", "school", "login", "password")]
    assert known == ["https://ecole", "e1", "claire", ""]
    assert room.window.focusWidget() is fields["password"], "nothing else is to be typed"
    assert (room.first.title(), room.first.under()) == (
        "Sign in anew",
        "As Claire Lambert. All that is here stays.",
    )
    assert not room.window.first_run.no_server.isVisible()
    press(room, Qt.Key.Key_Escape)
    assert (room.desk.page, room.first.anew) == ("classes", None)


def test_in_a_lesson_the_sheet_offers_it_and_one_comes_back_to_the_wall(room: Room) -> None:
    room.begin(lively())
    shows(room, ENDED)
    click(room, "sync-now")
    again = room.button("sign-in-anew")
    again.setFocus()
    QTest.keyClick(again, Qt.Key.Key_Return)
    assert room.desk.page == "anew"
    room.acts.refuses = AnotherTeacher("Claire Lambert")
    QTest.keyClicks(room.window.first_run.fields["password"], "pw")
    press(room, Qt.Key.Key_Return)
    assert (room.first.told.about, room.first.told.wrong) == ("login", True)
    assert room.first.told.words.startswith("Here are the lessons of Claire Lambert.")
    room.acts.refuses = None
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked[-1] == ("sign-in", (), "https://ecole/e1/claire/pw")
    click(room, "back")
    assert room.desk.page == "wall"
    assert not room.window.first_run.fields["password"].text(), "nobody reads it there later"


def test_each_thing_in_the_way_is_named_and_each_decision_is_a_sentence(room: Room) -> None:
    said: set[str] = set()
    of_the_school = "not-signed-in", "refused", "no-room", "storage", "not-a-server"
    whys = *of_the_school, "portal", "clock", "unreachable", "not-kept", "server-fault", "https"
    for why in whys:
        shows(room, School(synced_at=NOW - 90_000, why=why))
        said.add(room.desk.school_words())
    assert len(said) == len(whys)
    for why in ("foreign-origin", "sequence-taken", "id-taken"):
        told = decided_words(DecidedRow(JournalRow("a", NOW, "lesson-started"), why))
        assert why not in told
        assert "administrator" in told
