"""A still picture: a click, the pupil's bar, the device's journal, and only then an answer."""

import asyncio
from pathlib import Path

import pytest

from classroom_app.services.watching import MOMENT_SECONDS
from device_bridge.agent.guard.journal import read_entries
from device_bridge.agent.guard.seen import seen
from device_bridge.agent.guard.stills import PAUSE_SECONDS, STILLS_MAX
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.seat import IndicatorAnswered
from device_bridge.protocol.watching import StillAsked, WatchingDeclared
from tests.guards import FakeLink, lesson_on, link_to
from tests.unit.test_honest_looks import Looked


async def answers(room: Looked, *ids: str, link: FakeLink | None = None) -> list[Answer]:
    """Ask for stills, let the guard work for a second, and return what was answered."""
    link = link or room.link
    link.heard(Answer)
    for id_ in ids:
        room.guard.told(link, StillAsked(id_, 20))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(room.guard.stills.run())
        await asyncio.sleep(1)
        running.cancel()
    return link.heard(Answer)


async def test_a_still_is_on_the_bar_and_in_the_journal_before_it_is_answered(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.picture()
    room.guard.told(room.link, StillAsked("k-1", 20))
    assert (room.bar().stills, room.bar().still_now) == (1, True)
    assert not room.link.heard(Answer), "not written down yet"
    assert await answers(room) == [Answer("k-1", "done")]
    row = next(one for one in read_entries(room.guard.folder) if one.kind == "still")
    assert (row.words, row.facts["frame"]) == ("Claire", 1)
    assert [(one.what, one.who) for one in seen(room.guard.folder)].count(
        ("seen-still", "Claire")
    ) == 1
    room.later(PAUSE_SECONDS)
    assert (room.bar().stills, room.bar().still_now) == (1, False)
    assert await answers(room, "k-1") == [Answer("k-1", "done")], "told again, it is the same one"


async def test_no_still_in_private_in_an_overview_before_a_picture_or_of_another_lesson(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path / "close")
    assert await answers(room, "k-1") == [Answer("k-1", "refused", "not-close")]
    room.picture()
    stranger = link_to(room.guard, FakeLink("Paul", "lesson-2", "mandate-2"))
    assert await answers(room, "k-2", link=stranger) == [Answer("k-2", "refused", "not-close")]
    room.press("private-on")
    assert await answers(room, "k-3") == [Answer("k-3", "refused", "private")]
    small = Looked(tmp_path / "small", look="overview")
    small.picture()
    assert await answers(small, "k-4") == [Answer("k-4", "refused", "not-close")]
    for each in (room, small):
        assert (each.bar().stills, each.noted("still")) == (0, [])


async def test_a_still_of_many_is_a_close_look_of_a_moment_that_ends_by_itself(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path, look="overview")
    room.picture()
    room.seat.obeys = False
    moment = WatchingDeclared(2, MOMENT_SECONDS, "close", 7680, 7680, 2.0)
    room.guard.told(room.link, moment)
    assert room.bar().look == "close"
    assert room.newest().look == "overview", "the bar has yet to say it"
    assert await answers(room, "k-1") == [Answer("k-1", "refused", "no-indicator")]
    room.seat.obeys = True
    room.guard.seat_said(IndicatorAnswered(room.bar().version))
    assert room.newest().look == "close"
    room.picture()
    assert await answers(room, "k-2") == [Answer("k-2", "done")]
    room.later(MOMENT_SECONDS)
    assert (room.bar().look, room.newest().look) == ("none", "none"), "its app is gone"
    kinds = [one.kind for one in read_entries(room.guard.folder)]
    told = [kind for kind in kinds if kind in {"look-overview", "look-close", "still"}]
    assert told == ["look-overview", "look-close", "still"]


async def test_a_bar_that_does_not_say_it_ends_the_still(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    room.picture()
    room.seat.indicator_reason = "another window covers the bar"
    assert await answers(room, "k-1") == [Answer("k-1", "refused", "no-indicator")]
    assert room.noted("still") == []


async def test_a_bar_that_is_silent_lets_nothing_be_kept_and_a_late_word_changes_nothing(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.picture()
    room.seat.obeys = False
    assert await answers(room, "k-1") == []
    room.press("private-on")
    room.guard.seat_said(IndicatorAnswered(room.bar().version))
    assert room.link.heard(Answer) == [Answer("k-1", "refused", "private")]
    assert room.guard.stills.held.count == 0


async def test_stills_are_no_film(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    room.picture()
    told = await answers(room, "a", "b")
    assert set(told) == {Answer("a", "done"), Answer("b", "refused", "too-soon")}
    for number in range(STILLS_MAX):
        room.later(PAUSE_SECONDS)
        told = await answers(room, f"c-{number}")
    assert told[0].reason == "too-many"
    assert room.bar().stills == STILLS_MAX


async def test_lessons_that_take_turns_make_no_film_either(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    room.picture()
    assert await answers(room, "a") == [Answer("a", "done")]
    other = link_to(room.guard, FakeLink("Omar", "lesson-2", "mandate-2"))
    lesson_on(room.guard, other, 2)
    room.link = other
    room.look(2, "close")
    room.picture()
    assert await answers(room, "b") == [Answer("b", "refused", "too-soon")]
    room.later(PAUSE_SECONDS)
    assert await answers(room, "c") == [Answer("c", "done")]


async def test_what_the_devices_disk_refuses_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Looked(tmp_path)
    room.picture()

    def full(_: object) -> int:
        return 0

    monkeypatch.setattr(room.guard, "_append", full)
    assert await answers(room, "k-1") == [Answer("k-1", "failed", "not-noted")]
