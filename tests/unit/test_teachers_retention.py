"""What lies on a teacher's computer goes by age: work, pictures, documents, logs."""

import asyncio
import logging
import os
from collections.abc import Collection
from pathlib import Path

import pytest

from classroom_app.retaining import RETENTION, Retaining, Retention
from classroom_app.storage.erasing import Work
from device_bridge.logs import DAY_BYTES_MAX, DayFile, log_to_files
from device_bridge.materials.errors import Withheld
from device_bridge.materials.library import Library
from device_bridge.retention import DAY_SECONDS, read_periods

NOW = 1_795_510_000.0
pytestmark = pytest.mark.real_loop


class Store:
    def __init__(self, *ready: bytes) -> None:
        self._ready = ready
        self.kept: asyncio.Queue[int] = asyncio.Queue()
        self.cleaned = asyncio.Event()

    async def ready_documents(self) -> Collection[bytes]:
        return self._ready

    async def forget_before(self, at: int, now: int) -> int:
        del at, now
        return 0

    async def erase_told(self, before: int, now: int, folder: Path) -> int:
        del before, now, folder
        self.cleaned.set()
        return 0

    async def kept_work(self, since: int, now: int) -> tuple[Work, ...]:
        del since, now
        return ()

    async def keep_floor(self, at: int) -> None:
        await self.kept.put(at)


def aged(path: Path, days: float) -> Path:
    """Date a file and what it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(b"x")
    for one in (path, path.parent, path.parent.parent):
        os.utime(one, (when := NOW - days * DAY_SECONDS, when))
    return path


def retaining(
    home: Path, library: Library, wall: float = NOW, store: Store | None = None
) -> Retaining:
    return Retaining(store or Store(), library, home, lambda: NOW, lambda: wall)


async def test_work_pictures_documents_and_logs_go_each_after_its_time(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", reserve_bytes=0)
    (tmp_path / "source").write_bytes(b"paper")
    old = library.keep(tmp_path / "source")
    (tmp_path / "source").write_bytes(b"another")
    fresh = library.keep(tmp_path / "source")
    aged(library.path_of(old.document), 366)
    aged(library.path_of(fresh.document), 364)
    periods = {
        "collected/5B/2026-01-12 08.00.0{1}/Lina/work.odt": 365,
        "pictures/5B/{}-01a21d19/Lina.png": 30,
        "logs/pupitre.log.{}": 30,
    }
    lies = {
        aged(tmp_path / name.format(age, int(age < days)), age): age < days
        for name, days in periods.items()
        for age in (days - 1, days + 1)
    }
    for one in (tmp_path / "collected/5B").iterdir():
        os.utime(one, (when := NOW - 400 * DAY_SECONDS, when))  # what lies in it is what counts
    await retaining(tmp_path, library).clean()
    assert {path: path.exists() for path in lies} == lies
    assert (library.holds(old.document), library.holds(fresh.document)) == (False, True)


async def test_what_stands_ready_for_a_class_stays_how_old_it_may_be(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", reserve_bytes=0)
    (tmp_path / "source").write_bytes(b"paper")
    ready = library.keep(tmp_path / "source").document
    aged(library.path_of(ready), 400)
    await retaining(tmp_path, library, store=Store(ready)).clean()
    assert library.holds(ready)
    library.renew(ready)  # handed out, and taken out of the list then
    await retaining(tmp_path, library).clean()
    assert library.holds(ready)
    aged(library.path_of(ready), 400)
    await retaining(tmp_path, library).clean()
    assert not library.holds(ready)
    with pytest.raises(Withheld):
        library.renew(ready)


async def test_days_are_a_setting_and_a_computer_whose_clock_is_behind_loses_nothing(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path / "library", reserve_bytes=0)
    work = aged(tmp_path / "collected/5B/2026-01-12 08.00.00/Lina/work.odt", 9)
    (tmp_path / "retention.json").write_bytes(b'{"collected": 8}')
    await retaining(tmp_path, library, wall=NOW - 5 * DAY_SECONDS).clean()
    assert work.exists()
    await retaining(tmp_path, library).clean()
    assert not work.exists()


async def test_the_time_that_both_clocks_have_reached_is_kept_each_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classroom_app.retaining.NOTE_SECONDS", 0.01)
    library = Library(tmp_path / "library", reserve_bytes=0)
    for wall in (NOW - DAY_SECONDS, NOW + DAY_SECONDS):
        store = Store()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(retaining(tmp_path, library, wall, store).run())
            assert await store.kept.get() == min(wall, NOW)
            running.cancel()


async def test_it_begins_after_the_first_minutes_and_waits_for_a_lessons_end_but_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classroom_app.retaining.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("classroom_app.retaining.BEGIN_SECONDS", 0.001)
    library = Library(tmp_path / "library", reserve_bytes=0)
    monkeypatch.setattr("classroom_app.retaining.LOOKS_MAX", 5)
    for lasts, looked in ((3, 4), (99, 5)):
        asked, store = list[bool](), Store()

        def in_lesson(asked: list[bool] = asked, lasts: int = lasts) -> bool:
            asked.append(len(asked) < lasts)
            return asked[-1]

        waits = Retaining(store, library, tmp_path, lambda: NOW, lambda: NOW, in_lesson)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(waits.run())
            await store.cleaned.wait()
            running.cancel()
        assert len(asked) == looked


async def test_what_a_desktop_left_among_the_documents_stops_no_clean_up(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", reserve_bytes=0)
    stray = aged(tmp_path / "library/documents/.DS_Store", 400)
    work = aged(tmp_path / "collected/5B/2026-01-12 08.00.00/Lina/work.odt", 400)
    await retaining(tmp_path, library).clean()
    assert (stray.exists(), work.exists()) == (True, False)


async def test_a_folder_that_is_no_lessons_is_the_teachers_own_and_stays(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", reserve_bytes=0)
    own = aged(tmp_path / "collected/5B/Exercises of last year/one.odt", 400)
    await retaining(tmp_path, library).clean()
    assert own.exists()


def test_a_setting_without_end_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "retention.json").write_bytes(b'{"collected": 8' + b" " * 5000 + b"}")
    assert read_periods(tmp_path / "retention.json", RETENTION, Retention()) == Retention()
    caplog.clear()


def test_a_log_is_its_owners_a_file_a_day_and_of_no_more_bytes_than_a_day_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.logs.DAY_BYTES_MAX", 2000)
    monkeypatch.setattr("time.time", lambda: NOW)  # no midnight comes between
    assert DAY_BYTES_MAX > 2000
    log_to_files(tmp_path / "home", "guard")
    handler = next(one for one in logging.getLogger().handlers if isinstance(one, DayFile))
    path = tmp_path / "home" / "logs" / "guard.log"
    try:
        for number in range(100):
            handler.emit(logging.makeLogRecord({"msg": "linked", "device": f"d{number}"}))
        assert "linked device='d0'" in path.read_text()
        assert 2000 <= path.stat().st_size < 2200
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        handler.rolloverAt = 1
        handler.emit(logging.makeLogRecord({"msg": "the next day"}))
        assert "the next day" in path.read_text()
        assert len(list(path.parent.iterdir())) == 2
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_a_log_begun_by_a_clock_years_ahead_ends_its_day_once_the_clock_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.logs.DAY_BYTES_MAX", 10)
    clock = [NOW + 3650 * DAY_SECONDS]
    monkeypatch.setattr("time.time", lambda: clock[0])
    handler = DayFile(tmp_path / "app.log")
    try:
        for later in (3650, 0, 2):
            clock[0] = NOW + later * DAY_SECONDS
            handler.emit(logging.makeLogRecord({"msg": f"at {clock[0]}"}))
    finally:
        handler.close()
    assert (tmp_path / "app.log").read_text() == f"at {clock[0]}\n"


def test_where_no_log_can_be_written_all_goes_on(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"no folder")
    log_to_files(tmp_path / "home", "guard")
    handler = next(one for one in logging.getLogger().handlers if isinstance(one, DayFile))
    handler.emit(logging.makeLogRecord({"msg": "lost"}))
    logging.getLogger().removeHandler(handler)
    handler.close()
