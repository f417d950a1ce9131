"""A hand-out taken back: our own unopened copies go, what a pupil has stays, and both are told."""

import asyncio
import os
from pathlib import Path

import pytest
from blake3 import blake3

from classroom_app.domain.acts import HandOutReported, HandOutWithdrawn
from classroom_app.domain.lesson import DeviceId
from classroom_app.presenters.receipts import received
from device_bridge.agent.guard import folders as guard_folders
from device_bridge.agent.guard import materials as guard_materials
from device_bridge.agent.guard.device import Device
from device_bridge.materials import turns
from device_bridge.materials.taking_back import take_back
from tests.guards import FakeSeat
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, meet, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"), Place("device-2", "hugo", "Hugo"))
BOTH = ("lina", "hugo")
MEGABYTE = 1024 * 1024


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "plan.txt"
    path.write_text("Page 12")
    return path


class NobodyThere(FakeSeat):
    """A device at which nobody is logged in: what arrives is not opened."""

    def sit(self) -> FakeSeat:
        return self


def lying(one: Device) -> list[str]:
    folder = one.guard.materials.folder
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def in_library(one: Device) -> list[Path]:
    return [path for path in one.guard.folder.library.rglob("*") if path.is_file()]


async def give(app: Teacher, path: Path, done: int) -> None:
    await app.school.acts.hand_out(app.tiles(*BOTH), [path])
    await until(lambda: app.receipt().done == done, "the paper is there")


async def said(app: Teacher, wanted: str) -> str:
    """Wait for bar B's sentence; return what stands beside it."""
    text = lambda: received(app.receipt()).text  # noqa: E731 - said when it fails
    await until(lambda: text() == wanted, lambda: f"{wanted!r} and not {text()!r}")
    return received(app.receipts[-1]).second


async def test_it_goes_where_it_was_not_opened_and_stays_where_it_was(
    tmp_path: Path, paper: Path
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one, two)
        await until(lambda: len(app.school.room.came) == 2)
        await give(app, paper, 2)
        await until(lambda: app.tile("hugo").fact == "opened")
        await app.school.acts.undo()
        await said(app, "plan.txt: withdrawn from 1, 1 had opened it")
        assert (lying(one), lying(two)) == ([], ["plan.txt"])
        assert in_library(one) == []
        assert (app.tile("lina").fact, app.tile("hugo").fact) == ("", "opened")
        kept = [each.act for each in await app.keeping.acts(app.school.room.lesson_id(), 100)]
        told = [act for act in kept if isinstance(act, HandOutReported)]
        assert [act.state for act in told if act.device == "device-1"] == ["arrived", "withdrawn"]
        assert sum(isinstance(act, HandOutWithdrawn) for act in kept) == 1


async def test_where_all_had_opened_it_the_sentence_says_so(tmp_path: Path, paper: Path) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one, two)
        await give(app, paper, 2)
        await until(lambda: app.tile("lina").fact == app.tile("hugo").fact == "opened")
        await app.school.acts.undo()
        assert await said(app, "plan.txt: all 2 had opened it") == ""
        assert lying(one) == lying(two) == ["plan.txt"]


async def test_what_a_pupil_wrote_into_it_is_never_removed(tmp_path: Path, paper: Path) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one)
        await give(app, paper, 1)
        plan = one.guard.materials.folder / "plan.txt"
        plan.write_text("Page 12, and my answer")
        await app.school.acts.undo()
        await said(app, "plan.txt: all 1 had opened it")  # English has its plurals in the window
        assert plan.read_text() == "Page 12, and my answer"
        receipt = next(iter(app.school.materials.receipts.values()))
        assert (receipt.state, receipt.reason) == ("opened", "changed")


async def test_a_fetch_under_way_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELD_SECONDS", 30.0)
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(24 * MEGABYTE))
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one)
        await until(lambda: len(app.school.room.came) == 1)
        app.school.ways.urgent("device-1", under_way=True)  # the film stands aside at its start
        await app.school.acts.hand_out(app.tiles(*BOTH), [film])
        await until(lambda: any(row.state == "fetching" for row in one.guard.materials.held.papers))
        await app.school.acts.undo()
        await said(app, "film.mp4: withdrawn from 1 of 1")
        app.school.ways.urgent("device-1", under_way=False)
        await until(lambda: not in_library(one), "nothing of it is kept")
        assert lying(one) == []
        assert one.guard.materials.fetched_bytes < film.stat().st_size
        plan = tmp_path / "plan.txt"
        plan.write_text("Page 12")
        await give(app, plan, 1)


async def test_who_was_away_gives_it_back_on_return(tmp_path: Path, paper: Path) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one:
            meet(app, one)
            await give(app, paper, 1)
        await app.school.acts.undo()
        assert await said(app, "plan.txt: withdrawn from 0 of 1") == "Later, on return: Lina"
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as again:
            meet(app, again)
            assert await said(app, "plan.txt: withdrawn from 1 of 1") == ""
            assert lying(again) == []
            app.school.materials.receipts.clear()  # as if the report had been lost with its link
            app.school.link.declare(
                "device-1", app.school.room.declared[DeviceId("device-1"), "materials"]
            )
            await said(app, "plan.txt: withdrawn from 1 of 1")


async def test_who_was_away_till_the_lesson_was_over_gives_it_back_in_the_next_one(
    tmp_path: Path, paper: Path
) -> None:
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES) as app:
        await app.start()
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one:
            meet(app, one)
            await give(app, paper, 1)
            folder = one.guard.materials.folder
        await app.school.acts.undo()
        await app.school.presence.end()
        await app.start()
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as again:
            assert list(folder.iterdir()) != []
            meet(app, again)
            await until(lambda: list(folder.iterdir()) == [], "it is gone")
            assert again.guard.materials.folder != folder


async def test_a_copy_that_cannot_be_looked_at_now_is_taken_back_later(
    tmp_path: Path, paper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder its pupil has closed, or a file held open where that locks it."""
    monkeypatch.setattr(guard_materials, "AGAIN_SECONDS", 0.05)
    refusals = [1, 2]

    def refusing(folder: Path, name: str, placed: bytes) -> bool:
        if refusals:
            refusals.pop()
            raise PermissionError
        return take_back(folder, name, placed)

    monkeypatch.setattr(guard_folders, "take_back", refusing)
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one)
        await give(app, paper, 1)
        await app.school.acts.undo()
        await said(app, "plan.txt: withdrawn from 1 of 1")
        assert (lying(one), refusals) == ([], [])


async def test_all_that_was_withdrawn_meanwhile_goes_however_little_may_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_materials, "_JOBS_MAX", 1)
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in files:
        path.write_text(path.name)
    school = SmallSchool()
    async with teacher(school, tmp_path / "app", PLACES[:1]) as app:
        await app.start()
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one:
            meet(app, one)
            await app.school.acts.hand_out(app.tiles("lina"), files)
            await until(lambda: one.guard.materials.held.received == len(files))
        for handout in tuple(app.school.materials.handouts):
            await app.school.materials.withdraw(handout)
        async with device(school, tmp_path / "1", "device-1", seat=NobodyThere) as again:
            meet(app, again)
            await until(lambda: lying(again) == [], "all three are gone")


async def test_what_is_taken_back_while_it_is_taken_in_goes_to_nobody(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in files:
        path.write_text(path.name)
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", seat=NobodyThere) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, one)
        await until(lambda: len(app.school.room.came) == 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(app.school.acts.hand_out(app.tiles(*BOTH), files))
            await asyncio.sleep(0)
            await app.school.acts.undo()
        assert len(app.school.materials.handouts) <= 1
        assert all(each.withdrawn for each in app.school.materials.handouts.values())
        await until(lambda: lying(one) == [])


def test_only_our_own_unchanged_file_is_taken_back(tmp_path: Path) -> None:
    ours = blake3(b"Page 12").digest()
    (tmp_path / "plan.txt").write_bytes(b"Page 12")
    (tmp_path / "edited.txt").write_bytes(b"Page 13")
    (tmp_path / "link.txt").symlink_to(tmp_path / "plan.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    kept = ("edited.txt", "link.txt", "pipe.txt", "moved.txt", "../plan.txt", "..")
    assert not any(take_back(tmp_path, name, ours) for name in kept)
    assert take_back(tmp_path, "plan.txt", ours)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["edited.txt", "link.txt", "pipe.txt"]
