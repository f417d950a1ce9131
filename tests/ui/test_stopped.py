"""An app that cannot open its store says why in a window, in the person's language, and ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from classroom_app.domain import errors
from classroom_app.presenters.sentences import refusal

ROOT = Path(__file__).resolve().parents[2]
# The app itself, with somebody who reads the box and closes it.
READ_AND_CLOSE = """
import pathlib, sys
from PySide6.QtCore import QTimer
from classroom_app import bootstrap

show = bootstrap.show_stopped
def read(words, *more):
    box = show(words, *more)
    print(box.text(), box.escapeButton().text())
    QTimer.singleShot(0, box.escapeButton().click)
    return box
bootstrap.show_stopped = read
sys.exit(bootstrap.run(pathlib.Path(sys.argv[1]), ["127.0.0.1"], None, sys.argv[2], None))
"""


@pytest.mark.parametrize(
    ("language", "words", "close"),
    [("en", "The key to Pupitre's file", "Close"), ("fr", "La clé du fichier", "Fermer")],
)
def test_a_store_without_its_key_is_said_and_left_as_it_is(
    tmp_path: Path, language: str, words: str, close: str
) -> None:
    store = tmp_path / "store.db"
    store.write_bytes(b"sealed" * 1000)
    done = subprocess.run(
        [sys.executable, "-c", READ_AND_CLOSE, tmp_path, language],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert words in done.stdout
    assert done.stdout.rstrip().endswith(close), "in that language too"
    assert {path.name for path in tmp_path.iterdir()} == {"store.db", "logs"}
    assert store.read_bytes() == b"sealed" * 1000


REFUSALS = (
    errors.NotKept(),
    errors.StoreFull(),
    errors.StoreReadOnly(),
    errors.StoreInUse(),
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
