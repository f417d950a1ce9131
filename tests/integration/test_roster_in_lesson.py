"""A class that the sync changes while its lesson is on, and one that is given away meanwhile."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from central_mdm.contract.roster import Change, DeviceRow, PupilRow
from classroom_app.domain.acts import LessonOver, Resumed
from classroom_app.domain.errors import LessonLeft, LessonWaits, StoreFull
from classroom_app.domain.lesson import ClassId, DeviceId, LessonId, PupilId, Roster
from classroom_app.storage.keeping import Keeping
from device_bridge.protocol.presence import LessonDeclared
from tests.school import SmallSchool
from tests.teaching import CLASS, Place, Teacher, device, meet, teacher, until

pytestmark = pytest.mark.real_loop
SCOPE = f"class:{CLASS}"
PLACES = [Place("device-1", "lina"), Place("device-2", "hugo")]
JOINED = (
    PupilRow("zoe", CLASS, "Zoe", "Test", "Zoe", 3),
    DeviceRow("device-3", CLASS, "D3", "test", "zoe"),
)


async def pulled(keeping: Keeping, *changes: Change) -> None:
    """Keep what a turn of the sync brings of the class."""
    epoch, _ = await keeping.cursor(SCOPE)
    assert await keeping.apply(SCOPE, epoch, changes, "further on", 0, "")


async def joins(keeping: Keeping) -> None:
    rows = zip(("pupil", "device"), JOINED, strict=True)
    await pulled(keeping, *(Change(90, entity, row.id, row) for entity, row in rows))


def seats(app: Teacher) -> dict[str, str]:
    return {one: sat.pupil for one, sat in app.school.room.sittings.items()}


async def locked(app: Teacher) -> None:
    await app.school.acts.lock(app.school.room.tiles(), "Eyes up")


async def test_who_joins_the_class_joins_its_lesson_and_nobody_else_notices(tmp_path: Path) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "3", "device-3") as three,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.begin_with(one)
        await app.school.seats.sit(PupilId("hugo"), DeviceId("device-1"))
        await locked(app)
        await until(lambda: app.tile("hugo").held)
        heard: list[bool] = []
        app.keeping.roster_changed = lambda: heard.append(True)
        assert not await app.school.refresh()
        await joins(app.keeping)
        assert heard, "the window is told"
        assert await app.school.refresh()
        assert not await app.school.refresh(), "once"
        assert seats(app) == {"device-1": "hugo", "device-2": "", "device-3": "zoe"}
        assert app.tile("hugo").held, "and the lock is as it was"
        meet(app, three)
        await until(lambda: app.tile("zoe").held, "locked like the rest")
        # Who leaves the class keeps the seat, and is told of the end as well.
        gone = (Change(91, "pupil", "zoe", None), Change(92, "device", "device-3", None))
        await pulled(app.keeping, *gone)
        assert not await app.school.refresh()
        await app.school.acts.end()
        await until(lambda: not three.guard.presence.held.on)
        assert app.tile("zoe").free


async def test_who_joined_while_the_app_was_shut_is_in_the_lesson_that_goes_on(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with device(school, tmp_path / "3", "device-3") as three:
        async with teacher(school, tmp_path / "app", PLACES) as app:
            await app.start()
            await locked(app)
        async with teacher(school, tmp_path / "app", PLACES) as app:
            await joins(app.keeping)
            assert await app.school.resume()
            meet(app, three)
            await until(lambda: app.tile("zoe").held)


def is_in_the_lesson(app: Teacher, name: str) -> bool:
    told = app.school.room.declared.get((DeviceId(name), "presence"))
    return isinstance(told, LessonDeclared) and told.state == "on"


async def test_who_joins_between_an_end_and_its_being_taken_back_is_in_the_lesson_that_goes_on(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "3", "device-3") as three,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        await app.school.acts.end()
        await joins(app.keeping)
        assert not await app.school.refresh(), "there is no lesson to take it into"
        await app.school.go_on()
        assert is_in_the_lesson(app, "device-3")
        meet(app, three)
        await until(lambda: three.guard.presence.held.on)


async def test_who_joins_while_the_lesson_begins_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        opened = app.school.places.open

        async def joined_just_then(devices: Iterable[str]) -> None:
            monkeypatch.undo()
            await joins(app.keeping)
            assert not await app.school.refresh()
            await opened(devices)

        monkeypatch.setattr(app.school.places, "open", joined_just_then)
        await app.start()
        assert is_in_the_lesson(app, "device-3")
        assert seats(app)["device-3"] == "zoe"


async def test_of_two_who_read_a_class_at_once_the_later_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        await app.start()
        read, taken = app.keeping.roster, asyncio.Event()

        async def late(class_id: ClassId) -> Roster | None:
            monkeypatch.undo()
            await taken.wait()
            return await read(class_id)

        monkeypatch.setattr(app.keeping, "roster", late)
        async with asyncio.TaskGroup() as tasks:
            later = tasks.create_task(app.school.refresh())
            await asyncio.sleep(0)
            await joins(app.keeping)
            assert await app.school.refresh()
            row = DeviceRow("device-4", CLASS, "D4", "test")
            await pulled(app.keeping, Change(91, "device", row.id, row))
            taken.set()
        assert later.result()
        assert is_in_the_lesson(app, "device-4")


async def ends(keeping: Keeping, lesson: LessonId) -> list[str]:
    acts = [each.act for each in await keeping.acts(lesson, 99)]
    return [act.why for act in acts if isinstance(act, LessonOver)]


async def test_a_lesson_whose_class_was_given_away_is_left_and_its_end_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
        lesson = app.school.room.running()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.keeping.keep_scopes(())
        with pytest.raises(LessonLeft) as left:
            await app.school.resume()
        assert left.value.name == "5e B"
        assert (app.school.room.lesson, app.school.room.tiles()) == (None, ())
        assert [one.message for one in caplog.records if one.levelname == "WARNING"] == [
            "lesson left"
        ]
        caplog.clear()
        assert await app.keeping.waiting_count(), "what was written of it still goes"
        assert await ends(app.keeping, lesson.id) == ["left"]
        assert not await app.school.resume(), "and it does not come back"
        assert app.ended == [], "nobody sums up what its devices were not told"
        told = await app.keeping.last_declared(DeviceId("device-1"), "presence")
        assert told
        declared = app.school.room.read(told)
        assert isinstance(declared, LessonDeclared)
        assert declared.state == "on"


async def test_a_lesson_that_is_left_on_a_full_disk_is_left_again_at_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
        lesson = app.school.room.lesson_id()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.keeping.keep_scopes(())

        async def full(*_: object) -> bool:
            raise StoreFull

        with monkeypatch.context() as patched:
            patched.setattr(app.keeping, "remember", full)
            with pytest.raises(LessonLeft):
                await app.school.resume()
        assert await ends(app.keeping, lesson) == []
        with pytest.raises(LessonLeft):
            await app.school.resume()
        assert await ends(app.keeping, lesson) == ["left"]
        caplog.clear()


async def nothing_of(class_id: ClassId) -> Roster | None:
    del class_id


async def test_a_lesson_whose_class_was_not_asked_for_waits_until_it_goes_on_or_another_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        await app.start()
        lesson = app.school.room.lesson_id()
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:

        async def waits() -> None:
            with monkeypatch.context() as patched:
                patched.setattr(app.keeping, "roster", nothing_of)
                with pytest.raises(LessonWaits) as told:
                    await app.school.resume(asked=False)
            assert told.value.name == "5e B"
            assert (app.school.room.lesson, app.school.room.tiles()) == (None, ())
            assert await ends(app.keeping, lesson) == []

        await waits()
        assert await app.school.resume(asked=False)
        assert app.school.room.lesson_id() == lesson
        await waits()
        under_way = app.keeping.under_way

        async def another_begins_meanwhile() -> Resumed | None:
            found = await under_way()
            await app.start()
            return found

        with monkeypatch.context() as patched:
            patched.setattr(app.keeping, "under_way", another_begins_meanwhile)
            await app.school.resume(asked=False)
        assert await ends(app.keeping, lesson) == ["left"]
        another = app.school.room.lesson_id()
        assert another != lesson
        kept = await app.keeping.under_way()
        assert kept
        assert kept.lesson.id == another, "nor is it what a restart finds"


async def test_a_lesson_is_left_where_the_grant_names_its_class_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
    async with teacher(school, tmp_path / "app", PLACES, grant="") as app:
        with pytest.raises(LessonLeft):
            await app.school.resume()
        caplog.clear()
        assert app.school.room.lesson is None
        assert ClassId("5B") in {one.id for one in await app.keeping.classes()}
