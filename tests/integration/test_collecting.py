"""Work is laid down once, however often the teacher collects."""

import asyncio
import errno
import time
from pathlib import Path
from typing import NoReturn

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import (
    AnyAct,
    CollectAsked,
    CollectDone,
    HandInKept,
    LessonStarted,
    Resumed,
)
from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import Device, DeviceId
from classroom_app.services.collecting import Collecting
from classroom_app.storage.resuming import resumed
from device_bridge.materials.library import Library
from device_bridge.materials.names import safe_name
from device_bridge.protocol.errors import TryAgain
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.materials import HandInOffered, OfferedFile
from device_bridge.protocol.messages import Command
from tests.cart import LINA, NOBODY, ONE, TOM, Cart, FakeDevices
from tests.guards import AtOnce


class Table(Cart):
    """One pupil's work, already in the library as a fetch would bring it."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home
        self.library = Library(home / "library")
        self.fetched: list[bytes] = []
        self.cut = 0  # so many fetches find their lane cut
        self.hangs, self.hung = asyncio.Event(), asyncio.Event()
        self.hangs.set()
        self.collecting = self.opened()

    def opened(self) -> Collecting:
        return Collecting(
            self.room,
            self,
            self.library,
            AtOnce(),
            folder=self.home / "collected",
            safe_name=safe_name,
        )

    async def fetch(self, device: DeviceId, document: bytes, size: int) -> None:
        assert device == ONE
        assert size > 0
        self.fetched.append(document)
        self.hung.set()
        await self.hangs.wait()
        if len(self.fetched) <= self.cut:
            raise TryAgain(1.0)

    def work(self, name: str, words: str) -> OfferedFile:
        written = self.home / name
        written.write_text(words)
        held = self.library.keep(written)
        return OfferedFile(name, held.size, held.document)

    async def collect(self, *files: OfferedFile) -> None:
        """Ask, offer, and wait until the ticket is done."""
        await self.collecting.collect([ONE])
        ticket = [act.ticket for act in self.journal.acts if isinstance(act, CollectAsked)][-1]
        await self.collecting.take(ONE, HandInOffered(ticket, files, 0))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.collecting.run())
            while self.collecting.missing():
                self.touched.clear()
                await self.touched.wait()
            running.cancel()

    def resumed(self) -> Resumed | None:
        lesson = self.room.running()
        started = LessonStarted(
            id="started",
            lesson=lesson.id,
            at=lesson.started_at,
            class_id=lesson.class_id,
            class_name=lesson.class_name,
            teacher_name=lesson.teacher_name,
            ends_at=lesson.ends_at,
        )
        told = (act for act in self.journal.acts if isinstance(act, AnyAct))
        return resumed([started, *told], ())

    def lying(self) -> list[str]:
        return sorted(path.name for path in (self.home / "collected").rglob("*.txt"))

    def folders(self) -> list[str]:
        collected = self.home / "collected"
        return sorted({str(p.parent.relative_to(collected)) for p in collected.rglob("*.txt")})

    def done(self) -> list[int]:
        return [act.files for act in self.journal.acts if isinstance(act, CollectDone)]


async def test_a_teacher_finds_the_class_the_day_and_the_pupil_by_name(tmp_path: Path) -> None:
    table = Table(tmp_path)
    await table.seats.sit(LINA, ONE)
    await table.collect(table.work("essay.txt", "The climate of Lille"))
    began = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(1_800_000_000))
    assert table.folders() == [f"5B/{began}/Lina"]
    await table.seats.sit(NOBODY, ONE)
    await table.collect(table.work("poem.txt", "nobody's"))
    assert table.folders() == [f"5B/{began}/Lina", f"5B/{began}/Tablet 1"]


async def test_two_pupils_of_one_name_stay_apart_also_after_a_restart(tmp_path: Path) -> None:
    table = Table(tmp_path)
    roster = table.room.open_roster()
    pupils = tuple(replace(pupil, display="../Lina") for pupil in roster.pupils)
    table.room.roster = replace(roster, pupils=pupils)
    for pupil in (TOM, LINA):
        await table.seats.sit(pupil, ONE)
        await table.collect(table.work(f"{pupil}.txt", pupil))
    table.collecting = table.opened()
    table.collecting.began(table.resumed())
    await table.collect(table.work("lina-2.txt", "more"))
    whose = {path.name: path.parent.name for path in (tmp_path / "collected").rglob("*.txt")}
    assert whose == {"tom.txt": "_Lina", "lina.txt": "_Lina (2)", "lina-2.txt": "_Lina (2)"}


async def test_unchanged_work_is_laid_down_once(tmp_path: Path) -> None:
    table = Table(tmp_path)
    essay = table.work("essay.txt", "The climate of Lille")
    await table.collect(essay)
    await table.collect(essay)
    assert table.lying() == ["essay.txt"]
    assert len(table.fetched) == 1
    assert table.done() == [1, 1]


async def test_work_whose_way_was_cut_is_fetched_again_though_nobody_left(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.cut = 2
    table.room.note(ONE, Evidence(ONE, up_since=0.0))
    await table.collect(table.work("essay.txt", "The climate of Lille"))
    assert (table.lying(), len(table.fetched)) == (["essay.txt"], 3)


async def test_a_ticket_is_open_from_the_moment_at_which_the_teacher_asks(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.journal.turning.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(table.collecting.collect([ONE]))
        await asyncio.sleep(0)
        assert table.collecting.missing() == {ONE}
        table.journal.turning.set()


async def test_changed_work_lies_beside_what_it_was(tmp_path: Path) -> None:
    table = Table(tmp_path)
    await table.collect(table.work("essay.txt", "The climate"))
    await table.collect(table.work("essay.txt", "The climate of Lille"))
    assert table.lying() == ["essay (2).txt", "essay.txt"]


async def test_two_files_that_say_the_same_are_both_laid_down(tmp_path: Path) -> None:
    table = Table(tmp_path)
    await table.collect(table.work("one.txt", "x"), table.work("two.txt", "x"))
    assert table.lying() == ["one.txt", "two.txt"]
    assert table.done() == [2]


async def test_work_handed_in_stays_whose_it_is_when_another_pupil_sits_there(
    tmp_path: Path,
) -> None:
    table = Table(tmp_path)
    essay = table.work("essay.txt", "The climate of Lille")
    await table.seats.sit(LINA, ONE)
    await table.collect(essay)
    await table.seats.sit(TOM, ONE)
    await table.collect(essay, table.work("poem.txt", "Tom's own"))
    laid = [(act.pupil, act.name) for act in table.journal.acts if isinstance(act, HandInKept)]
    assert laid == [(LINA, "essay.txt"), (TOM, "poem.txt")]
    assert table.done() == [1, 1]


async def test_what_the_teacher_removed_comes_again(tmp_path: Path) -> None:
    table = Table(tmp_path)
    essay = table.work("essay.txt", "The climate of Lille")
    await table.collect(essay)
    next((tmp_path / "collected").rglob("*.txt")).unlink()
    await table.collect(essay)
    assert table.lying() == ["essay.txt"]


async def test_a_folder_out_of_reach_is_told_and_collecting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that was pulled or a share that went: no missing file, an error."""

    def gone(path: Path) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error", str(path))

    table = Table(tmp_path)
    essay = table.work("essay.txt", "The climate of Lille")
    await table.collect(essay)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", gone)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(table.collecting.run())
            await table.collecting.collect([ONE])
            asked = [act for act in table.journal.acts if isinstance(act, CollectAsked)][-1]
            await table.collecting.take(ONE, HandInOffered(asked.ticket, (essay,), 0))
            while not table.collecting.trouble:
                table.touched.clear()
                await table.touched.wait()
            running.cancel()
    assert table.collecting.trouble == {ONE: "unreadable"}
    assert table.collecting.missing() == {ONE}
    await table.collect(essay)
    assert table.lying() == ["essay.txt"]


async def test_a_restart_knows_what_lies_there(tmp_path: Path) -> None:
    table = Table(tmp_path)
    essay = table.work("essay.txt", "The climate of Lille")
    await table.collect(essay)
    table.collecting = table.opened()
    table.collecting.began(table.resumed())
    await table.collect(essay)
    assert table.lying() == ["essay.txt"]
    assert sum(isinstance(act, HandInKept) for act in table.journal.acts) == 1


async def test_what_is_offered_anew_while_the_older_hangs_is_fetched_once_afterwards(
    tmp_path: Path,
) -> None:
    table = Table(tmp_path)
    essay, better = table.work("essay.txt", "The climate"), table.work("poem.txt", "of Lille")
    await table.collecting.collect([ONE])
    ticket = [act.ticket for act in table.journal.acts if isinstance(act, CollectAsked)][-1]
    table.hangs.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(table.collecting.run())
        await table.collecting.take(ONE, HandInOffered(ticket, (essay,), 0))
        await table.hung.wait()
        for _ in range(2):
            await table.collecting.take(ONE, HandInOffered(ticket, (essay, better), 0))
        table.hangs.set()
        while table.collecting.missing():
            table.touched.clear()
            await table.touched.wait()
        running.cancel()
    assert table.lying() == ["essay.txt", "poem.txt"]
    assert table.fetched == [essay.document, better.document]
    assert table.done() == [2]


async def test_a_class_is_asked_beside_each_other_for_each_copies_its_work_first(
    tmp_path: Path,
) -> None:
    class Slow(FakeDevices):
        async def ask(self, device: str, command: Command) -> Answer:
            await asyncio.sleep(1.0)
            await table.collecting.take(DeviceId(device), HandInOffered(command.id, (), 0))
            return Answer(command.id, "done")

    table, loop = Table(tmp_path), asyncio.get_running_loop()
    table.room.devices = Slow()
    names = [DeviceId(f"d{number}") for number in range(60)]
    rows = tuple(Device(name, name, "test") for name in names)
    table.room.roster = replace(table.room.open_roster(), devices=rows)
    for name in names:
        table.room.note(name, Evidence(name, up_since=0.0))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(table.collecting.run())
        await table.collecting.collect()
        began = loop.time()
        await table.collecting.settled(60.0)
        running.cancel()
    assert table.collecting.missing() == frozenset()
    assert loop.time() - began < 3.0


@pytest.mark.parametrize(("limit", "most"), [("QUOTA_BYTES", 25), ("FILES_MAX", 2)])
async def test_a_device_that_offers_other_work_again_and_again_fills_no_more_than_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(f"classroom_app.services.collecting.{limit}", most)
    table = Table(tmp_path)
    offers = [table.work(f"{number}.txt", "x" * 10) for number in range(6)]
    await table.collecting.collect([ONE])
    ticket = [act.ticket for act in table.journal.acts if isinstance(act, CollectAsked)][-1]
    left = offers[1:]

    async def fetch(device: DeviceId, document: bytes, size: int) -> None:
        del document, size
        if left:
            await table.collecting.take(device, HandInOffered(ticket, (left.pop(0),), 0))

    monkeypatch.setattr(table, "fetch", fetch)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(table.collecting.run())
        await table.collecting.take(ONE, HandInOffered(ticket, (offers[0],), 0))
        while table.collecting.missing():
            table.touched.clear()
            await table.touched.wait()
        running.cancel()
    assert table.lying() == ["0.txt", "1.txt"]
    done = [act for act in table.journal.acts if isinstance(act, CollectDone)]
    assert [(act.failed, act.reason) for act in done] == [(1, "too-large")]
