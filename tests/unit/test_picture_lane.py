"""Both ends of `/pictures`: what is not wanted yet is not grabbed; who floods is read at a pace."""

import asyncio
from contextlib import suppress

import pytest

from device_bridge.protocol.messages import (
    decode_picture_from_app,
    decode_picture_from_device,
    encode,
)
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.watching import Credit
from device_bridge.session.device_link import Pictures
from device_bridge.session.lanes import FRAMES_A_SECOND, UNDER_WAY, receive_frames
from tests.rasters import jpeg

SIZE = (16, 16)


class Reader:
    """A wire whose other end is in the test's hand."""

    def __init__(self) -> None:
        self.credits = asyncio.Queue[bytes]()
        self.frames: list[int] = []

    async def receive(self) -> bytes:
        return await self.credits.get()

    async def send(self, raw: bytes) -> None:
        frame = decode_picture_from_device(raw)
        assert isinstance(frame, Frame)
        self.frames.append(frame.number)

    async def close(self) -> None: ...

    def gives(self, count: int) -> None:
        self.credits.put_nowait(encode(Credit(count)))


def frame(number: int) -> Frame:
    return Frame(number, 1, *SIZE, *SIZE, covering(jpeg(*SIZE), *SIZE))


async def test_the_next_frame_is_wanted_when_the_last_has_left_and_there_is_room_for_one() -> None:
    pictures, reader, taken = Pictures(lambda: True), Reader(), list[int]()
    pictures.taken = taken.append
    async with asyncio.TaskGroup() as group:
        carrying = group.create_task(pictures.carry(reader))
        assert pictures.offer(frame(1))
        await asyncio.sleep(1)
        assert (reader.frames, taken) == ([], [])
        reader.gives(2)
        await asyncio.sleep(1)
        assert (reader.frames, taken) == ([1], [1])
        assert pictures.offer(frame(2))
        await asyncio.sleep(1)
        assert (reader.frames, taken) == ([1, 2], [1]), "it would only grow old here"
        reader.gives(1)
        await asyncio.sleep(1)
        assert taken[1:] == [2]
        carrying.cancel()


class Flood(Reader):
    """A device that waits for no credit: each time one asks, a frame is there."""

    async def receive(self) -> bytes:
        return encode(frame(1))

    async def send(self, raw: bytes) -> None:
        assert decode_picture_from_app(raw)


async def test_of_who_sends_without_credit_no_more_is_read_than_the_fastest_pace() -> None:
    taken = list[int]()

    async def framed(one: Frame) -> None:
        taken.append(one.number)

    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            await receive_frames(Flood(), framed)
    assert len(taken) == pytest.approx(10 * FRAMES_A_SECOND, abs=UNDER_WAY + 1)
