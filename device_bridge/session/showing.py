"""The app's end of `/showing`: one picture for many devices, encoded once.

Each device is sent what it lacks when it has given credit for it. So a slow one skips what came
between, and no other waits for it.
"""

import asyncio
from collections.abc import Collection
from typing import Final

from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.messages import decode_showing_from_device, encode
from device_bridge.protocol.pictures import Frame, PictureStream
from device_bridge.protocol.showing import STILL_SECONDS, StillShowing
from device_bridge.protocol.watching import Credit
from device_bridge.session.wire import Wire

CREDIT_MAX: Final = 2


class Shows:
    """What is shown now and to whom; `serve` carries it to one device.

    `late_seconds`: for how long nothing was heard of what is shown; told beside a still picture.
    """

    def __init__(self) -> None:
        self._stream = PictureStream()
        self._to: frozenset[str] = frozenset()
        self._readers: set[_Reader] = set()
        self._made: dict[int, tuple[int, bytes]] = {}
        self.late_seconds = 0

    def begin(self, devices: Collection[str]) -> None:
        """Show nothing yet, to these."""
        self._stream.forget()
        self._made.clear()
        self.late_seconds = 0
        self._to = frozenset(devices)
        for reader in self._readers:
            reader.had = 0

    def to(self, devices: Collection[str]) -> None:
        """Show it to these from now on."""
        self._to = frozenset(devices)
        self._wake()

    def offer(self, frame: Frame) -> None:
        """Take the next frame; numbers rise over all shows. Raises `Malformed` out of step."""
        self._stream.put(frame)
        self._made.clear()
        self._wake()

    def end(self) -> None:
        """Show nothing to nobody."""
        self.begin(())

    async def serve(self, device: str, wire: Wire) -> None:
        """Serve one bound lane until it ends; it is sent all of the picture first."""
        reader = _Reader(device)
        self._readers.add(reader)
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(reader.read(wire), name="showing-credit")
                halves.create_task(self._write(reader, wire), name="showing-frames")
        finally:
            self._readers.discard(reader)

    async def _write(self, reader: "_Reader", wire: Wire) -> None:
        while True:
            made = self._for(reader)
            if made is not None:
                reader.credit -= 1
                reader.had, raw = made
                await wire.send(raw)
            elif not await reader.news() and reader.had and reader.device in self._to:
                await wire.send(encode(StillShowing(self.late_seconds)))

    def _for(self, reader: "_Reader") -> tuple[int, bytes] | None:
        """Return what the reader lacks, as bytes: readers in step are sent the same ones."""
        if not reader.credit or reader.device not in self._to:
            return None
        if (made := self._made.get(reader.had)) is not None:
            return made
        frame = self._stream.since(reader.had)
        if frame is None:
            return None
        return self._made.setdefault(reader.had, (frame.number, encode(frame)))

    def _wake(self) -> None:
        for reader in self._readers:
            reader.changed.set()


class _Reader:
    def __init__(self, device: str) -> None:
        self.device = device
        self.had = self.credit = 0
        self.changed = asyncio.Event()

    async def read(self, wire: Wire) -> None:
        while True:
            match decode_showing_from_device(await wire.receive()):
                case Credit(frames):
                    self.credit = min(self.credit + frames, CREDIT_MAX)
                    self.changed.set()
                case _:
                    raise Malformed("out-of-order")

    async def news(self) -> bool:
        """Wait until something changed; False when nothing has for a while."""
        try:
            async with asyncio.timeout(STILL_SECONDS):
                await self.changed.wait()
        except TimeoutError:
            return False
        self.changed.clear()
        return True
