"""Remote control: one device at a time, asked for, renewed, given back or taken back."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from classroom_app.domain.acts import ControlEnded, ControlTaken, Resumed
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.control import (
    CONTROL_LEASE_SECONDS,
    GIVEN_BACK,
    LINK_LOST,
    ControlDeclared,
    ControlEvent,
    ControlInput,
)
from device_bridge.protocol.hello import Refused, Report, Superseded
from device_bridge.protocol.messages import FromDevice

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = CONTROL_LEASE_SECONDS / 3
SUPERSEDED: Final = "superseded"

Said = Callable[[DeviceId, str, str], None]
"""Told (device, state, reason): "asked", "on", or how it ended; of "superseded" by whom."""


class Driving(Struct, frozen=True):
    device: DeviceId
    pupil: PupilId
    declared: ControlDeclared


class Control:
    """What is declared is not kept for a new link: it ends with the one it was said on."""

    def __init__(self, room: Classroom, said: Said) -> None:
        self._room, self.said = room, said
        self._driving: Driving | None = None
        self._lost = asyncio.Event()

    async def drive(self, device: DeviceId, screen: int = 0) -> None:
        """Ask to drive `device`; written first. What the device answers is `said`.

        Raises `NoLesson`, or `NotKept` where the journal cannot take it.
        """
        await self.give_back()
        self._lost.clear()
        room = self._room
        act = ControlTaken(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            pupil=room.pupil_at(device),
        )
        await room.write(act, {})
        declared = ControlDeclared(
            room.versions.next(), CONTROL_LEASE_SECONDS, on=True, screen=screen
        )
        self._driving = Driving(device, act.pupil, declared)
        room.devices.tell(device, declared)
        self.said(device, "asked", "")

    async def give_back(self) -> None:
        """Let the pupil have keyboard and pointer; nothing happens where nobody drives."""
        if driving := self._driving:
            off = ControlDeclared(self._room.versions.next(), 0, on=False)
            self._room.devices.tell(driving.device, off)
            await self._ended("off", GIVEN_BACK)

    def send(self, events: Sequence[ControlEvent]) -> None:
        """Do this on the device, after all that was sent before."""
        if driving := self._driving:
            told = ControlInput(driving.declared.version, tuple(events))
            self._room.devices.tell(driving.device, told)

    def lost(self, device: DeviceId) -> None:
        """Hear that there is no link to `device` any more."""
        if self._driving and self._driving.device == device:
            self._lost.set()

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Take how a device answers and ends it."""
        driving = self._driving
        if driving is None or device != driving.device:
            return
        match message:
            case Report("control", version, state, reason) if version == driving.declared.version:
                if state == "on":
                    self.said(device, state, reason)
                else:
                    await self._ended(state, reason)
            case Refused("control-declared", _, reason):
                await self._ended("failed", reason)
            case Superseded("control", _, by):
                await self._ended(SUPERSEDED, by)
            case _:
                pass  # another feature's

    async def run(self) -> None:
        """Renew for as long as the app lives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._lost.wait()
            if self._lost.is_set():
                self._lost.clear()
                await self._end_lost()
            elif driving := self._driving:
                self._room.devices.tell(driving.device, driving.declared)

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Give back: somebody else sits there now."""
        if (driving := self._driving) and driving.device == device and pupil != driving.pupil:
            await self.give_back()

    def began(self, kept: Resumed | None) -> None:
        """Drive nobody: what an app did before it was started anew is over."""
        del kept

    def forget(self) -> None:
        """Drive nobody: the lesson is over."""
        if driving := self._driving:
            self._driving = None
            off = ControlDeclared(self._room.versions.next(), 0, on=False)
            self._room.devices.tell(driving.device, off)
            self.said(driving.device, "off", GIVEN_BACK)

    async def _end_lost(self) -> None:
        try:
            await self._ended("off", LINK_LOST)
        except NotKept as error:
            # It is over and was said; the device's own account has it.
            log.info("not kept", extra={"why": type(error).__name__})

    async def _ended(self, state: str, reason: str) -> None:
        driving, self._driving = self._driving, None
        if driving is None:
            return
        self.said(driving.device, state, reason)
        room = self._room
        await room.until_end_known()
        if room.lesson is not None:
            ended = ControlEnded(
                id=room.new_id(),
                lesson=room.lesson.id,
                at=room.clock.utc(),
                device=driving.device,
                pupil=driving.pupil,
                why=reason or state,
            )
            await room.write(ended, {})
