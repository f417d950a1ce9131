"""The teacher's end of two witnesses: signed heads exchanged with devices at a lesson's end.

A device that is away then owes its own, and is asked at its next link. What a device's head
contradicts is told to the teacher; both go to the central side, which is a judge of neither.
"""

import logging
from collections.abc import Callable, Collection
from typing import Protocol

from central_mdm.contract.heads import Head, Mark, SignedHead, after
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, LessonId
from classroom_app.papers import Papers
from classroom_app.storage.heads import KeptHead
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.journal import HeadAsked, HeadTold
from device_bridge.protocol.messages import FromDevice
from device_bridge.trust.heads import read_head, sign_head

log = logging.getLogger(__name__)


class Keeps(Protocol):
    """The store, as far as heads are concerned (`storage.heads`)."""

    @property
    def origin(self) -> str: ...
    async def own_marks(self) -> tuple[Mark, Mark]: ...
    async def keep_own(self, signed: SignedHead, head: Head, owing: Collection[str]) -> None: ...
    async def own_head(self) -> KeptHead | None: ...
    async def head_of(self, device: str) -> KeptHead | None: ...
    async def owed_by(self, device: str) -> str: ...
    async def keep_head(self, signed: SignedHead, head: Head) -> str: ...


class Asks(Protocol):
    def tell(self, device: str, message: HeadAsked) -> None: ...


class Witness:
    """`doubted` hears of a device's journal that is not what the device had signed before."""

    def __init__(
        self,
        keeps: Keeps,
        devices: Asks,
        papers: Papers,
        utc: Callable[[], int],
        doubted: Callable[[DeviceId], None],
    ) -> None:
        self._keeps, self._devices, self._papers = keeps, devices, papers
        self._utc, self._doubted = utc, doubted

    async def over(self, lesson: LessonId, came: Collection[DeviceId]) -> None:
        """Sign our head as the lesson's end has left it, and ask each device that came for its own.

        A disk that does not take it holds up no end of a lesson: the next one is signed then. Who
        is not asked for that is at its next link.
        """
        try:
            await self._sign(lesson, came)
            for device in came:
                await self._ask(device)
        except NotKept as error:
            log.info("no heads exchanged", extra={"why": type(error).__name__})

    async def _sign(self, lesson: LessonId, came: Collection[DeviceId]) -> None:
        newest, earlier = await self._keeps.own_marks()
        last = await self._keeps.own_head()
        head = Head(
            school=self._papers.school.id,
            role="teacher",
            party=self._papers.signed.teacher,
            journal=self._keeps.origin,
            newest=newest,
            earlier=earlier,
            lesson=lesson,
            issued_at=after(last.head if last else None, self._utc()),
        )
        await self._keeps.keep_own(sign_head(head, self._papers.identity), head, came)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        match message:
            case Welcome():
                await self._ask(device)
            case HeadTold():
                await self._heard(device, SignedHead(message.head, message.certificate))
            case _:
                pass

    async def _ask(self, device: DeviceId) -> None:
        lesson, own = await self._keeps.owed_by(device), await self._keeps.own_head()
        if lesson and own is not None:
            held = await self._keeps.head_of(device)
            count = held.head.newest.count if held else 0
            told = HeadAsked(own.signed.head, own.signed.certificate, lesson, count)
            self._devices.tell(device, told)

    async def _heard(self, device: DeviceId, signed: SignedHead) -> None:
        try:
            head = read_head(signed, self._papers.school, "device")
        except NotAllowed as error:
            log.info("head not taken", extra={"device": device, "why": error.why})
            return
        if (head.party, head.journal) != (device, device):
            log.info("head not taken", extra={"device": device, "why": "another-party"})
        elif fault := await self._keeps.keep_head(signed, head):
            log.warning("a journal is doubted", extra={"device": device, "why": fault})
            self._doubted(device)
