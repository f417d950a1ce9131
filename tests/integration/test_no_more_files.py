"""Disks that have room and no place for one more file: many small files use up a disk's inodes."""

import os
from pathlib import Path

import pytest

from classroom_app.domain.errors import StoreFull
from classroom_app.presenters.receipts import received
from classroom_app.presenters.sentences import refusal
from tests.disks import disk
from tests.integration.test_small_disks import FULL, PLACES, files_in, film_in, hand_out, paper
from tests.school import SmallSchool
from tests.teaching import device, hand_in_of, meet, teacher, until

pytestmark = pytest.mark.real_loop


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_device_obeys_and_says_that_it_cannot_take_a_paper(
    tmp_path: Path, left: int
) -> None:
    """Also where the last places are taken by the first of a paper's few files."""
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "64m") as small:
        async with (
            device(school, small.folder / "1", "device-1") as one,
            teacher(school, tmp_path / "app", PLACES[:1]) as app,
        ):
            await app.start()
            meet(app, one)
            await until(lambda: app.here("lina"))
            await until(one.guard.folder.state_lasting.exists)
            small.no_more_files(but=left)
            await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
            await until(lambda: app.tile("lina").held)
            await hand_out(app, film)
            await until(lambda: app.receipt().failed, "it said so")
            assert received(app.receipt()).second.startswith(
                "Lina: no room for film.mp4 (needs 3.0 MB, has 0 bytes)"
            )
            assert files_in(one.guard.folder.library) == []
            assert files_in(one.guard.materials.folder) == []
            await app.school.acts.free(app.school.room.tiles())
            await until(lambda: app.tile("lina").free)

            small.more_files()
            await hand_out(app, film_in(tmp_path, 1000, "plan.odt"))  # tells the film again
            await until(lambda: len(one.guard.materials.held.papers) == 2)
            await until(lambda: paper(one).arrived and paper(one, 1).arrived)
            assert files_in(one.guard.materials.folder) == ["film.mp4", "plan.odt"]


async def test_a_lesson_goes_on_and_work_waits_on_the_teachers_disk(tmp_path: Path) -> None:
    school, film = SmallSchool(), film_in(tmp_path)
    with disk(tmp_path / "disk", "128m") as small:
        home = small.folder / "app"
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, home, PLACES[:1]) as app,
        ):
            await app.start()
            meet(app, one)
            await until(lambda: app.here("lina"))
            (hand_in_of(one) / "devoir.txt").write_text("fini")
            small.no_more_files()
            written = len(await app.keeping.journal_ids())
            await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
            await until(lambda: app.tile("lina").held)
            assert len(await app.keeping.journal_ids()) > written
            with pytest.raises(StoreFull) as caught:
                await hand_out(app, film)
            assert refusal(caught.value) == FULL
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().failed, "it said so")
            assert received(app.receipt()).second.startswith(
                "This computer is full. Collecting stopped at 0; nothing is lost."
            )
            assert files_in(home / "collected") == []
            assert files_in(home / "library") == []

            small.more_files()
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().done == 1)
            assert files_in(home / "collected") == ["devoir.txt"]
            assert (hand_in_of(one) / "devoir.txt").read_text() == "fini"
            assert await app.keeping.verify() is None


def test_the_helper_leaves_no_place_for_a_file(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "1m") as small:
        small.no_more_files(but=1)
        (small.folder / "last").touch()
        with pytest.raises(OSError, match="No space left"):
            os.open(small.folder / "one-more", os.O_CREAT)
        assert small.free_bytes
