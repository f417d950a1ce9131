"""A school without a server is backed up, handed over and given its next key, by keyboard."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel

from classroom_app.domain.errors import AuthorityLocked
from classroom_app.domain.lesson import ClassId, Device, DeviceId, PupilId, Roster
from classroom_app.presenters.safekeeping import Asked
from classroom_app.views.choosing import ChooseButton
from classroom_app.views.safekeeping import SealedForm
from device_bridge.protocol.errors import NotAllowed
from tests.ui.conftest import Opens

PASSPHRASE = "three white goats ate"  # noqa: S105 - a test's


def fill(form: SealedForm, **texts: str) -> None:
    for name, text in texts.items():
        form.fields[name].setText(text)
    QTest.keyClick(form.fields["passphrase"], Qt.Key.Key_Return)


def test_a_backup_is_opened_from_the_first_page_by_its_passphrase(opened: Opens) -> None:
    room = opened()
    room.window.show()
    button = room.window.first_run.restore
    assert button.isVisible()
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    page = room.window.safekeeping
    assert page.restore.isVisible()
    assert not page.backup.isVisible()
    fill(page.restore, file="/b", passphrase=PASSPHRASE[:5], more="Mr Weil")
    assert page.said.text() == "The passphrase needs 12 characters or more."
    fill(page.restore, file="/b", passphrase=PASSPHRASE, more=" ")
    assert page.said.text() == "Fill in all of it."
    room.acts.refuses = AuthorityLocked()
    fill(page.restore, file="/b", passphrase=PASSPHRASE, more="Mr Weil")
    assert page.said.text() == "Type the school's passphrase."
    room.acts.refuses = None
    fill(page.restore, file="/b", passphrase=PASSPHRASE, more="Mr Weil")
    assert room.acts.asked == [("restore", (), f"/b {PASSPHRASE} Mr Weil")]
    assert page.restore.fields["passphrase"].text() == ""
    room.window.escape()
    assert room.desk.page == "sign-in"


def chosen(button: ChooseButton, path: str) -> tuple[QFileDialog.AcceptMode, str]:
    """Choose by keyboard; return whether the dialog saves, and where it began."""
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert button.dialog is not None
    found = button.dialog.acceptMode(), button.dialog.directory().path()
    button.dialog.fileSelected.emit(path)
    button.dialog.close()
    return found


def test_files_are_chosen_in_a_dialog_that_begins_at_a_free_name(
    opened: Opens,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nothing_unexpected: list[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pupitre-backup.json").touch()
    room = opened()
    room.first.came_in()
    room.desk.go("safekeeping")
    room.window.show()
    page = room.window.safekeeping
    save, take = page.backup.choices["file"], page.stolen.choices["file"]
    assert page.backup.fields["file"].text() == str(tmp_path / "pupitre-backup-2.json")
    assert save.accessibleName() == "New file: Choose…"
    saves = QFileDialog.AcceptMode.AcceptSave
    assert chosen(save, "/stick/school.json") == (saves, str(tmp_path))
    assert room.window.focusWidget() is page.backup.fields["file"]
    room.desk.go("classes")
    room.desk.go("safekeeping")
    assert page.backup.fields["file"].text() == "/stick/school.json", "a choice stays"
    assert chosen(take, "/safe")[0] is QFileDialog.AcceptMode.AcceptOpen
    # The offscreen window says that of every dialog.
    heard = [one for one in nothing_unexpected if "propagateSizeHints" not in one]
    nothing_unexpected[:] = heard


def test_a_file_that_is_there_is_left_alone_and_the_teacher_told(opened: Opens) -> None:
    room = opened()
    room.first.came_in()
    room.desk.go("safekeeping")
    room.window.show()
    room.acts.refuses = FileExistsError(17, "File exists", "/stick/school.json")
    typed = {"passphrase": PASSPHRASE, "again": PASSPHRASE}
    fill(room.window.safekeeping.backup, file="/stick/school.json", **typed)
    said = room.window.safekeeping.said.text()
    assert said == "school.json is there already and was left alone. Choose another name."


def test_a_school_is_backed_up_and_its_stolen_key_ended_from_one_page(opened: Opens) -> None:
    room = opened()
    room.first.came_in()
    room.classes.own = True
    room.desk.go("classes")
    room.window.show()
    room.window.classes.refresh()
    assert room.window.classes.keep.toolTip()
    room.window.classes.keep.click()
    page = room.window.safekeeping
    fill(page.backup, file="/b", passphrase=PASSPHRASE, again="three white boats ate")
    assert page.said.text() == "The two are not the same."
    assert room.acts.asked == []
    fill(page.backup, file="/b", passphrase=PASSPHRASE, again=PASSPHRASE)
    assert page.said.text() == "Written. Keep file and passphrase apart."
    fill(page.stolen, file="/safe", passphrase=PASSPHRASE, more="/next")
    assert room.acts.asked == [
        ("back-up", (), f"/b {PASSPHRASE}"),
        ("succeed", (), f"/safe {PASSPHRASE} /next"),
    ]
    assert PASSPHRASE not in repr(Asked("/b", PASSPHRASE))
    page.back.click()
    assert room.desk.page == "classes"


def test_a_device_is_let_go_and_its_receipt_read(opened: Opens) -> None:
    room = opened()
    room.first.came_in()
    room.classes.own = True
    device = Device(DeviceId("d-1"), "Tablet 1", "linux", PupilId(""))
    room.classes.show([Roster(ClassId("c0"), "5e B", devices=(device,))])
    room.desk.go("safekeeping")
    room.window.show()
    form = room.window.safekeeping.leaving
    assert form.devices.currentText() == "5e B · Tablet 1"
    named = {one.buddy(): one.text() for one in form.findChildren(QLabel) if one.buddy()}
    assert [named[part] for part in (form.devices, form.file, form.passphrase, form.receipt)] == [
        "Device",
        "New file",
        "Passphrase",
        "Its receipt",
    ]
    form.file.setText("/release")
    QTest.keyClicks(form.passphrase, PASSPHRASE)
    QTest.keyClick(form.passphrase, Qt.Key.Key_Return)
    assert form.under.text() == "Written. Bring that file to 5e B · Tablet 1."
    assert not form.passphrase.text()
    form.receipt.setText("/receipt")
    room.acts.refuses = NotAllowed("receipt", "forged")
    form.left.click()
    assert form.under.text() == "This is no receipt of a device of this school."
    room.acts.refuses = None
    form.left.click()
    assert form.under.text() == "It has left the school. Nothing of the school is on it."
    asked = [("release", (), f"d-1 /release {PASSPHRASE}"), ("left", (), "/receipt")]
    assert room.acts.asked == asked
