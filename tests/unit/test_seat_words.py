"""What the pupil reads: three languages alike, and hostile text made plain."""

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.agent.seat.main import battery_percent
from device_bridge.agent.seat.words import Words, languages
from device_bridge.protocol.plain import plain


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_french_and_german_say_all_that_english_says_with_the_same_facts() -> None:
    english, *others = languages().values()
    for other in others:
        assert {key: fields(text) for key, text in other.items()} == {
            key: fields(text) for key, text in english.items()
        }


def test_an_unknown_language_is_answered_in_english() -> None:
    assert Words("xx_YY")("hand") == "Raise hand"
    assert Words("de_AT")("hand-place", place=2) == "Gemeldet: Nr. 2"


def test_a_name_cannot_reach_into_the_sentence() -> None:
    assert Words("en")("closed", who="{since}", since="10:23") == (
        "{since} closed this screen at 10:23."
    )


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("Cl\u202eaire", "Cl aire"),
        ("  Claire\n\tDupont\0 ", "Claire Dupont"),
        ("x" * 10_000, "x" * 39 + "…"),
        ("<b>Ömer</b>", "<b>Ömer</b>"),
    ],
)
def test_hostile_names_are_cut_to_one_plain_line(hostile: str, shown: str) -> None:
    assert plain(hostile, 40) == shown


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(2, 60), st.booleans())
def test_plain_text_keeps_its_bound(text: str, most: int, lines: bool) -> None:  # noqa: FBT001
    cut = plain(text, most, lines=lines)
    assert len(cut) <= most
    assert lines or "\n" not in cut


def test_the_battery_is_read_where_there_is_one(tmp_path: Path) -> None:
    assert battery_percent(tmp_path) == -1
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "capacity").write_text("no number")
    assert battery_percent(tmp_path) == -1
    (tmp_path / "BAT0" / "capacity").write_text("87\n")
    assert battery_percent(tmp_path) == 87
