"""A lesson's end: moved, and taken back, with real devices that show and hold it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import LessonExtended, LessonOver
from classroom_app.domain.errors import LessonTooLong, NoLesson
from classroom_app.presenters.sentences import refusal
from classroom_app.school import RoomClock
from device_bridge.agent.guard.device import Device
from device_bridge.protocol.seat import RaiseCurtain, ShowIndicator
from tests.guards import SittingSeat
from tests.school import SmallSchool
from tests.teaching import CLASS, Place, Teacher, device, meet, now, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"), Place("device-2", "hugo", "Hugo"))


def on(one: Device) -> bool:
    """Return whether the pupil's bar is proved to tell of a lesson."""
    held = one.guard.presence.held
    return held.on and held.shown is not None


async def lock(app: Teacher, *keys: str) -> None:
    await app.school.acts.lock(app.tiles(*keys), "")


async def test_a_lesson_whose_end_is_taken_back_goes_on_at_the_device(tmp_path: Path) -> None:
    school = SmallSchool()
    paper = tmp_path / "plan.txt"
    paper.write_text("Page 12")
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one)
        await until(lambda: app.here("lina") and on(one))
        await app.school.acts.hand_out(app.tiles("lina", "hugo"), [paper])
        await lock(app, "lina", "hugo")
        await until(lambda: app.tile("lina").held and app.receipt().done == 1)
        lesson = app.school.room.lesson_id()
        await app.school.acts.end()
        await until(lambda: not on(one) and not one.guard.held.attention.locked)

        await app.school.acts.go_on()
        assert app.school.room.lesson_id() == lesson
        await until(lambda: on(one), "the bar is back")
        assert not one.guard.held.attention.locked, "locks are not brought back"
        frames = app.frames["device-1"]
        app.school.watching.look({app.tile("lina").device: (320, 180)})
        await until(lambda: app.tile("lina").free)
        assert [each.name for each in app.school.materials.handouts.values()] == ["plan.txt"]
        assert app.school.materials.count(next(iter(app.school.materials.handouts))) == (1, 2)
        await lock(app, "lina")
        await until(lambda: app.tile("lina").held)
        assert app.frames["device-1"] >= frames
        kept = [each.act for each in await app.keeping.acts(lesson, 100)]
        ends = [act for act in kept if isinstance(act, LessonOver | LessonExtended)]
        assert [type(act) for act in ends] == [LessonOver, LessonExtended]


async def test_who_comes_after_the_end_and_before_going_on_belongs_to_the_lesson(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
        await app.school.acts.end()
        async with device(school, tmp_path / "1", "device-1") as one:
            meet(app, one)
            await until(lambda: app.school.room.evidence(app.tile("lina").device).up_since)
            assert not on(one)
            await app.school.acts.go_on()
            await until(lambda: on(one))
            assert app.school.room.came == {"device-1"}
            await lock(app, "lina", "hugo")
            await until(lambda: app.tile("lina").held)


async def test_after_going_on_a_restart_takes_the_lesson_up_and_locks_nobody(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with device(school, tmp_path / "1", "device-1") as one:
        async with teacher(school, tmp_path / "app", PLACES) as app:
            await app.start()
            meet(app, one)
            await until(lambda: app.here("lina"))
            await lock(app, "lina", "hugo")
            await until(lambda: app.tile("lina").held)
            await app.school.acts.end()
            await app.school.acts.go_on()
            lesson = app.school.room.lesson
            await until(lambda: on(one))
        async with teacher(school, tmp_path / "app", PLACES) as app:
            assert await app.school.resume()
            assert app.school.room.lesson == lesson
            meet(app, one)
            await until(lambda: app.tile("lina").free)
            await app.school.attention.sat(app.tile("lina").device, app.tile("lina").pupil)
            held = app.school.room.lock_of(app.tile("lina").device)
            assert held is not None
            assert not held.locked


async def test_a_lesson_that_time_ended_goes_on_for_five_minutes(tmp_path: Path) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.school.begin(CLASS, 8)
        meet(app, one)
        await until(lambda: on(one))
        await until(lambda: not on(one), "the mandate ends by itself")
        await until(lambda: app.ended)
        await app.school.acts.go_on()
        await until(lambda: on(one))
        assert app.school.room.running().ends_at - now() > 290


async def test_an_end_is_taken_back_once_and_not_under_another_lesson(tmp_path: Path) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        with pytest.raises(NoLesson):
            await app.school.acts.go_on()
        await app.start()
        await app.school.acts.end()
        await app.start()
        await app.school.acts.end()
        await app.school.acts.go_on()
        with pytest.raises(NoLesson):
            await app.school.acts.go_on()


async def test_an_end_that_moves_is_shown_by_bar_and_curtain_and_renews_the_lock(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        seat = SittingSeat(one.guard).sit()
        await app.school.begin(CLASS, 60)
        meet(app, one)
        await until(lambda: on(one))
        await lock(app, "lina", "hugo")
        await until(lambda: app.tile("lina").held)
        seat.told.clear()
        await app.school.extend(900)
        curtains, bars = list[RaiseCurtain](), list[ShowIndicator]()

        def shown() -> bool:
            curtains.extend(seat.heard(RaiseCurtain))
            bars.extend(seat.heard(ShowIndicator))
            return bool(curtains and bars)

        await until(shown)
        curtain, bar = curtains[-1], bars[-1]
        assert 600 - 5 <= curtain.frees_in_seconds <= 600, "a lease of its own length again"
        assert 950 <= curtain.lesson_ends_in_seconds <= 960
        assert 950 <= bar.until_seconds <= 960
        assert app.school.room.running().ends_at <= now() + 960


class SetByHand(RoomClock):
    """A laptop's clock that is years behind, or ahead, until somebody sets it."""

    def __init__(self, off_seconds: int) -> None:
        self.off_seconds = off_seconds

    def utc(self) -> int:
        return super().utc() + self.off_seconds


@pytest.mark.parametrize(
    "off_seconds", [-6 * 365 * 86_400, 9 * 365 * 86_400], ids=["behind", "ahead"]
)
async def test_a_clock_that_is_set_in_a_lesson_ends_nothing_and_moves_its_end_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off_seconds: int
) -> None:
    monkeypatch.setattr("classroom_app.services.presence.LOOK_SECONDS", 0.05)
    school, clock = SmallSchool(), SetByHand(off_seconds)
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        room = app.school.room
        room.clock = clock
        await app.begin_with(one)
        await lock(app, "lina", "hugo")
        await until(lambda: app.tile("lina").held)
        begun = room.running()
        clock.off_seconds = 0
        assert room.lease_seconds() > 500, "whatever is renewed in just that moment"
        await until(lambda: room.running() != begun)
        lesson = room.running()
        assert lesson.clock_set == pytest.approx(-off_seconds, abs=2)
        assert lesson == replace(
            begun,
            ends_at=begun.ends_at + lesson.clock_set,
            clock_set=lesson.clock_set,
        )
        assert lesson.ends_at == pytest.approx(now() + 3000, abs=60)
        shown = f"{lesson.id}:{lesson.ends_at}"
        await until(lambda: one.guard.presence.held.author.mandate == shown)
        assert app.tile("lina").held
        await app.school.extend(900)
        assert room.running().ends_at == lesson.ends_at + 900
        await until(lambda: one.guard.presence.held.author.mandate != shown)


async def test_a_lesson_lasts_four_hours_at_most_and_that_is_said(tmp_path: Path) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        await app.school.begin(CLASS, 4 * 3600 - 60)
        await app.school.extend(900)
        lesson = app.school.room.running()
        assert lesson.ends_at == lesson.started_at + 4 * 3600
        with pytest.raises(LessonTooLong) as told:
            await app.school.extend(300)
        assert refusal(told.value) == (
            "A lesson lasts four hours at most. End it and start the next."
        )
