"""F1 tells the keys that there are: all of them, and no other."""

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel

from classroom_app.presenters.words import say
from classroom_app.views.keys import KEYS
from classroom_app.views.sheets import HelpSheet
from tests.ui.conftest import Opens
from tests.ui.room import lively

pytestmark = pytest.mark.real_loop
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("language", "size"), [("fr", (1366, 768)), ("de", (1024, 640))])
def test_the_page_tells_each_key_of_the_window_and_fits_into_it(
    opened: Opens, language: str, size: tuple[int, int]
) -> None:
    room = opened(language)
    room.begin(lively(), size)
    bound = {one.key().toString() for one in room.window.findChildren(QShortcut)}
    told = {QKeySequence(each).toString() for key in KEYS for each in key.sequences}
    assert bound == told
    room.window.sheets.ask_help()
    room.settle()
    sheet = room.window.sheets.open_sheet
    assert isinstance(sheet, HelpSheet)
    labels = [one.text() for one in sheet.findChildren(QLabel)]
    assert all(key.shown in labels and say(key.words) in labels for key in KEYS)
    assert room.window.rect().contains(sheet.geometry())


def test_each_key_that_a_tool_or_the_readme_names_stands_on_the_page() -> None:
    views = (ROOT / "classroom_app" / "views").glob("*.py")
    named = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *views))
    shown = {key.shown for key in KEYS} | {"Ctrl+C", "Ctrl+"}  # ends a program, in its terminal
    shown |= {each for key in KEYS for each in key.sequences}
    found = set(
        re.findall(r"\b(?:Ctrl\+(?:Alt\+)?(?:Shift\+)?(?:[A-Z]\b|Enter|Esc)|F\d+)\b", named)
    )
    assert found
    assert found - shown == set()
