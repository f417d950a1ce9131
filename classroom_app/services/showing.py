"""Showing: the teacher's screen, or one pupil's, to all or some of the class.

The picture is encoded once, however many look on. A show restricts nobody for longer than its
lesson, its lease and the link that it comes by.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from itertools import count
from typing import Final, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain.acts import Resumed, ShowAsked, ShowOver
from classroom_app.domain.errors import NoLesson, NotKept, NotLookedAt, RoomError, ShowEnded
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import here
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame, Patch, PictureStream
from device_bridge.protocol.showing import LATE_SECONDS, ShowingDeclared
from device_bridge.protocol.watching import CLOSE_ENDED

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = LEASE_SECONDS / 3
PACE_SECONDS: Final = 0.08
"""Above the ten frames a second that are promised: a timer is never early."""
Mode = Literal["full", "window"]


class Seen(Struct, frozen=True):
    """What is new of what is shown; `begins`: that is all of it."""

    width: int
    height: int
    patches: tuple[Patch, ...]
    begins: bool


class Source(Protocol):
    """What is shown of the teacher's own. One call at a time."""

    async def next(self, *, whole: bool) -> Seen | None:
        """Look now, off the loop; None: nothing new, or nothing to be seen."""
        ...


class Carries(Protocol):
    """Carries one picture to many (`device_bridge.session.showing.Shows`)."""

    late_seconds: int

    def begin(self, devices: Collection[str]) -> None: ...
    def offer(self, frame: Frame) -> None: ...
    def end(self) -> None: ...


class Looks(Protocol):
    """Looks closely at one device more (`Watching`)."""

    async def keep_close(self, device: DeviceId | None) -> None: ...


class Show(Struct, frozen=True):
    """A show that is on. `source`: the device whose screen it is; None: the teacher's.

    `looked`: the version of the close look that the source is shown by.
    """

    declared: ShowingDeclared
    devices: tuple[DeviceId, ...]
    source: DeviceId | None = None
    whose: str = ""
    looked: int = 0
    paused: bool = False


class Counted(Struct, frozen=True):
    """By the devices' reports: how many show it, of how many, and why one does not."""

    shown: int
    asked: int
    left: int = 0


class Showing:
    """`over` hears why a show has ended that the teacher did not end."""

    def __init__(
        self, room: Classroom, carries: Carries, looks: Looks, over: Callable[[RoomError], None]
    ) -> None:
        self._room, self._carries, self._looks, self._over = room, carries, looks, over
        self.show: Show | None = None
        self._source: Source | None = None
        self._numbers = count(1)
        self._number = 0
        self._changed = asyncio.Event()
        self._looked_at: DeviceId | None = None
        self._streams: dict[DeviceId, PictureStream] = {}
        self._had = 0  # of the source's stream

    async def start(
        self, source: Source, mode: Mode, keys: Collection[str] | None, size: tuple[int, int]
    ) -> None:
        """Show what `source` sees to these tiles, or to all."""
        await self._begin(self._room.scope(keys).devices, mode, size, None)
        self._source = source
        self._changed.set()
        await self._looks.keep_close(None)

    async def start_pupil(self, device: DeviceId, mode: Mode, keys: Collection[str] | None) -> None:
        """Show a pupil's screen, which is looked at closely, to the others of these tiles.

        It goes on wherever the teacher looks then. Raises `NotLookedAt` where there is no close
        picture.
        """
        stream = self._streams.get(device)
        if self._looked_at != device or stream is None or stream.newest is None:
            raise NotLookedAt
        size = stream.newest.width, stream.newest.height
        devices = [each for each in self._room.scope(keys).devices if each != device]
        try:
            await self._looks.keep_close(device)
            await self._begin(devices, mode, size, device)
            self._source = None
            self._changed.set()
        finally:
            await self._looks.keep_close(self.source())

    async def _begin(
        self,
        devices: Collection[DeviceId],
        mode: Mode,
        size: tuple[int, int],
        source: DeviceId | None,
    ) -> None:
        room = self._room
        whose = room.name_at(source, room.pupil_at(source)) if source else ""
        version = room.versions.next()
        act = ShowAsked(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            version=version,
            mode=mode,
            devices=tuple(devices),
            source=source or DeviceId(""),
            pupil=room.pupil_at(source) if source else PupilId(""),
        )
        await room.write(act, {})
        self._let_go([*devices, *([source] if source else [])])
        declared = ShowingDeclared(
            version,
            room.lease_seconds(),
            on=True,
            mode=mode,
            whose=whose[:64],
            stream=version,
            width=size[0],
            height=size[1],
        )
        look = room.declared.get((source, "watching")) if source else None
        self.show = Show(declared, tuple(devices), source, whose, look.version if look else 0)
        self._number = self._had = 0
        self._mind()
        if source:
            room.declare(source, replace(declared, mode="source", whose=""))
        self._carries.begin(devices)
        for device in devices:
            room.declare(device, declared)

    def pause(self, *, paused: bool) -> None:
        """Let the picture stand still, or go on."""
        if self.show is not None:
            self.show = replace(self.show, paused=paused)
            self._changed.set()

    async def stop(self, why: str = "teacher") -> None:
        """Take it from every screen; the devices are told before it is written."""
        show = self.show
        if show is None:
            return
        self._take_back()
        if why != "teacher":
            self._over(ShowEnded(show.whose, why))
        room = self._room
        try:
            await room.until_end_known()
            if room.lesson is not None:
                act = ShowOver(
                    id=room.new_id(),
                    lesson=room.lesson_id(),
                    at=room.clock.utc(),
                    version=show.declared.version,
                    why=why,
                )
                await room.write(act, {})
        finally:
            await self._looks.keep_close(self.source())

    def source(self) -> DeviceId | None:
        """Return whose screen is shown; None: nobody's, or the teacher's."""
        return self.show.source if self.show else None

    @property
    def close_picture(self) -> bool:
        """Whether there is a close picture that can be shown."""
        stream = self._streams.get(self._looked_at) if self._looked_at else None
        return stream is not None and stream.newest is not None

    def counted(self) -> Counted:
        """Count by the newest word of each device that is here."""
        show, room = self.show, self._room
        if show is None:
            return Counted(0, 0)
        told = [self._state(device, show) for device in show.devices]
        return Counted(told.count("on"), len(room.connected(show.devices)), told.count("off"))

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """End the show of a screen that its pupil keeps private, or that is locked."""
        show = self.show
        if show is None or not isinstance(message, Report):
            return
        if device == show.source and (why := _what_ends(show, message)):
            await self.stop(why)
        if message.feature == "showing" and message.version == show.declared.version:
            self._room.touched(frozenset({self._room.key_of(device)}))

    def framed(self, device: DeviceId, frame: Frame) -> None:
        """Hear a close picture: where it is what is shown, it goes on as it came."""
        if (stream := self._streams.get(device)) is None:
            return
        try:
            stream.put(frame)
        except DeviceError:
            stream.forget()
            if device == self.source():
                self._had = 0

    def looks_at(self, device: DeviceId | None) -> None:
        """Hear whom the teacher looks at closely: only such a screen can begin to be shown."""
        self._looked_at = device
        self._mind()

    def _mind(self) -> None:
        """Keep the pictures of who is looked at and of who is shown, and no other."""
        kept = {one for one in (self._looked_at, self.source()) if one}
        self._streams = {one: self._streams.get(one) or PictureStream() for one in kept}

    def _saw(self, show: Show, seen: Seen) -> None:
        """Offer what was seen for `show`; also where it was paused meanwhile, since it is told."""
        now = self.show
        if now is not None and now.declared.stream == show.declared.stream:
            self._offer(show, seen)

    def _relay(self, show: Show) -> None:
        """Offer what has come of the pupil's screen since the last time."""
        if show.source is None or self._state(show.source, show) != "on":
            return  # its pupil is told first
        stream = self._streams[show.source]
        while (frame := stream.since(self._had)) is not None:
            self._offer(show, Seen(frame.width, frame.height, frame.patches, begins=not frame.base))
            self._had = frame.number

    def _offer(self, show: Show, seen: Seen) -> None:
        base, self._number = self._number, next(self._numbers)
        size = seen.width, seen.height
        stream = show.declared.stream
        begins = seen.begins or not base
        frame = Frame(self._number, stream, *size, *size, seen.patches, 0 if begins else base)
        self._carries.offer(frame)

    def _state(self, device: DeviceId, show: Show) -> str:
        seen = self._room.evidence(device)
        kept = seen.report("showing")
        if seen.up_since is None or kept is None or kept[0].version != show.declared.version:
            return ""
        return kept[0].state

    async def run(self) -> None:
        """Show, and renew, for as long as the app lives."""
        async with asyncio.TaskGroup() as halves:
            halves.create_task(self._look(), name="showing-look")
            halves.create_task(self._renew(), name="showing-renew")

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            show, source = self.show, self._source
            if show is None or (show.paused and source is not None):
                self._changed.clear()
                await self._changed.wait()
                continue
            began = loop.time()
            if show.source is not None and not self._is_here(show.source):
                await self._end_gone()
            elif source is None:
                self._carries.late_seconds = self._late(show)
                if not show.paused:
                    self._relay(show)
            elif (seen := await source.next(whole=not self._number)) is not None:
                self._saw(show, seen)
            await asyncio.sleep(max(0.0, began + PACE_SECONDS - loop.time()))

    def _late(self, show: Show) -> int:
        """Return for how many seconds nothing was heard of the pupil's screen; 0: it is of now."""
        shown_at = self._room.evidence(show.source).shown_at if show.source else None
        if shown_at is None or show.paused:
            return 0
        late = int(self._room.clock.seconds() - shown_at)
        return late if late >= LATE_SECONDS else 0

    def _is_here(self, device: DeviceId) -> bool:
        return here(self._room.evidence(device), self._room.clock.seconds())

    async def _end_gone(self) -> None:
        try:
            await self.stop("gone")
        except (NotKept, NoLesson) as error:
            # The desktops are back; the devices' own accounts have it.
            log.info("not kept", extra={"why": type(error).__name__})

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._room.until_end_known()
            self.renew()

    def renew(self) -> None:
        room = self._room
        if room.lesson is None or (show := self.show) is None:
            return
        for device in (*show.devices, *([show.source] if show.source else ())):
            held = room.declared.get((device, "showing"))
            if isinstance(held, ShowingDeclared) and held.on:
                room.declare(device, replace(held, lease_seconds=room.lease_seconds()))

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Change nothing: it is shown at a device, whoever sits there."""

    def began(self, kept: Resumed | None) -> None:
        """Show nothing: after a restart the teacher says so anew."""
        del kept

    def forget(self) -> None:
        """Show nothing any more: the lesson is over."""
        self._take_back()

    def _take_back(self) -> None:
        self.show = self._source = None
        self._carries.end()
        self._let_go(())
        self._mind()

    def _let_go(self, but: Collection[DeviceId]) -> None:
        """Declare the end to all who hold a show, but to those who are told of the next one."""
        room = self._room
        version = room.versions.next()
        for device in room.all_devices():
            held = room.declared.get((device, "showing"))
            if device not in but and isinstance(held, ShowingDeclared) and held.on:
                over = replace(held, version=version, on=False, lease_seconds=0)
                room.declare(device, over)


def _what_ends(show: Show, told: Report) -> str:
    """Return why a pupil's screen is shown no more by this word of its device; "": it goes on."""
    if (told.feature, told.state) in _ENDS:
        return told.state
    return CLOSE_ENDED if told.reason == CLOSE_ENDED and told.version >= show.looked else ""


_ENDS: Final = {
    ("watching", "private"),
    ("watching", "failed"),
    ("attention", "locked"),
    ("showing", "off"),
}
