"""Every text a teacher can read exists in every language, with the same facts in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from classroom_app.domain.tile import State
from classroom_app.presenters.receipts import School, held, here_words, school_words
from classroom_app.presenters.sentences import reason
from classroom_app.presenters.words import day, phrases, say, speak, weekday
from device_bridge.agent.seat import attention, presence
from tests.ui.room import live

ROOT = Path(__file__).resolve().parents[2] / "classroom_app"
FACT = re.compile(r"\{(\w+)\}")


def texts() -> Iterator[tuple[str, bool]]:
    """Yield each source text and whether it counts something."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in {"say", "later"} and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), len(node.args) > 1


@pytest.mark.parametrize("language", ["fr", "de"])
def test_every_text_is_translated_with_the_same_facts(language: str) -> None:
    known = phrases(language)
    for source, counts in texts():
        assert source in known, f"{language}: {source}"
        forms = known[source]
        assert isinstance(forms, list) is counts, f"{language}: plural of {source}"
        for form in forms if isinstance(forms, list) else [forms]:
            assert set(FACT.findall(form)) == set(FACT.findall(source)), form


def test_no_translation_is_left_without_its_text() -> None:
    used = {source for source, _ in texts()}
    for language in ("fr", "de", "en"):
        assert not phrases(language).keys() - used


def test_english_has_both_forms_of_whatever_counts() -> None:
    assert {source for source, counts in texts() if counts} == phrases("en").keys()


@pytest.mark.real_loop
def test_plurals_follow_each_language(qtbot: QtBot) -> None:
    del qtbot
    said: dict[str, list[str]] = {}
    before = None
    for language in ("en", "fr", "de"):
        before = speak(language, before)
        said[language] = [say("{n} pupils", n) for n in (0, 1, 2)]
    assert said["en"] == ["0 pupils", "1 pupil", "2 pupils"]
    assert said["fr"] == ["0 élève", "1 élève", "2 élèves"]
    before = speak("fr", before)
    assert [here_words(count, 4) for count in (1, 3)] == ["1 élève sur 4", "3 élèves sur 4"]
    assert (
        held([live(1, "Zoé", State.LOCKED), live(2, "Léa")], {"p1", "p2"}).text
        == "1 sur 2 verrouillé"
    )
    assert (here_words(1, 1), here_words(0, 1)) == ("L'élève est là", "L'élève n'est pas là")
    assert (day(0), weekday(0)) == ("1 janvier", "jeudi 1 janvier")
    before = speak("de", before)
    assert (day(0), weekday(0)) == ("1. Januar", "Donnerstag, 1. Januar")
    assert [school_words(School(waiting=count), 0) for count in (1, 2)] == [
        "Schule: später, 1 wartet",
        "Schule: später, 2 warten",
    ]
    speak("en", before)


@pytest.mark.real_loop
def test_what_a_seat_says_of_curtain_and_bar_is_read_in_the_teachers_language(
    qtbot: QtBot,
) -> None:
    del qtbot
    french = speak("fr")
    for word in (
        *(attention.NOT_COVERED, attention.OVER_US, attention.KEYBOARD, attention.POINTER),
        *(attention.NOT_HELD, attention.POINTER_NOT_HELD),
        *(presence.NOT_MAPPED, presence.OFF_SCREEN, presence.COVERED),
    ):
        assert reason(word) in phrases("fr").values(), word
    speak("en", french)


def test_braces_in_a_pupils_text_stay_as_they_are() -> None:
    assert "{name}" in say("“{text}”", text="{name}")
