"""Pictures from bytes to a window's pixels, through the processes that decode."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QPoint, QSize
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from classroom_app.media.decode import Decoder, News
from classroom_app.pictures import Pictures
from classroom_app.tasks import Tasks
from device_bridge.pictures.apart import Apart
from device_bridge.pictures.canvas import BadPicture, OutOfStep
from device_bridge.protocol.pictures import Frame, Patch, covering
from tests.rasters import RED, jpeg

pytestmark = pytest.mark.real_loop
TILE = QSize(64, 64)


def whole(raw: bytes, number: int = 1, size: tuple[int, int] = (640, 360)) -> Frame:
    return Frame(number, 1, *size, *size, covering(raw, *size))


class Heard:
    def __init__(self) -> None:
        self.decoder = Decoder()
        self.batches: list[dict[DeviceId, QImage]] = []
        self.tiles: dict[DeviceId, QImage] = {}
        self.news: list[News] = []
        self.bad: list[str] = []
        self.lost: list[str] = []
        self.decoder.ready.connect(self._tiles)
        self.decoder.news.connect(self._news)
        self.decoder.lost.connect(self.lost.append)

    async def take(self, name: str, frame: Frame, *, close: bool = False) -> None:
        if not await self.decoder.take(DeviceId(name), frame, TILE, close=close):
            self.bad.append(name)

    async def shown(self, *names: str) -> None:
        async with asyncio.timeout(30):
            while not self.tiles.keys() >= {*names}:  # noqa: ASYNC110 - told by a signal
                await asyncio.sleep(0.01)

    def _tiles(self, images: dict[DeviceId, QImage]) -> None:
        self.batches.append(images)
        self.tiles |= images

    def _news(self, device: str, news: News) -> None:
        del device
        self.news.append(news)


@pytest.fixture
async def heard() -> AsyncGenerator[Heard]:
    one = Heard()
    yield one
    one.decoder.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


async def test_tiles_come_in_few_words_at_their_size(heard: Heard) -> None:
    names = [f"d{number}" for number in range(12)]
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(heard.take(name, whole(jpeg(640, 360))))
    await heard.shown(*names)
    assert len(heard.batches) < len(names)
    assert heard.tiles[DeviceId("d3")].size() == QSize(64, 36)
    colour = heard.tiles[DeviceId("d3")].pixelColor(20, 20)
    assert (abs(colour.red() - RED[0]), abs(colour.blue() - RED[2])) < (6, 6)


async def test_a_broken_picture_is_told_and_disturbs_nobody(heard: Heard) -> None:
    await heard.take("x", whole(b"\xff\xd8nothing"))
    await heard.take("y", whole(jpeg(64, 64), size=(64, 64)))
    await heard.shown("y")
    assert (heard.bad, heard.lost) == (["x"], [])


async def test_a_close_picture_goes_on_by_patches_and_comes_again_at_any_size(
    heard: Heard,
) -> None:
    await heard.take("x", whole(jpeg(64, 64), size=(64, 64)), close=True)
    patch = Patch(32, 0, 32, 32, "jpeg", jpeg(32, 32, (0, 0, 250)))
    await heard.take("x", Frame(2, 1, 64, 64, 64, 64, (patch,), base=1), close=True)
    assert [(one.at, one.image.size()) for one in heard.news] == [
        (QPoint(0, 0), QSize(64, 64)),
        (QPoint(32, 0), QSize(32, 32)),
    ]
    again = await heard.decoder.again(DeviceId("x"), QSize(32, 32))
    assert again is not None
    assert again.size() == QSize(32, 32)
    assert again.pixelColor(24, 8).blue() > 200 > again.pixelColor(8, 8).blue()
    assert await heard.decoder.again(DeviceId("y"), QSize(32, 32)) is None


async def test_patches_on_a_picture_that_never_came_ask_for_a_whole_one(heard: Heard) -> None:
    patch = Patch(0, 0, 32, 32, "jpeg", jpeg(32, 32))
    await heard.take("x", Frame(2, 1, 64, 64, 64, 64, (patch,), base=1), close=True)
    assert (heard.lost, heard.news, heard.bad) == (["x"], [], [])


async def test_a_decoder_killed_in_the_middle_costs_no_picture_and_the_wall_goes_on(
    heard: Heard, nothing_unexpected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def show(names: str) -> None:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(heard.take(name, whole(jpeg(640, 360))))

    await show("abcd")
    pids = {each.pid for each in heard.decoder.apart} - {0}
    async with asyncio.TaskGroup() as group:
        group.create_task(show("efghijkl"))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    await heard.shown(*"abcdefghijkl")
    assert not heard.bad
    assert {record.message for record in caplog.records} == {"decoder ended"}
    caplog.clear()
    assert not nothing_unexpected


async def test_pupils_whose_pictures_never_end_leave_the_others_their_turn(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: dict[Apart, list[int]] = {each: [] for each in heard.decoder.apart}

    def decode(self: Apart, frame: Frame, fit: tuple[int, int], which: int = 0) -> None:
        del fit, which
        decoded[self].append(frame.number)

    async def flood(name: str) -> None:
        for _ in range(100):
            await heard.take(name, whole(b"", number=1))

    monkeypatch.setattr(Apart, "decode", decode)
    async with asyncio.TaskGroup() as group:
        for name in ("x", "y", "z", "w"):
            group.create_task(flood(name))
        group.create_task(heard.take("a", whole(b"", number=2)))
    waited = [each.index(2) for each in decoded.values() if 2 in each]
    assert waited == [2], "of the two that share its process each had one turn before it"


def test_the_process_that_decodes_can_open_and_start_nothing() -> None:
    apart = Apart()
    try:
        assert apart.decode(whole(jpeg(64, 36), size=(64, 36)), (32, 32)) is not None
        limits = Path(f"/proc/{apart.pid}/limits").read_text()
    finally:
        apart.end()
    told = {row[:25].strip(): row[26:46].strip() for row in limits.splitlines()}
    assert told["Max open files"] == told["Max file size"] == told["Max processes"] == "0"
    assert told["Max core file size"] == "0"
    assert int(told["Max address space"]) <= 1024**3


def test_a_picture_kept_by_a_decoder_that_ended_must_begin_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    apart = Apart()
    try:
        apart.decode(whole(jpeg(64, 64), size=(64, 64)), (64, 64), 1)
        os.kill(apart.pid, signal.SIGKILL)
        patch = Patch(0, 0, 32, 32, "jpeg", jpeg(32, 32))
        with pytest.raises(OutOfStep):
            apart.decode(Frame(2, 1, 64, 64, 64, 64, (patch,), base=1), (64, 64), 1)
    finally:
        apart.end()
    caplog.clear()


def test_a_picture_that_ends_its_decoder_each_time_is_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("device_bridge.pictures.apart._command", lambda: [sys.executable, "-c", ""])
    with pytest.raises(BadPicture):
        Apart().decode(whole(jpeg(64, 36), size=(64, 36)), (32, 32))
    assert [record.message for record in caplog.records] == ["decoder ended"] * 2
    caplog.clear()


def test_a_decoder_that_answers_by_drops_is_ended_as_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drips = (
        "import socket, time\n"
        "line = socket.socket(fileno=0)\n"
        "line.sendall(bytes([0] + [0, 0, 0, 8] * 2 + [0] * 8 + [0, 0, 0, 8] * 2))\n"
        "while True:\n"
        "    line.sendall(b'x')\n"
        "    time.sleep(0.02)\n"
    )
    monkeypatch.setattr(
        "device_bridge.pictures.apart._command", lambda: [sys.executable, "-c", drips]
    )
    monkeypatch.setattr("device_bridge.pictures.apart.ANSWER_SECONDS", 0.3)
    with pytest.raises(BadPicture):
        Apart().decode(whole(jpeg(64, 36), size=(64, 36)), (32, 32))
    assert [record.message for record in caplog.records] == ["decoder ended"]
    caplog.clear()


async def test_a_still_waits_for_the_whole_close_picture_at_the_screens_own_size() -> None:
    tasks, window = Tasks(()), QObject()
    pictures = Pictures(tasks, lambda: None, window)
    name = DeviceId("x")
    async with asyncio.TaskGroup() as group:
        still = group.create_task(pictures.still(name, 5))
        await asyncio.sleep(0)
        small, own = jpeg(32, 16), jpeg(64, 32)
        for number, version, size, raw in (
            (1, 4, (64, 32), own),  # of the look before
            (2, 5, (32, 16), small),  # while the bar has yet to say it
            (3, 5, (64, 32), own),
        ):
            assert not still.done()
            frame = Frame(number, version, *size, 64, 32, covering(raw, *size))
            assert await pictures.take(name, frame)
    kept = QImage.fromData(still.result(), "PNG")  # pyright: ignore[reportArgumentType, reportCallIssue] - as PySide6 reads it
    assert (kept.width(), kept.height()) == (64, 32)
    pictures.close()
    await tasks.close()
