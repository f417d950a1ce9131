"""A paper takes its size once on a pupil's disk, and comes once, whatever ends in between."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from blake3 import blake3

from device_bridge.agent.guard.device import Device
from device_bridge.agent.guard.papers import Paper
from device_bridge.materials.library import Library
from device_bridge.materials.lying import lying_in
from tests.disks import disk
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, hand_in_of, meet, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"),)
MEGABYTE = 1024 * 1024
SIZE = 5 * MEGABYTE
A_FEW_WORDS = 1000
"""A manifest and its like; no document is so small here."""


def film_in(folder: Path, name: str = "film.mp4") -> Path:
    path = folder / name
    path.write_bytes(os.urandom(SIZE))
    return path


def hash_of(path: Path) -> bytes:
    return blake3(path.read_bytes()).digest()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def papers(one: Device) -> tuple[Paper, ...]:
    return one.guard.materials.held.papers


def all_arrived(one: Device, count: int = 1) -> bool:
    return len(papers(one)) == count and all(row.arrived for row in papers(one))


async def in_lesson(app: Teacher, one: Device) -> None:
    await app.start()
    meet(app, one)
    await until(lambda: app.here("lina"))


async def hand_out(app: Teacher, path: Path) -> None:
    await app.school.acts.hand_out(app.school.room.tiles(), [path])


async def test_a_paper_takes_its_size_once(tmp_path: Path) -> None:
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "64m") as small:
        async with (
            device(school, small.folder / "1", "device-1") as one,
            teacher(school, tmp_path / "app", PLACES) as app,
        ):
            await in_lesson(app, one)
            before = small.free_bytes
            await hand_out(app, film)
            await until(lambda: app.receipt().done == 1)
            assert before - small.free_bytes < SIZE + MEGABYTE
            assert files_in(one.guard.folder.library) == []
            assert hash_of(one.guard.materials.folder / "film.mp4") == hash_of(film)


@pytest.mark.parametrize("kept", [True, False], ids=["told", "killed-before-it-was-kept"])
async def test_a_paper_that_lies_with_the_pupil_does_not_come_again_after_a_restart(
    tmp_path: Path, *, kept: bool
) -> None:
    school, film, home = SmallSchool(), film_in(tmp_path), tmp_path / "1"
    async with (
        device(school, home, "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await in_lesson(app, one)
        await until(one.guard.folder.state.exists)
        before = one.guard.folder.state.read_bytes()
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
    if not kept:
        one.guard.folder.state.write_bytes(before)
    async with (
        device(school, home, "device-1") as again,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        assert await app.school.resume()
        meet(app, again)
        await until(lambda: all_arrived(again))
        assert again.guard.materials.fetched_bytes < A_FEW_WORDS
        assert files_in(again.guard.materials.folder) == ["film.mp4"]
        assert files_in(again.guard.folder.library) == []
        assert papers(again)[0].hash == hash_of(film)


async def test_what_is_handed_out_again_is_taken_from_the_pupils_folder(tmp_path: Path) -> None:
    """Whatever the pupil calls it; the library holds nothing of it any more."""
    school, film = SmallSchool(), film_in(tmp_path)
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await in_lesson(app, one)
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
        (handout,) = app.school.materials.handouts
        received = one.guard.materials.folder
        came = one.guard.materials.fetched_bytes
        await app.school.materials.withdraw(handout)
        await until(lambda: not papers(one))
        if files_in(received):
            (received / "film.mp4").rename(received / "mine.mp4")
        else:
            (received / "mine.mp4").write_bytes(film.read_bytes())
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
        assert files_in(received) == ["mine.mp4"]
        assert papers(one)[0].name == "mine.mp4"
        assert one.guard.materials.fetched_bytes == came


@pytest.mark.parametrize("harm", ["edited", "removed"])
async def test_what_is_handed_out_again_comes_again_where_the_pupil_has_it_no_more(
    tmp_path: Path, harm: str
) -> None:
    school, film = SmallSchool(), film_in(tmp_path)
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await in_lesson(app, one)
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
        (handout,) = app.school.materials.handouts
        received = one.guard.materials.folder
        await app.school.materials.withdraw(handout)
        await until(lambda: not papers(one))
        (received / "film.mp4").unlink(missing_ok=True)
        edited = os.urandom(SIZE)  # of the same length, as a cell of a table may be
        if harm == "edited":
            (received / "film.mp4").write_bytes(edited)
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
        assert hash_of(received / papers(one)[0].name) == hash_of(film)
        if harm == "edited":
            assert files_in(received) == ["film (2).mp4", "film.mp4"]
            assert (received / "film.mp4").read_bytes() == edited
        assert files_in(one.guard.folder.library) == []


async def test_a_paper_handed_in_as_it_is_lies_in_the_library_till_the_app_has_it(
    tmp_path: Path,
) -> None:
    school, film, home = SmallSchool(), film_in(tmp_path), tmp_path / "app"
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, home, PLACES) as app,
    ):
        await in_lesson(app, one)
        await hand_out(app, film)
        await until(lambda: app.receipt().done == 1)
        folder = one.guard.folder
        given = one.guard.materials.folder / "film.mp4"
        (hand_in_of(one) / "film.mp4").write_bytes(given.read_bytes())
        await app.school.acts.collect(app.school.room.tiles())
        await until(lambda: app.receipt().done == 1)
        assert files_in(home / "collected") == ["film.mp4"]
        await until(lambda: files_in(folder.library) == [], "let go")


def test_what_a_kill_left_half_copied_in_the_pupils_folder_goes_at_the_next_start(
    tmp_path: Path,
) -> None:
    received = tmp_path / "received"
    received.mkdir()
    (received / f"arriving-{'0a' * 16}.tmp").write_bytes(b"half")
    (received / "arriving-today.tmp").write_bytes(b"the pupil's own")
    Library(tmp_path / "library", 0).sweep([], placed_in=received)
    assert files_in(received) == ["arriving-today.tmp"]


def test_a_link_or_a_folder_of_the_pupils_is_not_taken_for_a_paper(tmp_path: Path) -> None:
    film = film_in(tmp_path)
    held = Library(tmp_path / "library", 0).keep(film)
    received = tmp_path / "received"
    (received / "film.mp4").mkdir(parents=True)
    (received / "a-link.mp4").symlink_to(film)
    assert lying_in(received, held.document, film.name, held.size) is None
    (received / "the-film.mp4").write_bytes(film.read_bytes())
    found = lying_in(received, held.document, film.name, held.size)
    assert found is not None
    assert (found.path.name, found.hash) == ("the-film.mp4", hash_of(film))


async def test_a_lessons_folder_that_may_not_be_listed_is_said_and_keeps_no_work_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pupil may close it (`chmod`); who runs this test as root may read it nevertheless."""

    def closed(folder: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    school, film = SmallSchool(), film_in(tmp_path)
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await in_lesson(app, one)
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", closed)
            await hand_out(app, film)
            await until(lambda: app.receipt().failed, "the device says that it has no way in")
        (hand_in_of(one) / "work.txt").write_text("done")
        await app.school.acts.collect(app.tiles("lina"))
        await until(lambda: app.school.collecting.outcomes, "the work came")


# A kill at each call that a hand-over makes to the disk, and then the next start.
KILLED_AT_EACH_STEP = """
import os, sys
from pathlib import Path
from device_bridge.materials.library import Library
from device_bridge.materials.lying import lying_in

home, film = Path(sys.argv[1]), Path(sys.argv[2])
ON_THE_DISK = ("open", "os.link", "os.rename", "os.remove", "os.truncate", "os.listdir")

def hand_over(folder, document, die_at):
    count = 0
    def die(event, args):
        nonlocal count
        count += event in ON_THE_DISK
        if count == die_at:
            os._exit(9)
    sys.addaudithook(die)
    Library(folder / "library", 0).hand_over(document, folder / "received", film.name)
    os._exit(0)

def next_start(folder, held, edited):
    library, received = Library(folder / "library", 0), folder / "received"
    lies = [path for path in received.iterdir() if path.name == film.name]
    if edited and lies:
        lies[0].write_bytes(b"by the pupil")
    library.sweep([held.document], placed_in=received)
    if lies:
        found = lying_in(received, held.document, film.name, held.size)
        assert (found is None) == edited
        library.drop(held.document)
    else:
        assert library.holds(held.document), "it would be fetched again"
        library.hand_over(held.document, received, film.name)
    assert [path.name for path in received.iterdir()] == [film.name]
    kept = b"by the pupil" if edited and lies else film.read_bytes()
    assert (received / film.name).read_bytes() == kept
    assert not [each for each in (folder / "library").rglob("*") if each.is_file()]

killed = die_at = 0
code = 9
while code == 9:
    die_at += 1
    for edited in (False, True):
        folder = home / f"{die_at}-{edited}"
        (folder / "received").mkdir(parents=True)
        held = Library(folder / "library", 0).keep(film)
        child = os.fork()
        if not child:
            hand_over(folder, held.document, die_at)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), code
        next_start(folder, held, edited)
        killed += code == 9
print(killed)
"""


def test_a_kill_at_any_step_of_a_hand_over_neither_loses_nor_doubles_a_paper(
    tmp_path: Path,
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(10_000))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_STEP, tmp_path, film],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8
