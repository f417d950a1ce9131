"""Hand-outs: kept here first, then declared; every device says itself what it has."""

import asyncio
from collections.abc import Collection
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from classroom_app.domain.acts import (
    Declared,
    HandedOut,
    HandOut,
    HandOutReported,
    HandOutWithdrawn,
    Receipt,
    Resumed,
)
from classroom_app.domain.errors import EmptyFile, NoLongerHere, NotAPdf, StoreFull, TooLarge
from classroom_app.domain.lesson import Changed, DeviceId, LessonId, PupilId
from classroom_app.domain.ready import NAME_MAX, ReadyDocument
from classroom_app.services.classroom import Classroom
from device_bridge.materials.errors import DiskFull, Withheld
from device_bridge.materials.kinds import looks_whole
from device_bridge.materials.off_loop import off_loop
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.materials import Document, MaterialReport, MaterialsDeclared
from device_bridge.protocol.messages import Declaration, FromDevice

DOCUMENTS_MAX: Final = 100
EARLIER_MAX: Final = 30
"""Hand-outs of earlier lessons that a device is told once more to give back."""
SETTLED: Final = frozenset({"arrived", "opened", "withdrawn", "failed"})


class Held(Protocol):
    """A document in the library, as `device_bridge.materials.library.Held`."""

    @property
    def document(self) -> bytes: ...
    @property
    def size(self) -> int: ...


class Keeps(Protocol):
    """The library; it blocks, so it is called in a worker thread."""

    def keep(self, path: Path) -> Held: ...
    def renew(self, document: bytes) -> Held: ...


class Carries(Protocol):
    """The way for bytes."""

    def wanted(self, device: DeviceId) -> None:
        """Dial `/bulk` for a device that lacks something, where it is not up; returns at once."""
        ...


class Recalls(Protocol):
    async def last_declared(self, device: DeviceId, feature: str) -> Declared | None:
        """Return the newest declaration that was written, in whatever lesson."""
        ...


class Materials:
    """`bulk`: threads for what reads and writes whole documents."""

    def __init__(
        self, room: Classroom, library: Keeps, carries: Carries, bulk: Executor, recalls: Recalls
    ) -> None:
        self._recalls = recalls
        self._room = room
        self._library = library
        self._carries = carries
        self._bulk = bulk
        self._taking_in = asyncio.Lock()
        self.handouts: dict[str, HandOut] = {}
        self.scopes: dict[str, set[DeviceId]] = {}
        self.receipts: dict[tuple[str, DeviceId], Receipt] = {}

    def may_give(self, device: DeviceId) -> frozenset[bytes]:
        """Return the documents that a device may fetch: those declared to it now."""
        held = self._room.declared.get((device, "materials"))
        documents = held.documents if isinstance(held, MaterialsDeclared) else ()
        return frozenset(each.document for each in documents)

    async def hand_out(
        self, path: Path, keys: Collection[str] | None = None, asked_by: str = ""
    ) -> Changed:
        """Give a file to these tiles, or to all and whoever comes later.

        Raises `Unfit` for a file that would help nobody, `StoreFull`, `Unreadable` or `OSError`
        where it cannot be taken in.
        """
        self._room.running()
        async with self._taking_in:  # one after another: the disk and a lock's journal share it
            held = await self.take_in(path)
        return await self._give_out(held, name_of(path), keys, asked_by)

    async def hand_out_ready(
        self, one: ReadyDocument, keys: Collection[str] | None = None, asked_by: str = ""
    ) -> Changed:
        """Give what stood ready in the same way. Raises `NoLongerHere` where its bytes are gone."""
        self._room.running()
        renew = partial(self._library.renew, bytes.fromhex(one.document))
        try:
            held = await off_loop(self._bulk, renew)
        except Withheld as error:
            raise NoLongerHere(one.name) from error
        return await self._give_out(held, one.name, keys, asked_by)

    async def take_in(self, path: Path) -> Held:
        """Keep a copy of the file here, beside what is handed out. Raises as `hand_out`."""
        return await off_loop(self._bulk, partial(self._take_in, path))

    async def _give_out(
        self, held: Held, name: str, keys: Collection[str] | None, asked_by: str
    ) -> Changed:
        room = self._room
        scope = room.scope(keys)
        handout = HandOut(
            room.new_id(), held.document, name, held.size, scope.everybody, scope.pupils
        )
        act = HandedOut(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            handout=handout.id,
            document=held.document.hex(),
            name=name,
            size=held.size,
            everybody=scope.everybody,
            pupils=scope.pupils,
            devices=scope.devices,
        )
        self.handouts[handout.id], self.scopes[handout.id] = handout, set(scope.devices)
        try:
            await room.write(act, self._declarations(scope.devices))
        except BaseException:
            del self.handouts[handout.id], self.scopes[handout.id]
            raise
        return replace(room.changed(scope.devices, asked_by), made=handout.id)

    async def withdraw(self, handout: str, asked_by: str = "") -> Changed:
        """Take a hand-out back where it was not opened yet."""
        room, devices = self._room, self.scopes[handout]
        kept = self.handouts[handout]
        act = HandOutWithdrawn(
            id=room.new_id(), lesson=room.lesson_id(), at=room.clock.utc(), handout=handout
        )
        self.handouts[handout] = replace(kept, withdrawn=True)
        try:
            await room.write(act, self._declarations(devices))
        except BaseException:
            self.handouts[handout] = kept
            raise
        return room.changed(devices, asked_by)

    def became(self, handout: str) -> dict[DeviceId, str]:
        """Return what a withdrawn hand-out is on each device that may have it.

        "withdrawn" and "opened" are the device's own words; all else is not settled there yet. A
        device that has not come in this lesson never had it.
        """
        states = {d: r.state for (h, d), r in self.receipts.items() if h == handout}
        scope = self.scopes.get(handout, set())
        came = {device for device in scope if device in self._room.came}
        return {device: states.get(device, "") for device in came | (states.keys() & scope)}

    def count(self, handout: str) -> tuple[int, int]:
        """Count "arrived at 27 of 28": receipts, and everyone in its scope."""
        scope = self.scopes.get(handout, set())
        arrived = {"arrived", "opened"}
        states = [r.state for (h, d), r in self.receipts.items() if h == handout and d in scope]
        return sum(state in arrived for state in states), len(scope)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down each settled word of a device on a hand-out, once."""
        if self._room.lesson is None:
            return
        match message:
            case Welcome() if (device, "materials") not in self._room.declared:
                await self._recall(device, self._room.lesson.id)
            case MaterialReport() if message.handout in self.handouts:
                await self._reported(device, message)
            case _:
                pass  # another feature's

    async def _recall(self, device: DeviceId, lesson: LessonId) -> None:
        kept = await self._recalls.last_declared(device, "materials")
        if await self._room.is_on(lesson):
            self._turn(device, self._room.read(kept) if kept else None)

    async def _reported(self, device: DeviceId, message: MaterialReport) -> None:
        if message.state == "wanted":
            self._carries.wanted(device)
        if message.state not in SETTLED:
            return
        receipt = Receipt(
            message.handout, device, message.state, message.hash.hex(), message.reason
        )
        before = self.receipts.get((message.handout, device))
        if before == receipt or _kept(before, receipt):
            return
        room = self._room
        act = HandOutReported(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            handout=receipt.handout,
            device=device,
            state=receipt.state,
            file_hash=receipt.file_hash,
            reason=receipt.reason,
        )
        await room.write(act, {})
        self.receipts[message.handout, device] = receipt

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Give what this pupil was given before sitting here; nothing is taken from the device."""
        del pupil  # the sitting says it
        if self._room.lesson is not None:
            self._give(device)

    def _take_in(self, path: Path) -> Held:
        if not path.stat().st_size:
            raise EmptyFile(path.name)
        if not looks_whole(path):
            raise NotAPdf(path.name)
        try:
            return self._library.keep(path)
        except DiskFull as error:
            raise StoreFull from error
        except Malformed as error:
            raise TooLarge(path.name) from error

    def _give(self, device: DeviceId) -> None:
        pupil = self._room.pupil_at(device)
        for handout in self.handouts.values():
            if not handout.withdrawn and (handout.everybody or (pupil in handout.pupils)):
                self.scopes[handout.id].add(device)
        wanted = self._declarations([device])
        held = self._room.declared.get((device, "materials"))
        before = held.documents if isinstance(held, MaterialsDeclared) else ()
        told = wanted[device]
        if isinstance(told, MaterialsDeclared) and told.documents != before:
            self._room.declare(device, told)

    def began(self, kept: Resumed | None) -> None:
        """Take up a lesson's hand-outs, and tell again whoever was to have more of them."""
        if kept is None:
            self.forget()
            for device in self._room.all_devices():
                self._turn(device, self._room.declared.get((device, "materials")))
            return
        self.handouts = {handout.id: handout for handout in kept.handouts}
        self.receipts = {(r.handout, r.device): r for r in kept.receipts}
        self.scopes = self._scopes(kept.handouts)
        for device in self._room.all_devices():
            self._give(device)
            if told := self._room.declared.get((device, "materials")):
                # A device that is in reach says again how far it is: nobody heard it meanwhile.
                self._room.declare(device, told)

    def _turn(self, device: DeviceId, held: Declaration | None) -> None:
        """Tell in this lesson what was withdrawn before: the device may have been away then."""
        if isinstance(held, MaterialsDeclared) and held.lesson != self._room.lesson_id():
            self._room.declared[device, "materials"] = held
            self._room.declare(device, self._declarations([device])[device])

    def _scopes(self, handouts: Collection[HandOut]) -> dict[str, set[DeviceId]]:
        """Return whom each was for: everybody, or whoever was told of it."""
        everybody = set(self._room.all_devices())
        scopes = {
            each.id: everybody.copy() if each.everybody else set[DeviceId]() for each in handouts
        }
        for device in everybody:
            told = self._room.declared.get((device, "materials"))
            for document in told.documents if isinstance(told, MaterialsDeclared) else ():
                scopes.setdefault(document.handout, set()).add(device)
        return scopes

    def forget(self) -> None:
        """Let go: the documents stay with the pupils, the hand-outs in the journal."""
        self.handouts, self.scopes, self.receipts = {}, {}, {}

    def _declarations(self, devices: Collection[DeviceId]) -> dict[DeviceId, Declaration]:
        version, lesson = self._room.versions.next(), self._room.lesson_id()
        return {
            device: MaterialsDeclared(
                version, lesson, self._documents(device), self._withdrawn(device)
            )
            for device in devices
        }

    def _withdrawn(self, device: DeviceId) -> tuple[str, ...]:
        held = self._room.declared.get((device, "materials"))
        known = held.withdrawn if isinstance(held, MaterialsDeclared) else ()
        earlier = [handout for handout in known if handout not in self.handouts]
        back = earlier[-EARLIER_MAX:] + [
            handout.id
            for handout in self.handouts.values()
            if handout.withdrawn and device in self.scopes[handout.id]
        ]
        return tuple(back[-DOCUMENTS_MAX:])

    def _documents(self, device: DeviceId) -> tuple[Document, ...]:
        mine = [
            Document(handout.id, handout.document, handout.name, handout.size)
            for handout in self.handouts.values()
            if not handout.withdrawn and device in self.scopes[handout.id]
        ]
        return tuple(mine[-DOCUMENTS_MAX:])


def name_of(path: Path) -> str:
    """Return what a file is called, as text that can be written down and shown."""
    return path.name.encode(errors="replace").decode()[:NAME_MAX]


def _kept(before: Receipt | None, after: Receipt) -> bool:
    """Return whether a pupil has what an older agent calls withdrawn: it takes no copy back."""
    return before is not None and (before.state, after.state) == ("opened", "withdrawn")
