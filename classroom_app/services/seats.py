"""Who sits where: a fact with a source, for this lesson; changing it moves no work handed in."""

import uuid
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec.structs import replace

from classroom_app.domain.acts import Resumed, Sat, SeatClaim
from classroom_app.domain.lesson import Changed, DeviceId, LessonId, PupilId, Sitting
from classroom_app.services.classroom import Classroom
from classroom_app.services.declaring import lesson_declared
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.presence import SeatClaimed
from device_bridge.protocol.talking import Heard

SPOKEN_BY: Final = uuid.UUID("7b7a9a0e-0a53-5d0b-9f43-2f1f4b1c9a11")
"""Namespace of ids made of a device's own: told twice is one, and no device can use another's."""


class Follows(Protocol):
    """A feature that has something to tell a device when another pupil sits at it."""

    async def sat(self, device: DeviceId, pupil: PupilId) -> None: ...
    def began(self, kept: Resumed | None) -> None:
        """Take the beginning of a lesson; `kept`: what a restart found of it."""
        ...

    def forget(self) -> None: ...


class Seats:
    def __init__(self, room: Classroom, follows: tuple[Follows, ...]) -> None:
        self._room = room
        self._follows = follows

    async def sit(
        self, pupil: PupilId, device: DeviceId, source: str = "teacher", asked_by: str = ""
    ) -> Changed:
        """Set who sits at a device; empty: nobody. A pupil sits at one device at a time.

        `source` "pupil": the name was chosen on the device, and this is the teacher's yes to it.
        """
        room = self._room
        left = room.device_of(pupil) if pupil else None
        left = None if left == device else left
        before = {d: room.sittings.get(d) for d in (device, left) if d}
        keys = [device, *([left] if left else [])]
        act = Sat(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            pupil=pupil,
            source=source,
            left=left or DeviceId(""),
        )
        room.sittings[device] = Sitting(device, pupil, source)
        if left:
            room.sittings[left] = Sitting(left, PupilId(""), source)
        version = room.versions.next()
        try:
            await room.write(act, {key: lesson_declared(room, key, version) for key in keys})
        except BaseException:
            self._put_back(before)
            raise
        room.note(device, replace(room.evidence(device), claim=PupilId(""), wish=None))
        for key in keys:
            await self._follow(key, act.lesson)
        return room.changed(keys, asked_by)

    async def put_back(self, before: Mapping[DeviceId, PupilId], asked_by: str = "") -> None:
        """Seat them as they sat, one after another; what was claimed meanwhile is asked again."""
        for device, pupil in before.items():
            if self._room.pupil_at(device) != pupil:
                await self.sit(pupil, device, asked_by=asked_by)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down a claim to a seat."""
        if isinstance(message, SeatClaimed) and self._room.lesson is not None:
            await self._claimed(device, message)

    async def _claimed(self, device: DeviceId, claim: SeatClaimed) -> None:
        """Keep a claim; it is the teacher who says yes. A name not of this class is nobody's."""
        room = self._room
        pupil = room.pupil(PupilId(claim.pupil))
        if claim.lesson == room.lesson_id() and pupil is not None:
            act = SeatClaim(
                id=str(uuid.uuid5(SPOKEN_BY, f"{device}/{claim.id}")),
                lesson=room.lesson_id(),
                at=room.clock.utc(),
                device=device,
                pupil=pupil.id,
            )
            if await room.write(act, {}):
                room.note(device, replace(room.evidence(device), claim=pupil.id))
        room.devices.tell(device, Heard(claim.id))

    async def _follow(self, device: DeviceId, lesson: LessonId) -> None:
        for feature in self._follows:
            if await self._room.is_on(lesson):
                await feature.sat(device, self._room.pupil_at(device))

    def _put_back(self, before: Mapping[DeviceId, Sitting | None]) -> None:
        for device, sitting in before.items():
            if sitting is None:
                self._room.sittings.pop(device, None)
            else:
                self._room.sittings[device] = sitting
