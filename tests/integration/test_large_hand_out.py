"""A film of the teacher's that their own disk cannot take, tried on a real one of 1 GB."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from classroom_app.domain.errors import StoreFull
from classroom_app.presenters.sentences import refusal
from device_bridge.materials.library import Library
from tests.disks import Disk, disk
from tests.integration.test_small_disks import FULL, MEGABYTE, PLACES, files_in, film_in, hand_out
from tests.school import SmallSchool
from tests.teaching import Teacher, device, meet, teacher, until

pytestmark = pytest.mark.real_loop
GIGABYTE = 1024 * MEGABYTE
AT_ONCE_SECONDS = 10.0


def film_of(folder: Path, size: int) -> Path:
    """Make a film without its bytes: to the app it is as long as any."""
    path = folder / "film.mp4"
    with path.open("wb") as file:
        file.truncate(size)
    return path


async def goes_on(app: Teacher, plan: Path) -> None:
    """Lock, and hand out what fits."""
    await app.school.acts.lock(app.school.room.tiles(), "Eyes up")
    await until(lambda: app.tile("lina").held)
    await hand_out(app, plan)
    await until(lambda: app.receipt().done == 1)


async def test_three_gigabytes_are_refused_at_once_by_a_disk_of_one(tmp_path: Path) -> None:
    school, film = SmallSchool(), film_of(tmp_path, 3 * GIGABYTE)
    with disk(tmp_path / "disk", "1g") as small:
        home = small.folder / "app"
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, home, PLACES[:1]) as app,
        ):
            await app.start()
            meet(app, one)
            await until(lambda: app.here("lina"))
            before, began = small.free_bytes, time.monotonic()
            with pytest.raises(StoreFull) as caught:
                await hand_out(app, film)
            assert time.monotonic() - began < AT_ONCE_SECONDS
            assert refusal(caught.value) == FULL
            assert files_in(home / "library") == []
            assert before - small.free_bytes < MEGABYTE
            assert not app.school.materials.handouts
            await goes_on(app, film_in(tmp_path, 1000, "plan.odt"))
            assert files_in(one.guard.folder.received) == ["plan.odt"]


async def test_room_that_goes_while_a_film_is_taken_in_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes it as soon as the film was promised its place."""
    school, film = SmallSchool(), film_of(tmp_path, 300_000_000)
    with disk(tmp_path / "disk", "400m") as small:
        home = small.folder / "app"
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, home, PLACES[:1]) as app,
        ):
            await app.start()
            meet(app, one)
            await until(lambda: app.here("lina"))
            library = Library(home / "library", free=promised(small, leaving=100 * MEGABYTE))
            with monkeypatch.context() as patch:
                patch.setattr(app.school.materials, "_library", library)
                with pytest.raises(StoreFull) as caught:
                    await hand_out(app, film)
            assert refusal(caught.value) == FULL
            assert files_in(home / "library") == []
            assert small.free_bytes > 99 * MEGABYTE, "what was copied went"
            await goes_on(app, film_in(tmp_path, 1000, "plan.odt"))
            assert files_in(one.guard.folder.received) == ["plan.odt"]
            assert await app.keeping.verify() is None


def promised(small: Disk, leaving: int) -> Callable[[Path], int]:
    fills = [partial(small.fill, leaving=leaving)]

    def free(folder: Path) -> int:
        has = shutil.disk_usage(folder).free
        if fills:
            fills.pop()()
        return has

    return free
