"""An app that cannot open its store says why in a window, and ends, or begins anew."""

import subprocess
import sys
from pathlib import Path

import pytest

from classroom_app.domain import errors
from classroom_app.presenters.sentences import refusal
from classroom_app.storage.keeping import CLOSING

ROOT = Path(__file__).resolve().parents[2]
# The app itself, with somebody who reads the box and closes it.
READ_AND_CLOSE = """
import pathlib, sys
from PySide6.QtCore import QTimer
from classroom_app import beginning_anew, bootstrap

show = beginning_anew.show_stopped
def read(words, *more):
    box = show(words, *more)
    print(box.text(), box.escapeButton().text())
    QTimer.singleShot(0, box.escapeButton().click)
    return box
beginning_anew.show_stopped = read
sys.exit(bootstrap.run(pathlib.Path(sys.argv[1]), ["127.0.0.1"], None, sys.argv[2], None))
"""


def played(program: str, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, home, *more],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("language", "words", "close"),
    [("en", "The key to Pupitre's file", "Close"), ("fr", "La clé du fichier", "Fermer")],
)
def test_a_store_without_its_key_is_said_and_left_as_it_is(
    tmp_path: Path, language: str, words: str, close: str
) -> None:
    store = tmp_path / "store.db"
    store.write_bytes(b"sealed" * 1000)
    done = played(READ_AND_CLOSE, tmp_path, language)
    assert done.returncode == 1, done.stderr
    assert words in done.stdout
    assert done.stdout.rstrip().endswith(close), "in that language too"
    assert {path.name for path in tmp_path.iterdir()} == {"store.db", "logs"}
    assert store.read_bytes() == b"sealed" * 1000


# The app itself, with a teacher who begins anew, and closes the first page once it is there.
BEGIN_ANEW = """
import pathlib, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit
from classroom_app import beginning_anew, bootstrap

show = beginning_anew.show_stopped
def read(words, *more):
    box = show(words, *more)
    print(words)
    way = next(each for each in box.buttons() if each is not box.escapeButton())
    QTimer.singleShot(0, way.click)
    return box
beginning_anew.show_stopped = read
def look():
    for window in QApplication.topLevelWidgets():
        fields = window.findChildren(QLineEdit, "password")
        if fields and fields[0].isVisible():
            print("first page:", window.findChild(QAbstractButton, "sign-in").text())
            window.close()
timer = QTimer()
timer.timeout.connect(look)
begin = bootstrap.load_fonts
def begun(app):
    begin(app)
    timer.start(20)
bootstrap.load_fonts = begun
sys.exit(bootstrap.run(pathlib.Path(sys.argv[1]), ["127.0.0.1"], None, "en", None))
"""


def test_who_begins_anew_reads_what_that_costs_and_signs_in_and_the_old_store_lies_aside(
    tmp_path: Path,
) -> None:
    sealed = {"store.db": b"sealed" * 1000, "store-daily.db": b"as sealed" * 500}
    for name, raw in sealed.items():
        (tmp_path / name).write_bytes(raw)
    done = played(BEGIN_ANEW, tmp_path)
    assert done.returncode == 0, done.stderr
    why, costs, page = done.stdout.partition("\n")[0], done.stdout, done.stdout.splitlines()[-1]
    assert "begin anew" in why
    assert "had not yet sent to your school" in costs
    assert page == "first page: Sign in"
    (aside,) = tmp_path.glob("aside-*")
    assert {each.name: each.read_bytes() for each in aside.iterdir()} == sealed
    assert {"store.db", "store.key"} <= {each.name for each in tmp_path.iterdir()}


REFUSALS = (
    errors.NotKept(),
    errors.StoreFull(),
    errors.StoreReadOnly(),
    errors.StoreInUse(),
    errors.StoreClosing(),
    errors.StoreNewer("9999"),
    errors.StoreSealed("missing"),
    errors.StoreLocked("passphrase"),
    errors.KeyringAway("KeyringLocked"),
    errors.StoreBroken("page 21"),
    errors.StoreToMend("frame 21 of the log"),
)


def test_each_refusal_of_the_store_has_a_sentence_of_its_own() -> None:
    assert {type(each) for each in REFUSALS} == {errors.NotKept, *every_kind(errors.NotKept)}
    assert len({refusal(each) for each in REFUSALS}) == len(REFUSALS)


def every_kind(of: type[errors.NotKept]) -> list[type[errors.NotKept]]:
    return [found for kind in of.__subclasses__() for found in (kind, *every_kind(kind))]


# The app itself, started while another one closes: it says so, and a teacher does not wait.
NOT_WAIT = """
import pathlib, sys
from PySide6.QtCore import QTimer
from classroom_app import bootstrap, closing
from device_bridge.only_one import lock_folder

home = pathlib.Path(sys.argv[1])
held = lock_folder(home)
show = closing.show_stopped
def read(words, *more):
    box = show(words, *more)
    print(box.text(), box.escapeButton().text())
    QTimer.singleShot(0, box.escapeButton().click)
    return box
closing.show_stopped = read
sys.exit(bootstrap.run(home, ["127.0.0.1"], None, "de", None))
"""


def test_who_starts_while_another_app_is_being_closed_reads_it_and_need_not_wait(
    tmp_path: Path,
) -> None:
    (tmp_path / CLOSING).touch()
    done = played(NOT_WAIT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "noch geschlossen" in done.stdout
    assert done.stdout.rstrip().endswith("Schliessen")
    assert not (tmp_path / "store.db").exists()
