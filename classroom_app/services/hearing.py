"""What devices say: shown at once, written down in order, a device never waiting for another.

The link calls `up`, `heard`, `framed` and `gone`; they return at once. What has to be written goes
into a short row a device, which `run` takes to the features.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from classroom_app.domain import evidence
from classroom_app.domain.errors import NotKept, RoomError
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.hello import (
    Pulse,
    Refused,
    Report,
    ScreensTold,
    Superseded,
    Welcome,
)
from device_bridge.protocol.materials import MaterialReport
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import Company

log = logging.getLogger(__name__)

WAITING_MAX: Final = 256
"""Messages of one device that wait to be written. A well-behaved one never has more than a few:
words are sent again until heard, so what is dropped from a flood is lost by the flooder alone."""


class Takes(Protocol):
    """A feature: it takes what concerns it and lets the rest pass. It must not wait for devices."""

    async def take(self, device: DeviceId, message: FromDevice) -> None: ...


class Hearing:
    """`refused` hears what the store would not take.

    `pictured` shows each frame, and says whether it is a picture.

    `utc` is what we take the time to be: a teacher's own clock may be wrong as well.
    """

    def __init__(
        self,
        room: Classroom,
        features: Sequence[Takes],
        *,
        pictured: Callable[[DeviceId, Frame], Awaitable[bool]],
        refused: Callable[[RoomError], None],
        utc: Callable[[], float],
    ) -> None:
        self._room, self._utc = room, utc
        self._features = features
        self._pictured = pictured
        self._refused = refused
        self._waiting: dict[DeviceId, deque[FromDevice]] = {}
        self._woken = asyncio.Event()

    def up(self, device: str, welcome: Welcome) -> None:
        """Take the beginning of a link."""
        name = DeviceId(device)
        for held in welcome.held:
            self._room.versions.heard(held.version)
        now = self._room.clock.seconds()
        self._room.note(name, evidence.came(self._room.evidence(name), welcome, now, self._utc()))
        self._keep(name, welcome)

    def heard(self, device: str, message: FromDevice) -> None:
        """Take what a device said; its tile may look different at once."""
        name, now = DeviceId(device), self._room.clock.seconds()
        seen = self._room.evidence(name)
        if isinstance(message, Report | MaterialReport) and seen.company:
            # A colleague's, perhaps, who shares the class: our next is to be above.
            self._room.versions.heard(message.version)
        match message:
            case Pulse():
                self._room.note(name, evidence.pulsed(seen, message, now, self._utc()))
                return
            case ScreensTold():
                self._room.note(name, evidence.screens_told(seen, message, now))
                return
            case Report():
                ours = self._is_ours(name, message)
                self._room.note(name, evidence.reported(seen, message, now, ours=ours))
            case MaterialReport():
                self._room.note(name, evidence.material_reported(seen, message, now))
            case Refused():
                self._room.note(name, evidence.refused(seen, message, now))
            case Company() | Superseded():
                self._room.note(name, evidence.of_colleagues(seen, message, now))
            case _:
                pass  # nothing that a tile shows before it is written
        self._keep(name, message)

    async def framed(self, device: str, frame: Frame) -> None:
        """Take a picture; returns when it is shown or refused, and the next may come."""
        name = DeviceId(device)
        readable = await self._pictured(name, frame)
        seen, now = self._room.evidence(name), self._room.clock.seconds()
        self._room.note(name, evidence.framed(seen, frame, now, readable=readable))

    def twin(self, device: str) -> None:
        """Take it that another machine has this device's key: neither is believed from now on."""
        name, now = DeviceId(device), self._room.clock.seconds()
        self._room.note(name, replace(self._room.evidence(name), twin_at=now))

    def alone(self, device: str) -> None:
        """Take it that only one machine with this device's key answers now."""
        name, now = DeviceId(device), self._room.clock.seconds()
        seen = self._room.evidence(name)
        if seen.twin_at is not None:
            self._room.note(name, evidence.alone(seen, now))

    def gone(self, device: str, why: str) -> None:
        """Take the end of a link, or why there is none."""
        name = DeviceId(device)
        seen = self._room.evidence(name)
        self._room.note(name, evidence.went(seen, why[:200], self._room.clock.seconds()))

    async def run(self) -> None:
        """Take what was heard to the features until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.settle()

    async def settle(self) -> None:
        """Take all that waits now: devices beside each other, each one's words in their order."""
        batch, self._waiting = self._waiting, {}
        async with asyncio.TaskGroup() as group:
            for device, messages in batch.items():
                group.create_task(self._take_all(device, messages), name=f"take-{device}")

    def _is_ours(self, device: DeviceId, report: Report) -> bool:
        declared = self._room.declared.get((device, report.feature))
        return declared is not None and declared.version == report.version

    def _keep(self, device: DeviceId, message: FromDevice) -> None:
        row = self._waiting.setdefault(device, deque())
        if len(row) >= WAITING_MAX:
            log.info("device says too much", extra={"device": device})
            return
        row.append(message)
        self._woken.set()

    async def _take_all(self, device: DeviceId, messages: deque[FromDevice]) -> None:
        for message in messages:
            for feature in self._features:
                await self._room.until_end_known()
                await self._let_take(feature, device, message)

    async def _let_take(self, feature: Takes, device: DeviceId, message: FromDevice) -> None:
        """Let a feature take a word; where it cannot, all others go on, and all other devices.

        What a device says may be anything: it must not end the links of a whole class.
        """
        told = {"device": device, "said": type(message).__name__}
        try:
            await feature.take(device, message)
        except NotKept as error:
            # Not written, so not confirmed: the device says it again on its next link.
            log.info("not kept", extra={**told, "why": type(error).__name__})
            self._refused(error)
        except RoomError as error:
            log.info("not taken", extra={**told, "why": type(error).__name__})
        except Exception:
            log.exception("not taken", extra=told)
