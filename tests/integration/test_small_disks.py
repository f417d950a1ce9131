"""Disks that are really full: the teacher's and a pupil's, each a small file system of its own.

`test_bad_input` has them in a lesson; here is what a full disk leaves behind, and what it must not.
"""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest
from blake3 import blake3

from classroom_app.domain.errors import StoreFull
from classroom_app.presenters.receipts import received
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import amount
from classroom_app.services.collecting import Laid
from classroom_app.storage.keeping import Keeping
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import Device
from device_bridge.agent.guard.journal import DeviceJournal, Line, Noted, Personal, verify
from device_bridge.agent.guard.makings import LibraryOptions
from device_bridge.agent.guard.papers import Paper
from device_bridge.materials.errors import DiskFull
from device_bridge.materials.library import RESERVE_BYTES, Library
from device_bridge.protocol.materials import OfferedFile
from tests.disks import Disk, disk
from tests.school import SmallSchool
from tests.stores.opening import opened, words
from tests.teaching import Place, Teacher, device, hand_in_of, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"), Place("device-2", "hugo", "Hugo"))
FULL = "This computer is full. Make room; nothing is lost."
MEGABYTE = 1024 * 1024
PAGE = 4096


def film_in(folder: Path, size: int = 3_000_000, name: str = "film.mp4") -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def hash_of(path: Path) -> bytes:
    return blake3(path.read_bytes()).digest()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def paper(one: Device, number: int = 0) -> Paper:
    return one.guard.materials.held.papers[number]


async def hand_out(app: Teacher, path: Path) -> None:
    await app.school.acts.hand_out(app.school.room.tiles(), [path])


# The teacher's store


async def test_a_store_lives_on_a_disk_till_it_is_full_and_has_all_that_it_said_it_has(
    tmp_path: Path,
) -> None:
    """Also after a power cut in that moment, which a copy of the open files stands for."""
    with disk(tmp_path / "disk", "4m") as small:
        home = small.folder / "app"
        async with opened(home) as keeping:
            acts = await remember_until_it_is_full(keeping)
            assert len(acts) > 50
            with pytest.raises(StoreFull) as caught:
                await keeping.remember(words(90_000))
            assert refusal(caught.value) == FULL
            assert await keeping.journal_ids() == acts
            shutil.copytree(home, tmp_path / "cut")
        async with opened(home) as keeping:  # with the little that its log has left
            assert await keeping.journal_ids() == acts
        small.holds("8m")
        async with opened(home) as again, opened(tmp_path / "cut") as cut:
            for each in (again, cut):
                assert await each.journal_ids() == acts
                assert await each.remember(words(90_000))
                assert await each.verify() is None


async def remember_until_it_is_full(keeping: Keeping) -> list[str]:
    """Return the ids of what was acknowledged."""
    acts = list[str]()
    with suppress(StoreFull):
        while await keeping.remember(act := words(len(acts))):
            acts.append(act.id)
    return acts


# A pupil's disk


async def test_a_paper_too_large_for_one_pupil_reaches_the_others_and_costs_that_one_nothing(
    tmp_path: Path,
) -> None:
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "2m") as small:
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            device(school, small.folder / "2", "device-2") as full,
            teacher(school, tmp_path / "app", PLACES) as app,
        ):
            await app.begin_with(one, full)
            await hand_out(app, film)
            await until(lambda: app.receipt().done == 1 and app.receipt().failed, "both have said")
            has = paper(full).free_bytes
            assert 1_900_000 < has < 2 * MEGABYTE
            assert received(app.receipt()).text == "film.mp4: arrived at 1 of 2"
            assert received(app.receipt()).second.startswith(
                f"Hugo: no room for film.mp4 (needs 3.0 MB, has {amount(has)})"
            )
            assert hash_of(next(one.guard.materials.folder.iterdir())) == hash_of(film)
            assert full.guard.materials.fetched_bytes < 1000, "its manifest and no more"
            assert files_in(full.guard.folder.library) == []
            assert files_in(full.guard.materials.folder) == []

            small.holds("16m")
            await hand_out(app, film_in(tmp_path, 1000, "plan.odt"))  # tells the film again
            await until(lambda: paper(full).arrived and paper(full, 1).arrived)
            assert files_in(full.guard.materials.folder) == ["film.mp4", "plan.odt"]


async def test_a_disk_that_fills_while_a_paper_comes_is_told_and_gets_its_room_back(
    tmp_path: Path,
) -> None:
    """Somebody else takes the room as soon as the document has been promised its place."""
    school, film = SmallSchool(), film_in(tmp_path, 9_000_000)
    with disk(tmp_path / "disk", "24m") as small:
        home, others = small.folder / "1", [partial(small.fill, leaving=5 * MEGABYTE)]

        def free(folder: Path) -> int:
            has = shutil.disk_usage(folder).free
            if others and files_in(home / "library" / "partial"):
                others.pop()()
            return has

        options = LibraryOptions(reserve_bytes=0, free=free)
        async with (
            device(school, home, "device-1", library=options) as one,
            teacher(school, tmp_path / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            await hand_out(app, film)
            await until(lambda: app.receipt().failed, "it said so")
            assert one.guard.materials.fetched_bytes > 4 * MEGABYTE, "it was on its way"
            has = paper(one).free_bytes
            assert 4.9 * MEGABYTE < has <= 5 * MEGABYTE
            assert received(app.receipt()).second.startswith(
                f"Lina: no room for film.mp4 (needs 9.0 MB, has {amount(has)})"
            )
            assert files_in(one.guard.folder.library) == []
            assert files_in(one.guard.materials.folder) == []
            await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
            await until(lambda: app.tile("lina").held)

            small.empty()
            small.holds("64m")
            await hand_out(app, film_in(tmp_path, 1000, "plan.odt"))
            await until(lambda: paper(one).arrived)
            assert hash_of(one.guard.materials.folder / "film.mp4") == hash_of(film)


async def test_a_paper_that_fits_once_is_not_fetched_in_vain(tmp_path: Path) -> None:
    """Where there is no room for the library's and the pupil's, the pupil's is the one."""
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "5m") as small:
        async with (
            device(school, small.folder / "1", "device-1") as one,
            teacher(school, tmp_path / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            await hand_out(app, film)
            await until(lambda: app.receipt().done == 1, "arrived")
            assert hash_of(one.guard.materials.folder / "film.mp4") == hash_of(film)
            assert paper(one).hash == hash_of(film)
            assert files_in(one.guard.folder.library) == []


def test_a_document_stays_in_the_library_where_another_disk_has_no_room_for_it(
    tmp_path: Path,
) -> None:
    with disk(tmp_path / "disk", "1m") as small:
        library = Library(tmp_path / "library", reserve_bytes=0)
        held = library.keep(film_in(tmp_path))
        with pytest.raises(DiskFull) as caught:
            library.hand_over(held.document, small.folder, "film.mp4")
        assert (caught.value.needs, caught.value.has) == (3_000_000, small.free_bytes)
        assert library.holds(held.document)
        assert files_in(small.folder) == []


async def test_a_device_whose_disk_is_full_obeys_and_writes_down_later_what_it_did(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    with disk(tmp_path / "disk", "8m") as small:
        async with (
            device(school, small.folder / "1", "device-1") as one,
            teacher(school, tmp_path / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            small.fill()
            await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
            await until(lambda: app.tile("lina").held)
            small.empty()
            await app.school.acts.free(app.school.room.tiles())
            await until(lambda: app.tile("lina").free)
            version, folder = one.guard.attention.held.version, one.guard.folder
        assert kept.read(folder, system_clock()).attention.version == version
        noted = folder.journal.read_bytes().splitlines()
        assert verify(folder).entries == len(noted)
        kinds = [msgspec.json.decode(line, type=Line).kind for line in noted]
        ours = [kind for kind in kinds if kind.startswith("attention")]
        assert ours[-2:] == ["attention-locked", "attention-free"]
        assert not [name for name in files_in(folder.root) if name.startswith(".")]


def test_what_the_disk_must_keep_free_is_not_said_to_be_had(tmp_path: Path) -> None:
    """A teacher who reads "needs 6.0 MB, has 7.0 MB" learns nothing."""
    film = film_in(tmp_path, 6_000_000)
    with disk(tmp_path / "disk", "7m") as small:
        with pytest.raises(DiskFull) as caught:
            Library(small.folder, reserve_bytes=2 * MEGABYTE).keep(film)
        assert caught.value.needs == 6_000_000
        assert 4.9 * MEGABYTE < caught.value.has <= 5 * MEGABYTE


def test_a_disk_that_takes_the_file_and_not_its_manifest_keeps_neither(tmp_path: Path) -> None:
    film = film_in(tmp_path, 8 * PAGE)
    with disk(tmp_path / "disk", "1m") as small:
        library = Library(small.folder, reserve_bytes=0)
        small.fill(leaving=8 * PAGE)
        with pytest.raises(DiskFull):
            library.keep(film)
        assert files_in(small.folder) == ["of-another-program"]
        small.empty()
        assert library.holds(library.keep(film).document)


def test_the_devices_journal_has_no_torn_line_after_a_full_disk(tmp_path: Path) -> None:
    """Neither in the chain nor among the words, which no chain holds together."""
    with disk(tmp_path / "disk", "1m") as small:
        folder = Folder(small.folder / "device")
        folder.make()
        journal = DeviceJournal(folder, os.urandom)
        journal.append([Noted("message", 0, {"id": "0"}, "Bonjour")])
        small.fill()
        written = note_until_it_is_full(journal)
        small.empty()
        journal.append([Noted("message", written, {"id": str(written)}, "Bonjour")])
        assert verify(folder).entries == written + 1
        lines = folder.personal.read_bytes().splitlines()
        said = [msgspec.json.decode(line, type=Personal) for line in lines]
        assert [row.sequence for row in said] == list(range(1, written + 2))


def note_until_it_is_full(journal: DeviceJournal) -> int:
    """Fill what is left of the last page; return how many notes there are then."""
    for number in range(1, 100):
        try:
            journal.append([Noted("message", number, {"id": str(number)}, "Bonjour")])
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return number
    raise AssertionError("a full disk took a hundred notes")


# The teacher's library


async def test_a_hand_out_that_the_teachers_disk_cannot_take_is_refused_and_others_go_out(
    tmp_path: Path,
) -> None:
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "80m") as small:
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, small.folder / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            small.fill(leaving=RESERVE_BYTES + MEGABYTE)
            plan = film_in(tmp_path, 1000, "plan.odt")
            with pytest.raises(StoreFull) as caught:
                await app.school.acts.hand_out(app.school.room.tiles(), [film, plan])
            assert refusal(caught.value) == FULL
            await until(lambda: app.receipt().done == 1, "the small one came")
            assert files_in(one.guard.materials.folder) == ["plan.odt"]
            assert files_in(small.folder / "app" / "library" / "partial") == []
            small.empty()
            await hand_out(app, film)
            await until(lambda: app.receipt().done == 1)
            assert hash_of(one.guard.materials.folder / "film.mp4") == hash_of(film)


async def test_work_comes_when_there_is_room_and_till_then_stays_with_the_pupil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's room goes while a file is laid: what is not written does not lie there."""
    school = SmallSchool()
    with disk(tmp_path / "disk", "80m") as small:
        home = small.folder / "app"
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, home, PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            (hand_in_of(one) / "devoir.txt").write_text("fini")
            monkeypatch.setattr(app.school.collecting, "_lay", then_full(app, small))
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().failed, "it said so")
            assert received(app.receipt()).second.startswith(
                "This computer is full. Collecting stopped at 0; nothing is lost."
            )
            assert files_in(home / "collected") == []
            small.empty()
            monkeypatch.undo()
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().done == 1)
            assert files_in(home / "collected") == ["devoir.txt"]
            assert (hand_in_of(one) / "devoir.txt").read_text() == "fini"


def then_full(app: Teacher, small: Disk) -> Callable[[OfferedFile, Path], Laid]:
    lay: Callable[[OfferedFile, Path], Laid] = getattr(app.school.collecting, "_lay")  # noqa: B009 - private

    def laid(file: OfferedFile, folder: Path) -> Laid:
        there = lay(file, folder)
        small.fill()
        return there

    return laid


async def test_a_folder_that_cannot_be_made_is_not_called_a_full_disk(tmp_path: Path) -> None:
    school, home = SmallSchool(), tmp_path / "app"
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, home, PLACES[:1]) as app,
    ):
        (home / "collected").write_text("no folder")
        await app.begin_with(one)
        (hand_in_of(one) / "devoir.txt").write_text("fini")
        await app.school.acts.collect(app.school.room.tiles())
        await until(lambda: app.receipt().failed, "it said so")
        assert received(app.receipt()).second.startswith(
            "A file here cannot be read or written. Nothing is lost."
        )
        (home / "collected").unlink()
        await app.school.acts.collect(app.school.room.tiles())
        await until(lambda: app.receipt().done == 1)
        assert files_in(home / "collected") == ["devoir.txt"]
