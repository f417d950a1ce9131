"""Documents chosen for a class before its lesson: here at once, and handed out without a source."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from classroom_app.domain.acts import HandedOut
from classroom_app.domain.errors import EmptyFile, NoLongerHere, NotAPdf, ReadyFull
from classroom_app.domain.lesson import ClassId
from classroom_app.domain.ready import READY_MAX, Offered, ReadyDocument
from classroom_app.services.ready import Ready
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.ready import NAME
from classroom_app.store_commands import look_after
from device_bridge.materials.library import Held, Library
from tests.guards import FakeSeat
from tests.rings import NoRing
from tests.school import SmallSchool
from tests.stores.opening import opened
from tests.teaching import CLASS, Place, device, meet, teacher, until

pytestmark = pytest.mark.real_loop
OTHER = ClassId("6A")
PLACES = (Place("device-1", "lina", "Lina"),)
NOON = 1_795_510_000


def paper(folder: Path, name: str, text: str = "Page 12") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def named(number: int) -> ReadyDocument:
    return ReadyDocument(f"{number:064x}", f"{number}.txt", number, NOON + number)


@dataclass
class Desk:
    keeping: Keeping
    ready: Ready

    async def names(self, class_id: ClassId = CLASS) -> list[tuple[str, bool]]:
        return [(one.ready.name, one.here) for one in await self.ready.listed(class_id)]


@asynccontextmanager
async def desk(home: Path) -> AsyncGenerator[Desk]:
    """Open the store and its library, without a lesson."""
    async with opened(home) as keeping:

        async def take_in(path: Path) -> Held:
            return keeping.library.keep(path)

        yield Desk(keeping, Ready(keeping, keeping.library, take_in, lambda: NOON))


async def test_what_was_chosen_is_here_after_a_restart_though_its_source_is_gone(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path / "home") as one:
        for name in ("plan.txt", "map.txt"):
            await one.ready.choose(CLASS, paper(tmp_path, name, name))
            (tmp_path / name).unlink()
        await one.ready.choose(OTHER, paper(tmp_path, "plan.txt", "plan.txt"))
    async with desk(tmp_path / "home") as one:
        assert await one.names() == [("plan.txt", True), ("map.txt", True)]
        assert await one.names(OTHER) == [("plan.txt", True)]
        plan = one.keeping.ready(CLASS)[0]
        assert (plan.size, plan.chosen_at) == (8, NOON)
        await one.ready.take_out(CLASS, plan.document)
        assert await one.names() == [("map.txt", True)]
        assert await one.names(OTHER) == [("plan.txt", True)]


async def test_the_list_outlives_a_repair_and_is_in_the_export(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    async with desk(home) as one:
        await one.ready.choose(CLASS, paper(tmp_path, "plan.txt"))
    assert await asyncio.to_thread(look_after, home, "repair", None, ring=NoRing) == 0
    assert await asyncio.to_thread(look_after, home, "export", out, ring=NoRing) == 0
    settings = json.loads((out / "settings.json").read_bytes())
    assert "plan.txt" in settings[NAME + CLASS]
    async with desk(home) as one:
        assert await one.names() == [("plan.txt", True)]


async def test_chosen_again_it_stands_there_once_the_newest_under_its_new_name(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path / "home") as one:
        for name, text in (("plan.txt", "a"), ("map.txt", "b"), ("new plan.txt", "a")):
            await one.ready.choose(CLASS, paper(tmp_path, name, text))
        assert await one.names() == [("map.txt", True), ("new plan.txt", True)]


async def test_a_name_that_is_no_text_is_kept_as_text(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.txt")
    odd.write_text("Page 12")
    async with desk(tmp_path / "home") as one:
        await one.ready.choose(CLASS, odd)
        assert await one.names() == [("caf?.txt", True)]


async def test_a_class_has_thirty_at_most_and_the_next_is_not_even_copied(tmp_path: Path) -> None:
    async with desk(tmp_path / "home") as one:
        for number in range(READY_MAX):
            await one.keeping.add_ready(CLASS, named(number))
        with pytest.raises(ReadyFull, match="plan"):
            await one.ready.choose(CLASS, paper(tmp_path, "plan.txt"))
        assert list((tmp_path / "home/library/documents").iterdir()) == []
        with pytest.raises(ReadyFull):  # two that were chosen at the same time
            await one.keeping.add_ready(CLASS, named(READY_MAX))
        await one.keeping.add_ready(CLASS, named(0))
        assert one.keeping.ready(CLASS)[-1] == named(0)


async def test_what_the_library_lost_is_listed_as_lost(tmp_path: Path) -> None:
    async with desk(tmp_path / "home") as one:
        await one.ready.choose(CLASS, paper(tmp_path, "plan.txt"))
        (plan,) = one.keeping.ready(CLASS)
        one.keeping.library.drop(bytes.fromhex(plan.document))
        assert await one.ready.listed(CLASS) == (Offered(plan, here=False),)


async def test_a_list_that_cannot_be_read_is_empty_and_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = msgspec.structs.replace(named(1), document="../../etc/passwd")
    async with desk(tmp_path / "home") as one:
        for text in ("[", '[{"name": 1}]', msgspec.json.encode([wrong]).decode()):
            one.keeping.choose_of_class(NAME + CLASS, text)
            assert one.keeping.ready(CLASS) == ()
            assert "ready documents not readable" in caplog.text
            caplog.clear()
        await one.keeping.add_ready(CLASS, named(1))
        assert one.keeping.ready(CLASS) == (named(1),)
        caplog.clear()


async def test_it_is_handed_out_in_the_lesson_when_stick_and_server_are_gone(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", seat=FakeSeat) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        ready, library = app.school.ready, app.keeping.library
        for name in ("plan.txt", "map.txt", "lost.txt"):
            await ready.choose(CLASS, path := paper(tmp_path, name, name))
            path.unlink()
        plan, city, lost = app.keeping.ready(CLASS)
        await ready.choose(OTHER, paper(tmp_path, "of no class here.txt", "other"))
        held = {bytes.fromhex(each.document) for each in (plan, city, lost)}
        assert await app.keeping.ready_documents() == held
        library.drop(bytes.fromhex(lost.document))
        fresh = paper(tmp_path, "fresh.txt")
        await app.start()
        meet(app, one)
        with pytest.raises(NoLongerHere, match="lost"):  # said, and it kept back no other
            await app.school.acts.hand_out(app.tiles("lina"), [fresh], [lost, plan])
        await until(lambda: len(one.guard.materials.held.papers) == 2, "both are there")
        kept = [each.act for each in await app.keeping.acts(app.school.room.lesson_id(), 100)]
        acts = [act for act in kept if isinstance(act, HandedOut)]
        assert [act.name for act in acts] == ["plan.txt", "fresh.txt"]
        assert (acts[0].document, acts[0].size) == (plan.document, plan.size)
        assert [each.name for each in app.keeping.ready(CLASS)] == [
            *("plan.txt", "map.txt", "lost.txt")
        ]
        await app.school.acts.undo()
        await until(lambda: app.receipt().kind == "withdrawn")


async def test_a_large_file_that_is_being_kept_holds_up_no_hand_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end, keep = threading.Event(), threading.Event(), Library.keep

    def slow(self: Library, path: Path) -> Held:
        if path.name == "film.mp4":
            began.set()
            may_end.wait(10)
        return keep(self, path)

    monkeypatch.setattr(Library, "keep", slow)
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        await app.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(app.school.ready.choose(CLASS, paper(tmp_path, "film.mp4")))
            await asyncio.to_thread(began.wait, 10)
            await app.school.acts.hand_out(app.tiles("lina"), [paper(tmp_path, "plan.txt")])
            assert [each.name for each in app.school.materials.handouts.values()] == ["plan.txt"]
            assert app.keeping.ready(CLASS) == ()
            may_end.set()
        assert [each.name for each in app.keeping.ready(CLASS)] == ["film.mp4"]


async def test_what_would_help_nobody_is_refused_by_name_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with teacher(SmallSchool(), tmp_path / "app", PLACES) as app:
        choose = app.school.ready.choose
        with pytest.raises(EmptyFile, match=r"empty\.txt"):
            await choose(CLASS, paper(tmp_path, "empty.txt", ""))
        with pytest.raises(NotAPdf, match=r"no\.pdf"):
            await choose(CLASS, paper(tmp_path, "no.pdf"))
        with pytest.raises(FileNotFoundError):
            await choose(CLASS, tmp_path / "gone.txt")
        assert app.keeping.ready(CLASS) == ()
