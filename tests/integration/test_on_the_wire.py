"""What somebody on the network reads of a small lesson, and what logs hold of a person."""

import asyncio
import logging
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from device_bridge.logs import Line
from device_bridge.protocol.messages import encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import Look, PupilActed, ToSeat
from device_bridge.protocol.talking import MessageSaid
from tests.guards import SittingSeat
from tests.school import SmallSchool
from tests.teaching import Place, device, hand_in_of, meet, teacher, until

pytestmark = pytest.mark.real_loop

PICTURE = b"a-picture-of-linas-screen" * 40
PAPER = b"the-fourteenth-page-of-the-plan" * 40
WORK = b"what-lina-has-written-herself" * 40
DEVICE = "device-of-lina"
PLACES = (Place(DEVICE, "pupil-lina", "Lina Ferrand"),)
ETH_P_ALL, ETH_P_IP, PACKET_OUTGOING, SO_RCVBUFFORCE = 3, 0x0800, 4, 33  # packet(7), socket(7)
UDP, MDNS = 17, 5353
PERSONAL = (
    *(b"Lina", b"Ferrand", b"pupil-lina", b"Vidal", b"Bonjour a toi", b"Je suis malade"),
    *(b"plan-de-lina.txt", b"devoir-de-lina.txt", PICTURE[:25], PAPER[:31], WORK[:29]),
)


class PaintingSeat(SittingSeat):
    """Shows a picture whose bytes are known again."""

    def tell(self, message: ToSeat) -> None:
        if isinstance(message, Look) and message.look != "none":
            frame = Frame(1, message.version, 320, 180, 1366, 768, covering(PICTURE, 320, 180))
            self.told.append(message)
            self._soon(frame)
        else:
            super().tell(message)


class Tap:
    """All that goes over the loopback while entered, put together by flow, as tcpdump hears it."""

    def __init__(self) -> None:
        self.flows: dict[tuple[int, int], bytearray] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 1024 * 1024)
        self._socket.bind(("lo", ETH_P_ALL))
        self._socket.settimeout(0)

    @contextmanager
    def heard(self) -> Generator["Tap"]:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._take)
        try:
            yield self
        finally:
            loop.remove_reader(self._socket)
            self._take()
            self._socket.close()

    def at(self, port: int) -> list[bytes]:
        """Return what went to and from one port."""
        return [bytes(told) for ports, told in self.flows.items() if port in ports]

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while True:
                raw, (_, kind, direction, *_) = self._socket.recvfrom(128 * 1024)
                if (kind, direction) == (ETH_P_IP, PACKET_OUTGOING):
                    self._keep(raw)

    def _keep(self, raw: bytes) -> None:
        begins = (raw[0] & 15) * 4
        ports = struct.unpack("!HH", raw[begins : begins + 4])
        data = raw[begins + (8 if raw[9] == UDP else (raw[begins + 12] >> 4) * 4) :]
        self.flows.setdefault(ports, bytearray()).extend(data)


def read_in(raw: bytes) -> list[bytes]:
    return [one for one in PERSONAL if one in raw]


async def test_a_captured_lesson_and_its_logs_hold_no_name_no_word_no_file_and_no_picture(  # noqa: PLR0915 - a whole lesson
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "classroom_app")
    caplog.set_level(logging.DEBUG, "device_bridge")
    school, paper = SmallSchool(), tmp_path / "plan-de-lina.txt"
    paper.write_bytes(PAPER)
    async with (
        device(school, tmp_path / "1", DEVICE, seat=PaintingSeat) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        with Tap().heard() as tap:
            await app.start()
            meet(app, one)
            await until(lambda: app.here("pupil-lina"), "a picture")
            tiles = app.tiles("pupil-lina")
            await app.school.acts.message(tiles, "Bonjour a toi")
            one.guard.seat_said(PupilActed("words", "Je suis malade"))
            await app.school.acts.hand_out(tiles, [paper])
            await until(lambda: app.receipt().done == 1, "handed out")
            (hand_in_of(one) / "devoir-de-lina.txt").write_bytes(WORK)
            await app.school.acts.collect(tiles)
            await until(lambda: app.tile("pupil-lina").fact == "handed-in", "collected")
            await until(lambda: not one.guard.held.talking.unheard, "heard")
            await until(lambda: tap.at(MDNS), "announced")
            await app.school.acts.end()
            await until(lambda: not one.guard.held.presence.on, "over")
        lanes = tap.at(one.guard.port)
        assert len(lanes) >= 6, "control, pictures and bulk, both ways"
        assert sum(map(len, lanes)) > len(PICTURE) + len(PAPER) + len(WORK)
        assert read_in(b"".join(lanes)) == []
        records = b"".join(tap.at(MDNS))
        assert b"_pupitre" in records
        assert read_in(records) == []
        assert DEVICE.encode() not in records
    lines = "\n".join(map(Line().format, caplog.records))
    assert lines.count("\n") > 3, "they do say something"
    assert read_in(lines.encode()) == []


def test_the_same_words_are_read_where_they_go_in_the_clear() -> None:
    assert read_in(encode(MessageSaid("m1", 30, "Bonjour a toi"))) == [b"Bonjour a toi"]
