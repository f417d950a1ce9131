import io
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from classroom_app.domain.lesson import DeviceId
from classroom_app.media.apart import Apart
from classroom_app.media.decode import Decoder
from classroom_app.media.pixels import JPEG_BYTES_MAX, BadPicture, pixels


def jpeg(width: int, height: int, colour: tuple[int, int, int] = (200, 30, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG", quality=90)
    return out.getvalue()


def decode(raw: bytes, size: QSize) -> QImage:
    width, height, read = pixels(raw, (size.width(), size.height()))
    return QImage(read, width, height, width * 4, QImage.Format.Format_RGB32).copy()


def test_a_picture_is_fitted_and_keeps_its_shape_and_colour() -> None:
    image = decode(jpeg(1920, 1080), QSize(320, 320))
    assert image.size() == QSize(320, 180)
    colour = image.pixelColor(100, 100)
    assert (abs(colour.red() - 200), abs(colour.blue() - 40)) < (6, 6)


def test_a_small_picture_is_not_enlarged() -> None:
    assert decode(jpeg(64, 36), QSize(640, 360)).size() == QSize(64, 36)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x89PNG\r\n",
        b"\xff\xd8",
        b"\xff\xd8" + bytes(JPEG_BYTES_MAX),
        jpeg(300, 200)[:-400],
    ],
)
def test_what_is_no_whole_jpeg_is_refused(raw: bytes) -> None:
    with pytest.raises(BadPicture):
        decode(raw, QSize(100, 100))


def test_a_picture_of_very_many_scans_is_refused_before_decoding() -> None:
    out = io.BytesIO()
    Image.new("L", (64, 36)).save(out, "JPEG", progressive=True)
    raw = out.getvalue()
    last_scan = raw[raw.rindex(b"\xff\xda") : -2]
    assert decode(raw, QSize(32, 32)).width() == 32
    with pytest.raises(BadPicture):
        decode(raw[:-2] + last_scan * 200 + raw[-2:], QSize(32, 32))


def test_a_header_that_claims_giant_sides_is_refused_before_decoding() -> None:
    raw = bytearray(jpeg(16, 16))
    at = raw.index(b"\xff\xc0")
    raw[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(BadPicture):
        decode(bytes(raw), QSize(100, 100))


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 900), junk=st.binary(min_size=1, max_size=12))
def test_bent_bytes_give_a_picture_or_bad_picture_and_nothing_else(at: int, junk: bytes) -> None:
    raw = bytearray(jpeg(120, 80))
    raw[at : at + len(junk)] = junk
    try:
        image = decode(bytes(raw), QSize(60, 60))
    except BadPicture:
        return
    assert image.width() <= 60


@pytest.mark.real_loop
def test_the_newest_wins_and_all_come_in_one_word(qtbot: QtBot) -> None:
    decoder = Decoder()
    told: list[dict[DeviceId, QImage]] = []
    newest: dict[DeviceId, QImage] = {}
    decoder.ready.connect(told.append)
    decoder.ready.connect(newest.update)
    for number in range(20):
        for name in ("a", "b", "c"):
            decoder.put(DeviceId(name), jpeg(640, 360, (number * 12, 0, 0)), QSize(64, 64))

    def last_ones() -> bool:
        reds = [image.pixelColor(5, 5).red() for image in newest.values()]
        return len(reds) == 3 and all(abs(red - 228) < 8 for red in reds)

    qtbot.waitUntil(last_ones, timeout=3000)
    assert len(told) <= 8
    assert decoder.dropped > 0
    decoder.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


@pytest.mark.real_loop
def test_a_broken_picture_is_told_and_disturbs_nobody(qtbot: QtBot) -> None:
    decoder = Decoder()
    bad: list[str] = []
    good: list[dict[DeviceId, object]] = []
    decoder.unreadable.connect(bad.append)
    decoder.ready.connect(good.append)
    decoder.put(DeviceId("x"), b"\xff\xd8nothing", QSize(64, 64))
    decoder.put(DeviceId("y"), jpeg(64, 64), QSize(64, 64))
    qtbot.waitUntil(lambda: bad == ["x"] and bool(good), timeout=3000)
    decoder.close()


@pytest.mark.real_loop
def test_pupils_whose_pictures_never_end_leave_the_others_their_turn(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, asked, all_there = Decoder(), list[bytes](), threading.Event()
    hostile = [DeviceId("x"), DeviceId("y"), DeviceId("z")]

    def slow(self: Apart, raw: bytes, size: QSize) -> QImage:
        del self
        all_there.wait()
        asked.append(raw)
        if raw == b"slow" and len(asked) < 300:
            for device in hostile:
                decoder.put(device, b"slow", size)  # the next lies there before this one is done
        return QImage(size, QImage.Format.Format_RGB32)

    monkeypatch.setattr(Apart, "decode", slow)
    for device in hostile:
        decoder.put(device, b"slow", QSize(8, 8))
    decoder.put(DeviceId("a"), b"good", QSize(8, 8))
    all_there.set()
    qtbot.waitUntil(lambda: len(asked) >= 300 and b"good" in asked, timeout=10_000)
    decoder.close()
    assert asked.index(b"good") < 20


@pytest.mark.real_loop
def test_a_decoder_killed_in_the_middle_costs_no_picture_and_the_wall_goes_on(
    qtbot: QtBot, nothing_unexpected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    decoder, good, bad = Decoder(), list[str](), list[str]()

    def came(images: dict[DeviceId, QImage]) -> None:
        good.extend(images)

    decoder.ready.connect(came)
    decoder.unreadable.connect(bad.append)

    def show(*names: str) -> None:
        for name in names:
            decoder.put(DeviceId(name), jpeg(640, 360), QSize(64, 64))

    show("a", "b", "c", "d")
    qtbot.waitUntil(lambda: set(good) == {"a", "b", "c", "d"}, timeout=10_000)
    pids = {each.pid for each in decoder.apart} - {0}
    show(*"efghijkl")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: set("efghijkl") <= set(good), timeout=10_000)
    assert not bad
    decoder.close()
    assert {record.message for record in caplog.records} == {"decoder ended"}
    caplog.clear()
    assert not nothing_unexpected


def test_the_process_that_decodes_can_open_and_start_nothing() -> None:
    apart = Apart()
    try:
        assert apart.decode(jpeg(64, 36), QSize(32, 32)).width() == 32
        limits = Path(f"/proc/{apart.pid}/limits").read_text()
    finally:
        apart.end()
    told = {row[:25].strip(): row[26:46].strip() for row in limits.splitlines()}
    assert told["Max open files"] == told["Max file size"] == told["Max processes"] == "0"
    assert told["Max core file size"] == "0"
    assert int(told["Max address space"]) <= 1024**3


def test_a_picture_that_ends_its_decoder_each_time_is_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("classroom_app.media.apart._command", lambda: [sys.executable, "-c", ""])
    with pytest.raises(BadPicture):
        Apart().decode(jpeg(64, 36), QSize(32, 32))
    assert [record.message for record in caplog.records] == ["decoder ended"] * 2
    caplog.clear()


def test_a_decoder_that_answers_by_drops_is_ended_as_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drips = (
        "import socket, time\n"
        "line = socket.socket(fileno=0)\n"
        "line.sendall(bytes([0, 0, 0, 8] * 2))\n"
        "while True:\n"
        "    line.sendall(b'x')\n"
        "    time.sleep(0.02)\n"
    )
    monkeypatch.setattr("classroom_app.media.apart._command", lambda: [sys.executable, "-c", drips])
    monkeypatch.setattr("classroom_app.media.apart.ANSWER_SECONDS", 0.3)
    with pytest.raises(BadPicture):
        Apart().decode(jpeg(64, 36), QSize(32, 32))
    assert [record.message for record in caplog.records] == ["decoder ended"]
    caplog.clear()
