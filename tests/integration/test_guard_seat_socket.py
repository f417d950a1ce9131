"""The local socket for real: who may be the seat, and what happens when it ends or misbehaves."""

import asyncio
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_bridge.agent.guard.seat_socket import SeatSocket
from device_bridge.agent.local_socket import FRAME_BYTES_MAX, LocalWire, connect
from device_bridge.protocol.messages import decode_to_seat, encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    FromSeat,
    SeatUp,
    ToSeat,
)
from tests.guards import FakeSeat, Hands, guard_in

pytestmark = pytest.mark.real_loop
UNREAD_BYTES = 2_000_000
"""More than the kernel and a reader that does not read hold of a socket."""


@dataclass
class Heard:
    """A guard's ear: what it was told, in order."""

    words: list[str] = field(default_factory=list[str])
    tell: list[Callable[[ToSeat], None]] = field(default_factory=list[Callable[[ToSeat], None]])
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def attach(self, tell: Callable[[ToSeat], None]) -> None:
        self._note("attach")
        self.tell.append(tell)

    def detach(self) -> None:
        self._note("detach")

    def seat_said(self, message: FromSeat) -> None:
        self._note(type(message).__name__)

    def _note(self, word: str) -> None:
        self.words.append(word)
        self.came.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.words) < count:
                self.came.clear()
                await self.came.wait()
        return self.words


@asynccontextmanager
async def seated(path: Path, heard: Heard, uids: tuple[int, ...] = (os.getuid(),)):
    async with SeatSocket(path, uids, heard).serve():
        yield await connect(path)


async def ended(wire: LocalWire) -> None:
    with pytest.raises(OSError, match=r"gone|reset"):
        async with asyncio.timeout(20):
            await wire.receive()
    await wire.close()


async def test_a_seat_is_heard_and_its_end_is_noticed(tmp_path: Path) -> None:
    heard = Heard()
    async with seated(tmp_path / "seat.sock", heard) as wire:
        wire.send(encode(SeatUp("lina", ())))
        wire.send(encode(CurtainAnswered(3)))
        assert await heard.until(3) == ["attach", "SeatUp", "CurtainAnswered"]
        await wire.close()
        assert await heard.until(4) == ["attach", "SeatUp", "CurtainAnswered", "detach"]


async def test_a_strangers_process_is_not_heard(tmp_path: Path) -> None:
    heard = Heard()
    async with seated(tmp_path / "seat.sock", heard, (os.getuid() + 1,)) as wire:
        wire.send(encode(SeatUp("lina", ())))
        await ended(wire)
        assert heard.words == []


@pytest.mark.parametrize("raw", [b"\xff" * 40, b"", encode(DropCurtain(1)), b"\x00\xff" * 1000])
async def test_a_seat_that_speaks_wrongly_is_cut_off(tmp_path: Path, raw: bytes) -> None:
    heard = Heard()
    async with seated(tmp_path / "seat.sock", heard) as wire:
        wire.send(raw)
        await ended(wire)
        assert await heard.until(2) == ["attach", "detach"]


async def test_a_frame_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    heard = Heard()
    async with SeatSocket(tmp_path / "seat.sock", (os.getuid(),), heard).serve():
        reader, writer = await asyncio.open_unix_connection(tmp_path / "seat.sock")
        writer.write((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
        await ended(LocalWire(reader, writer))


async def test_a_newer_seat_takes_the_place_of_one_that_hangs(tmp_path: Path) -> None:
    heard = Heard()
    async with seated(tmp_path / "seat.sock", heard) as first:
        await heard.until(1)
        second = await connect(tmp_path / "seat.sock")
        second.send(encode(SeatUp("lina", ())))
        assert await heard.until(4) == ["attach", "detach", "attach", "SeatUp"]
        await ended(first)
        await second.close()


async def test_of_two_that_come_while_the_one_before_is_slow_to_go_the_last_one_stays(
    tmp_path: Path,
) -> None:
    heard = Heard()
    async with seated(tmp_path / "seat.sock", heard) as hangs:
        await heard.until(1)
        heard.tell[0](Frame(1, 1, 64, 48, 64, 48, covering(b"x" * UNREAD_BYTES, 64, 48)))
        second = await connect(tmp_path / "seat.sock")
        await heard.until(2)
        third = await connect(tmp_path / "seat.sock")
        third.send(encode(SeatUp("lina", ())))
        came = ["attach", "detach", "detach", "attach", "SeatUp"]
        assert await heard.until(5) == came
        await ended(second)
        await hangs.receive()  # it wakes, and so the guard has closed it
        await ended(hangs)
        third.send(encode(CurtainAnswered(1)))
        assert await heard.until(6) == [*came, "CurtainAnswered"]
        await third.close()


async def test_the_socket_is_private_and_reached_in_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 5)
    deep.mkdir(parents=True)
    heard = Heard()
    async with seated(deep / "seat.sock", heard) as wire:
        assert (deep / "seat.sock").stat().st_mode & 0o777 == 0o600
        await heard.until(1)
        await wire.close()
    assert not (deep / "seat.sock").exists()


async def test_a_real_guard_orders_a_seat_over_the_socket(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    async with SeatSocket(guard.folder.seat_socket, (os.getuid(),), guard).serve():
        wire = await connect(guard.folder.seat_socket)
        wire.send(encode(SeatUp("lina", ())))
        orders: list[ToSeat] = []
        async with asyncio.timeout(20):
            orders.append(decode_to_seat(await wire.receive()))
        assert orders == [DropCurtain(0)]
        await wire.close()
    assert FakeSeat(guard).sit().told[0] == DropCurtain(0)
