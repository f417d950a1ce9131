"""Showing: the teacher's screen, or one pupil's, to all or some of the class.

The picture is encoded once, however many look on. A show restricts nobody for longer than its
lesson, its lease and the link that it comes by.
"""

import asyncio
from collections.abc import Collection
from itertools import count
from typing import Final, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain.acts import Resumed, ShowAsked, ShowOver
from classroom_app.domain.errors import NotLookedAt
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame, Patch, PictureStream
from device_bridge.protocol.showing import ShowingDeclared

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

    def begin(self, devices: Collection[str]) -> None: ...
    def offer(self, frame: Frame) -> None: ...
    def end(self) -> None: ...


class Show(Struct, frozen=True):
    """A show that is on. `source`: the device whose screen it is; None: the teacher's."""

    declared: ShowingDeclared
    devices: tuple[DeviceId, ...]
    source: DeviceId | None = None
    whose: str = ""
    paused: bool = False


class Counted(Struct, frozen=True):
    """By the devices' reports: how many show it, of how many, and why one does not."""

    shown: int
    asked: int
    left: int = 0


class Showing:
    def __init__(self, room: Classroom, carries: Carries) -> None:
        self._room, self._carries = room, carries
        self.show: Show | None = None
        self.ended = ""  # why the last show is over, where that was not the teacher
        self._source: Source | None = None
        self._numbers = count(1)
        self._number = 0
        self._changed = asyncio.Event()
        self._looked_at: DeviceId | None = None
        self._close = PictureStream()
        self._close_had = 0

    async def start(
        self, source: Source, mode: Mode, keys: Collection[str] | None, size: tuple[int, int]
    ) -> None:
        """Show what `source` sees to these tiles, or to all."""
        await self._begin(self._room.scope(keys).devices, mode, size, None)
        self._source = source
        self._changed.set()

    async def start_pupil(self, device: DeviceId, mode: Mode, keys: Collection[str] | None) -> None:
        """Show a pupil's screen, which is looked at closely, to the others of these tiles.

        Raises `NotLookedAt` where there is no close picture.
        """
        newest = self._close.newest
        if self._looked_at != device or newest is None:
            raise NotLookedAt
        devices = [each for each in self._room.scope(keys).devices if each != device]
        await self._begin(devices, mode, (newest.width, newest.height), device)
        self._source = None
        self._changed.set()

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
        self.show = Show(declared, tuple(devices), source, whose)
        self.ended, self._number, self._close_had = "", 0, 0
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
        self.ended = "" if why == "teacher" else why
        room = self._room
        if room.lesson is not None:
            act = ShowOver(
                id=room.new_id(),
                lesson=room.lesson_id(),
                at=room.clock.utc(),
                version=show.declared.version,
                why=why,
            )
            await room.write(act, {})

    @property
    def close_picture(self) -> bool:
        """Whether there is a close picture that can be shown."""
        return self._close.newest is not None

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
        if device == show.source and (message.feature, message.state) in _ENDS:
            await self.stop(message.state)
        if message.feature == "showing" and message.version == show.declared.version:
            self._room.touched(frozenset({self._room.key_of(device)}))

    def framed(self, device: DeviceId, frame: Frame) -> None:
        """Hear a close picture: where it is what is shown, it goes on as it came."""
        if device != self._looked_at:
            return
        try:
            self._close.put(frame)
        except DeviceError:
            self._close.forget()
            self._close_had = 0

    async def looks_at(self, device: DeviceId | None) -> None:
        """Hear whom the teacher looks at closely: only such a screen can be shown."""
        if device == self._looked_at:
            return
        self._looked_at, self._close_had = device, 0
        self._close.forget()
        if self.show is not None and self.show.source and self.show.source != device:
            await self.stop("not-close")

    def _saw(self, show: Show, seen: Seen) -> None:
        """Offer what was seen for `show`; also where it was paused meanwhile, since it is told."""
        now = self.show
        if now is not None and now.declared.stream == show.declared.stream:
            self._offer(show, seen)

    def _relay(self, show: Show) -> None:
        """Offer what has come of the pupil's screen since the last time."""
        if show.source is None or self._state(show.source, show) != "on":
            return  # its pupil is told first
        while (frame := self._close.since(self._close_had)) is not None:
            self._offer(show, Seen(frame.width, frame.height, frame.patches, begins=not frame.base))
            self._close_had = frame.number

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
            if show is None or show.paused:
                self._changed.clear()
                await self._changed.wait()
                continue
            began = loop.time()
            if source is None:
                self._relay(show)
            elif (seen := await source.next(whole=not self._number)) is not None:
                self._saw(show, seen)
            await asyncio.sleep(max(0.0, began + PACE_SECONDS - loop.time()))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
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

    def _let_go(self, but: Collection[DeviceId]) -> None:
        """Declare the end to all who hold a show, but to those who are told of the next one."""
        room = self._room
        version = room.versions.next()
        for device in room.all_devices():
            held = room.declared.get((device, "showing"))
            if device not in but and isinstance(held, ShowingDeclared) and held.on:
                over = replace(held, version=version, on=False, lease_seconds=0)
                room.declare(device, over)


_ENDS: Final = {
    ("watching", "private"),
    ("watching", "failed"),
    ("attention", "locked"),
    ("showing", "off"),
}
