"""A passphrase for this computer is chosen, changed and turned off, by keyboard."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from device_bridge.trust.sealed import WrongPassphrase
from tests.ui.conftest import Opens

FIRST, SECOND = "three white goats ate", "seven red pears fell"


def test_a_passphrase_is_chosen_where_there_is_no_keyring(opened: Opens) -> None:
    room = opened()
    room.classes.passphrase.hold("keyring")
    room.desk.go("classes")
    room.window.show()
    button = room.window.classes.passphrase
    assert not button.isVisible()
    room.classes.passphrase.hold("beside")
    room.window.classes.refresh()
    assert button.isVisible()
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    page = room.window.passphrase
    assert page.isVisible()
    assert not page.fields["before"].isVisible()
    assert not page.off.isVisible()
    for words, again, said in (
        ("short", "short", "The passphrase needs 12 characters or more."),
        (FIRST, SECOND, "The two are not the same."),
        (FIRST, FIRST, "From now on Pupitre asks for it at the start."),
    ):
        QTest.keyClicks(page.fields["passphrase"], words)
        QTest.keyClicks(page.fields["again"], again)
        QTest.keyClick(page.fields["again"], Qt.Key.Key_Return)
        assert page.said.text() == said
        assert page.fields["passphrase"].text() == ""
    assert room.acts.asked == [("passphrase", (), f">{FIRST}")]
    assert page.use.text() == "Change it"
    room.window.escape()
    assert room.desk.page == "classes"


def test_it_is_turned_off_by_itself_alone(opened: Opens) -> None:
    room = opened()
    room.classes.passphrase.hold("passphrase")
    room.desk.go("passphrase")
    room.window.show()
    page = room.window.passphrase
    assert room.window.focusWidget() is page.fields["before"]
    room.acts.refuses = WrongPassphrase("it does not open")
    QTest.keyClicks(page.fields["before"], SECOND)
    page.off.click()
    assert page.said.text() == "The passphrase does not open it. Try again."
    assert page.off.isVisible()
    room.acts.refuses = None
    QTest.keyClicks(page.fields["before"], FIRST)
    page.off.click()
    assert page.said.text() == "Pupitre starts without a passphrase again."
    assert not page.off.isVisible()
    assert room.acts.asked == [("passphrase", (), f"{FIRST}>")]
