"""One teacher's app as the device holds it: its papers, what waits for it, its pictures."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.grants import Grant, Mandate
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice, decode_picture_from_app, encode
from device_bridge.protocol.pictures import Frame, PictureStream
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.watching import Credit, WatchingDeclared
from device_bridge.session.outbox import Outbox
from device_bridge.session.wire import Wire
from device_bridge.trust.accept import Peer
from device_bridge.trust.mandates import SeenMandate

CREDIT_MAX: Final = 4


class ReadPapers(Struct, frozen=True):
    """Grant and mandate as read, verified and matched."""

    grant: Grant
    seen: SeenMandate | None


class Pictures:
    """One picture on its way to `/pictures`: for each credit goes what its reader lacks of it."""

    def __init__(self, may: Callable[[], bool]) -> None:
        self.dropped = 0
        self.taken: Callable[[int], None] = lambda _: None
        self._may = may
        self._stream = PictureStream()
        self._had = self._told = 0
        self._credit = 0
        self._changed = asyncio.Event()

    def offer(self, frame: Frame) -> bool:
        """Take the next frame; False where what it is laid on was never offered."""
        newest = self._stream.newest
        self.dropped += newest is not None and newest.number > self._had
        try:
            self._stream.put(frame)
        except Malformed:
            self._stream.forget()
            return False
        self._changed.set()
        return True

    def forget(self) -> None:
        """Hold no picture any more: nobody looks."""
        self._stream.forget()

    def begin_anew(self) -> None:
        """Send a whole picture next: the reader has lost it."""
        self._had = 0
        self._changed.set()

    async def carry(self, wire: Wire) -> None:
        """Serve one bound lane until it ends. What the last lane may have lost goes again."""
        self._credit = self._had = 0
        async with asyncio.TaskGroup() as halves:
            halves.create_task(self._read(wire), name="pictures-credit")
            halves.create_task(self._write(wire), name="pictures-frames")

    async def _read(self, wire: Wire) -> None:
        while True:
            match decode_picture_from_app(await wire.receive()):
                case Credit(frames):
                    self._credit = min(self._credit + frames, CREDIT_MAX)
                    self._changed.set()
                case _:
                    raise Malformed("out-of-order")

    async def _write(self, wire: Wire) -> None:
        while True:
            while not self._credit or (frame := self._stream.since(self._had)) is None:
                if self._credit and self._told != self._had:
                    self._told = self._had
                    self.taken(self._had)  # what is grabbed earlier only grows old here
                self._changed.clear()
                await self._changed.wait()
            # Judged when it leaves, not when it was taken: the lesson may be over by now.
            if self._may():
                self._credit -= 1
                self._had = frame.number
                await wire.send(encode(frame))
            else:
                self._stream.forget()
                self.taken(frame.number)


class DeviceLink:
    """Handed to the `Host`; lives from `welcome` to `lost`."""

    def __init__(
        self,
        number: int,
        peer: Peer,
        lane_token: bytes,
        nonce: bytes,
        may_watch: Callable[["DeviceLink"], bool],
    ) -> None:
        self.number = number
        self.party = peer.party
        self.key = peer.key
        self.lane_token = lane_token
        self.nonce = nonce
        self.outbox = Outbox()
        self.pictures = Pictures(lambda: may_watch(self))
        self.papers: ReadPapers | None = None
        self._looks: WatchingDeclared | None = None

    @property
    def grant(self) -> Grant:
        assert self.papers is not None  # noqa: S101 - no link is handed out without papers
        return self.papers.grant

    @property
    def teacher_name(self) -> str:
        return self.grant.teacher_name

    @property
    def mandate(self) -> Mandate | None:
        return self.papers.seen.mandate if self.papers and self.papers.seen else None

    @property
    def mandate_ends_at(self) -> float:
        """Boot-clock second; 0.0 without a mandate."""
        return self.papers.seen.ends_at if self.papers and self.papers.seen else 0.0

    def send(self, message: FromDevice) -> None:
        """Queue for `/control`; never waits. An app that does not read loses the link."""
        urgent = isinstance(message, Report) and message.feature == "attention"
        self.outbox.put(message, urgent=urgent)

    def offer(self, frame: Frame) -> bool:
        """Give what is new; False where the link lacks what it is laid on.

        What has not left yet and is drawn over is dropped and counted.
        """
        return self.pictures.offer(frame)

    def forget(self) -> None:
        """Keep no picture back: none may leave any more."""
        self.pictures.forget()

    def on_frame_taken(self, taken: Callable[[int], None]) -> None:
        """Have `taken(number)` called when a frame has left and another one may."""
        self.pictures.taken = taken

    def obeyed(self, message: object) -> None:
        """Drop a kept picture when nobody looks any more; send it whole when that is asked.

        It is by the same look under a new number.
        """
        match message:
            case WatchingDeclared(look="none") | LessonDeclared(state="over"):
                self.pictures.forget()
            case WatchingDeclared():
                same = self._looks and replace(self._looks, version=message.version) == message
                if same and message != self._looks:
                    self.pictures.begin_anew()
                self._looks = message
            case _:
                pass
