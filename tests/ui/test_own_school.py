"""Starting a school and adding devices, from the keyboard and as it is read."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from classroom_app.domain.errors import AuthorityLocked
from classroom_app.domain.founding import displays, read_pupils
from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.pairing import Asker
from classroom_app.presenters.words import LANGUAGES
from classroom_app.views.classes import ClassCard
from classroom_app.views.pairing import AskerRow
from tests.ui.conftest import Opens
from tests.ui.room import Room


class FakeWindow(Struct):
    askers_: list[Asker] = []
    over: str = ""
    seconds_left: float = 272.0
    code: str = "K7M2QX"
    secret: str = "PUPITRE:PAIR:" + "A" * 26 + ":" + "B" * 52
    said: list[tuple[str, object]] = []

    def askers(self) -> Sequence[Asker]:
        return self.askers_

    def answer(self, label: str, *, yes: bool) -> None:
        self.said.append((label, yes))

    def try_code(self, label: str, typed: str) -> None:
        self.said.append((label, typed))


CART = [
    Asker("11112222", "paired", "Tablet 1"),
    Asker("22223333", "asks", "Tablet 2"),
    Asker("33334444", "code"),
    Asker("44445555", "refused", "<b>root</b>"),
]


def pairing_in(room: Room, window: FakeWindow) -> Room:
    room.classes.pairing.open(ClassId("c0"), "5e B")
    room.classes.pairing.show(window)
    room.desk.go("pairing")
    room.window.resize(1366, 768)
    room.window.show()
    room.settle()
    return room


def test_in_a_low_window_the_words_about_a_field_come_into_sight(opened: Opens) -> None:
    room = opened("de")
    room.window.resize(1024, 600)
    room.window.show()
    room.button("no-server").click()
    room.settle()
    form = room.window.first_run.founding
    for name in ("own-school", "own-teacher", "own-class"):
        form.fields[name].setText("5B")
    form.pupils.setPlainText("Lina Berg")
    QTest.keyClicks(form.fields["own-passphrase"], "short")
    QTest.keyClick(form.fields["own-passphrase"], Qt.Key.Key_Return)
    room.settle()
    line = form.beneath.lines["own-passphrase"]
    assert line.visibleRegion().boundingRect() == line.rect()


def test_a_school_is_started_from_the_keyboard(opened: Opens) -> None:
    room = opened()
    room.window.show()
    button = room.window.first_run.no_server
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    form = room.window.first_run.founding
    assert form.isVisible()
    assert room.window.focusWidget() is form.fields["own-school"]
    texts = {"own-school": "Dorfschule", "own-teacher": "Ms Vidal", "own-class": "5B"}
    for name, text in texts.items():
        QTest.keyClicks(form.fields[name], text)
    form.pupils.setPlainText("Lina Berg\nNoah Weil")
    QTest.keyClicks(form.fields["own-passphrase"], "short")
    QTest.keyClick(form.fields["own-passphrase"], Qt.Key.Key_Return)
    assert (
        form.beneath.lines["own-passphrase"].text() == "The passphrase needs 12 characters or more."
    )
    assert form.fields["own-passphrase"].selectedText(), "typing takes its place"
    form.fields["own-passphrase"].end(False)  # noqa: FBT003 - Qt's
    QTest.keyClicks(form.fields["own-passphrase"], " no more of it")
    again = form.fields["own-again"]
    QTest.keyClicks(again, "short no more of if")
    QTest.keyClick(again, Qt.Key.Key_Return)
    assert form.beneath.lines["own-again"].text() == "The two are not the same."
    assert room.acts.asked == []
    assert room.window.focusWidget() is again
    QTest.keyClicks(again, "short no more of it")
    QTest.keyClick(again, Qt.Key.Key_Return)
    assert room.acts.asked == [("found-school", (), "Dorfschule 2")]
    form.back.click()
    assert room.window.first_run.form.isVisible()


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_list_of_pupils_is_read_as_spreadsheets_write_it(
    opened: Opens, tmp_path: Path, coding: str
) -> None:
    file = tmp_path / "class.csv"
    file.write_bytes("Prénom;Nom\r\nZoé;Müller\r\n\r\nNoah;Weil\r\n".encode(coding))
    form = opened().window.first_run.founding
    form.read(str(file))
    assert read_pupils(form.pupils.toPlainText()) == (("Zoé", "Müller"), ("Noah", "Weil"))


def test_pupils_with_one_name_are_told_apart() -> None:
    read = read_pupils('Noah Weil\nNoah Adam\n"Lina"\nNoah Wolf\n')
    assert displays(read) == ("Noah W 1", "Noah A", "Lina", "Noah W 2")


def test_devices_are_confirmed_name_by_name_from_the_keyboard(opened: Opens) -> None:
    window = FakeWindow(CART, said=[])
    room = pairing_in(opened(), window)
    assert room.acts.asked == [("add-devices", (), "c0")]
    page = room.window.pairing
    assert (page.code.text(), page.left.text()) == ("K7M 2QX", "Good for 4:32")
    assert page.progress.text() == "1 of 4 added"
    yes = room.window.focusWidget()
    assert isinstance(yes, QPushButton)
    assert yes.accessibleName() == "Yes, Tablet 2 · 22223333"
    QTest.keyClick(yes, Qt.Key.Key_Return)
    typed = next(row for row in page.findChildren(AskerRow) if hasattr(row, "code")).code
    QTest.keyClicks(typed, "abc def")
    QTest.keyClick(typed, Qt.Key.Key_Return)
    assert window.said == [("22223333", True), ("33334444", "abc def")]
    room.window.escape()
    assert room.desk.page == "classes"


def test_the_teacher_is_told_that_somebody_guessed(opened: Opens) -> None:
    page = pairing_in(opened(), FakeWindow(over="too-many")).window.pairing
    assert page.left.text() == "Somebody guessed too often. The code is void."
    assert not page.code.isVisible()
    assert page.again.isVisible()


def test_a_locked_key_asks_for_its_passphrase(opened: Opens) -> None:
    room = opened()
    room.acts.refuses = AuthorityLocked()
    room.desk.go("pairing")
    room.window.show()
    room.classes.pairing.open(ClassId("c0"), "5e B")
    page = room.window.pairing
    assert page.trouble.text() == "Type the school's passphrase."
    room.acts.refuses = None
    QTest.keyClicks(page.passphrase, "three white goats")
    QTest.keyClick(page.passphrase, Qt.Key.Key_Return)
    assert room.acts.asked == [("add-devices", (), "c0 three white goats")]
    assert not page.passphrase.text()


@pytest.mark.parametrize("own", [False, True])
def test_devices_are_added_only_where_the_school_is_this_computers_own(
    opened: Opens,
    own: bool,  # noqa: FBT001 - the case
) -> None:
    room = opened()
    room.classes.own = own
    room.classes.show([Roster(ClassId("c0"), "5e B")])
    room.window.show()
    room.desk.go("classes")
    card = room.window.findChild(QPushButton, "add-devices-c0")
    assert isinstance(card, QPushButton)
    assert card.isHidden() is not own


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1366, 1280, 1279, 1024])
def test_no_class_is_cut_whatever_the_window_and_the_language(
    opened: Opens, language: str, width: int
) -> None:
    room = opened(language)
    room.classes.own = True
    room.classes.show([Roster(ClassId(f"c{at}"), f"5e {at}") for at in range(4)])
    room.window.resize(1600, 768)
    room.window.show()
    room.desk.go("classes")
    room.settle()
    room.window.resize(width, 768)
    room.settle()
    page = room.window.classes
    assert len(page.findChildren(ClassCard)) == 4
    for card in page.findChildren(ClassCard):
        assert card.mapTo(page, card.rect().bottomRight()).x() < page.width()
        for button in card.findChildren(QPushButton):
            assert button.width() >= button.sizeHint().width(), button.text()
