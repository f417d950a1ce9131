"""Two teachers' apps and one class: what one does the other sees, and neither loses anything."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from classroom_app.domain.tile import State
from device_bridge.agent.guard.device import Device
from device_bridge.agent.guard.journal import entries_of
from device_bridge.agent.guard.witness import account_of
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, hand_in_of, meet, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"),)


@asynccontextmanager
async def both(tmp_path: Path) -> AsyncGenerator[tuple[Device, Teacher, Teacher]]:
    """Give a device on which Ms Vidal teaches, who has shared the class, and Mr Okafor beside."""
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "vidal", PLACES) as vidal,
        teacher(
            school, tmp_path / "okafor", PLACES, name="teacher-2", teacher_name="Mr Okafor"
        ) as okafor,
    ):
        await vidal.begin_with(one)
        await vidal.school.presence.share(shared=True)
        await okafor.start()
        meet(okafor, one)
        await until(lambda: okafor.here("lina") and okafor.tile("lina").state is State.LIVE)
        yield one, vidal, okafor


async def lock(app: Teacher) -> None:
    await app.school.acts.lock(app.school.room.tiles(), "Eyes up")


async def test_both_see_both_lock_and_free_and_both_know(tmp_path: Path) -> None:
    async with both(tmp_path) as (one, vidal, okafor):
        assert vidal.school.room.company() == ("Mr Okafor",)
        assert len(one.guard.presence.lessons) == 2
        before = vidal.frames["device-1"]
        await until(lambda: vidal.frames["device-1"] > before or vidal.tile("lina").free)
        await lock(vidal)
        await until(lambda: vidal.tile("lina").held and okafor.tile("lina").held, "both know")
        assert okafor.tile("lina").state is State.LOCKED
        await okafor.school.acts.free(okafor.school.room.tiles())
        await until(lambda: okafor.tile("lina").free and vidal.tile("lina").free, "freed")
        assert vidal.tile("lina").state is State.LIVE
        vidal.school.attention.renew()  # what was asked before is not asked again
        await lock(vidal)
        await until(lambda: vidal.tile("lina").held and okafor.tile("lina").held, "again")
        await okafor.school.acts.end()
        await until(lambda: len(one.guard.presence.lessons) == 1, "he has gone")
        await until(lambda: vidal.school.room.company() == (), "and she knows")
        assert one.guard.attention.held.locked
        assert vidal.tile("lina").held


async def test_both_hand_out_and_collect_and_the_one_who_stays_goes_on(tmp_path: Path) -> None:
    async with both(tmp_path) as (one, vidal, okafor):
        for app, name in ((vidal, "plan.txt"), (okafor, "quiz.txt")):
            path = tmp_path / name
            path.write_text(name, encoding="utf-8")
            await app.school.acts.hand_out(app.school.room.tiles(), [path])
        await until(lambda: vidal.receipt().done == okafor.receipt().done == 1, "both arrived")
        there = sorted(path.name for path in one.guard.materials.folder.iterdir())
        assert there == ["plan.txt", "quiz.txt"]
        await one.guard.write_notes()
        for app in (vidal, okafor):
            told = entries_of(one.guard.folder, app.school.room.lesson_id())
            given = list(app.school.materials.handouts)
            assert account_of(told, None).handouts == tuple(given), "each in its own account"
        (hand_in_of(one) / "essay.txt").write_text("done", encoding="utf-8")
        for app in (vidal, okafor):
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda app=app: app.receipt().kind == "collect" and app.receipt().done)
        folder = hand_in_of(one)
        await vidal.school.acts.end()
        await until(lambda: len(one.guard.presence.lessons) == 1, "she has gone")
        assert hand_in_of(one) == folder, "the pupil goes on where they were"
        await until(lambda: okafor.tile("lina").state is State.LIVE, "and he sees it")
        await lock(okafor)
        await until(lambda: okafor.tile("lina").held)
