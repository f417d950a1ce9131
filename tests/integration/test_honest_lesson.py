"""A lesson between a real app and a real device: private, and the end of a close look."""

import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import LookedAway, LookedClosely, Reported, Shown, StillAsked
from classroom_app.domain.errors import StillRefused
from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State
from classroom_app.presenters.receipts import Receipt
from classroom_app.services.watching import Closely
from device_bridge.agent.guard.journal import read_entries
from device_bridge.protocol.seat import PupilActed
from tests.school import SmallSchool
from tests.teaching import Place, device, teacher, until

pytestmark = pytest.mark.real_loop

PLACES = (Place("device-1", "lina"),)
ONE = DeviceId("device-1")


async def test_the_wall_says_private_and_both_journals_say_since_when_and_until_when(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        rules = one.guard.ground.rules
        one.guard.ground.assign(replace(rules, version=rules.version + 1, private_seconds=300))
        await app.begin_with(one)
        one.guard.seat_said(PupilActed("private-on"))
        await until(lambda: app.tile("lina").state is State.PRIVATE, "private")
        one.guard.seat_said(PupilActed("private-off"))
        await until(lambda: app.tile("lina").state is State.LIVE, "seen again")
        await app.school.hearing.settle()
        acts = await app.keeping.acts(app.school.room.lesson_id(), 100)
        told = [row.act.state for row in acts if isinstance(row.act, Reported)]
        assert [state for state in told if state in {"private", "on"}][-2:] == ["private", "on"]
        await one.guard.write_notes()
        noted = [row.kind for row in read_entries(one.guard.folder) if "private-" in row.kind]
        assert noted == ["private-on", "private-off"]


async def test_a_close_look_whose_time_is_up_falls_back_and_one_click_takes_it_up_again(
    tmp_path: Path,
) -> None:
    school, ended = SmallSchool(), list[DeviceId]()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES, look_ended=ended.append) as app,
    ):
        await app.begin_with(one)
        await app.school.watching.look_closely([Closely(ONE)])
        await until(lambda: one.guard.presence.held.shown == "close", "closely")
        held = one.guard.watching.held
        one.guard.watching.held = replace(held, close_ends_at=time.monotonic())
        await until(lambda: ended == [ONE], "the app is told")
        await until(lambda: one.guard.watching.held.version > held.version, "declared small")
        assert one.guard.presence.held.shown == "overview"
        await app.school.watching.look_closely([Closely(ONE)])
        await until(lambda: one.guard.presence.held.shown == "close", "again")
        await app.school.watching.look_closely([])
        acts = [row.act for row in await app.keeping.acts(app.school.room.lesson_id(), 100)]
        looks = [act for act in acts if isinstance(act, LookedClosely | LookedAway)]
        assert [getattr(act, "why", "closely") for act in looks] == [
            *("closely", "time", "closely", "teacher")
        ]


async def test_two_side_by_side_are_both_told_and_one_that_is_private_stops_alone(
    tmp_path: Path,
) -> None:
    school, both = SmallSchool(), (Place("device-1", "lina"), Place("device-2", "tom"))
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", both) as app,
    ):
        rules = one.guard.ground.rules
        one.guard.ground.assign(replace(rules, version=rules.version + 1, private_seconds=300))
        await app.begin_with(one, two)
        looks = [Closely(DeviceId(each.id), 0, 640, 360) for each in (one, two)]
        await app.school.watching.look_closely(looks)
        bars = [each.guard.presence for each in (one, two)]
        await until(lambda: all(bar.held.shown == "close" for bar in bars), "closely")
        for each in (one, two):
            order = each.guard.watching.ordered
            assert order is not None
            assert (order.look, order.width, order.height) == ("close", 640, 360)
            assert order.pace > 8
        one.guard.seat_said(PupilActed("private-on"))
        await until(lambda: app.tile("lina").state is State.PRIVATE, "private")
        assert app.tile("tom").state is State.LIVE
        assert two.guard.presence.held.shown == "close"
        await app.school.watching.look_closely([])
        await until(lambda: two.guard.presence.held.shown == "overview", "small again")
        acts = [row.act for row in await app.keeping.acts(app.school.room.lesson_id(), 100)]
        looks_told = [act for act in acts if isinstance(act, LookedAway | LookedClosely)]
        looked = [(act.device, getattr(act, "why", "")) for act in looks_told]
        assert sorted(looked) == [
            *(("device-1", ""), ("device-1", "teacher")),
            *(("device-2", ""), ("device-2", "teacher")),
        ]


async def test_of_each_screen_that_can_be_seen_a_picture_is_kept_and_of_the_others_it_is_said_why(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    places = (
        *(Place("device-1", "lina", "Lina"), Place("device-2", "other", "Lina")),
        *(Place("device-3", "omar", "Omar"), Place("device-4", "zoe", "Zoé")),
    )
    async with AsyncExitStack() as stack:
        made = [device(school, tmp_path / each.device, each.device) for each in places[:3]]
        here = [await stack.enter_async_context(one) for one in made]
        app = await stack.enter_async_context(teacher(school, tmp_path / "app", places))
        omar = here[2]
        rules = omar.guard.ground.rules
        omar.guard.ground.assign(replace(rules, version=rules.version + 1, private_seconds=300))
        await app.begin_with(*here)
        omar.guard.seat_said(PupilActed("private-on"))
        await until(lambda: app.tile("omar").state is State.PRIVATE, "private")
        by_id = {one.id: one.guard for one in here}

        async def sees(device: DeviceId, version: int) -> bytes:
            watching, bar = by_id[device].watching, by_id[device].presence
            await until(lambda: watching.held.version >= version and bar.held.shown == "close")
            return device.encode()

        await app.school.acts.keep_pictures(app.tiles("lina", "other", "omar", "zoe"), sees)
        kept = sorted((tmp_path / "app" / "pictures").rglob("*.png"))
        assert {path.read_bytes() for path in kept} == {b"device-1", b"device-2"}
        lacks = "Omar: kept private by the pupil", "Zoé: out of reach"
        assert app.receipts[-1] == Receipt("stills", "", 2, 4, failed=lacks, ended=4)
        for one in here[:2]:
            await until(lambda one=one: one.guard.presence.held.shown == "overview", "small again")
            await one.guard.write_notes()
            kinds = Counter(row.kind for row in read_entries(one.guard.folder))
            assert (kinds["look-close"], kinds["still"]) == (1, 1)
            assert one.guard.presence.held.bar.stills == 1
        acts = [row.act for row in await app.keeping.acts(app.school.room.lesson_id(), 200)]
        counted = Counter(type(act) for act in acts)
        assert counted[LookedClosely] == counted[StillAsked] == counted[LookedAway] == 2


async def test_a_still_is_kept_in_the_lessons_folder_when_both_journals_have_it(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.begin_with(one)
        tile, kept = app.tile("lina"), tmp_path / "app" / "pictures"
        watching, bar = app.school.watching, one.guard.presence

        async def too_late(device: DeviceId, _: int) -> bytes:
            await watching.look_off(device)
            await until(lambda: bar.held.shown == "overview", "small again")
            return b"png"

        async def sees(_: DeviceId, version: int) -> bytes:
            told = one.guard.watching
            await until(lambda: told.held.version >= version and bar.held.shown == "close")
            return b"png"

        with pytest.raises(StillRefused, match="not-close"):
            await app.school.acts.keep_picture(tile, too_late)
        assert not list(kept.rglob("*.png"))
        await app.school.acts.keep_picture(tile, sees)
        assert [path.read_bytes() for path in kept.glob("5e B/*/lina *.png")] == [b"png"]
        assert (app.receipts[-1].kind, app.receipts[-1].subject) == ("still", "lina")
        assert "still" in [row.kind for row in read_entries(one.guard.folder)]
        acts = [row.act for row in await app.keeping.acts(app.school.room.lesson_id(), 100)]
        asked = [act for act in acts if isinstance(act, StillAsked)]
        ends = {act.command: act.state for act in acts if isinstance(act, Shown)}
        assert [ends[act.id] for act in asked] == ["refused", "done"]
