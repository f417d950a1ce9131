"""Work handed in: asked for by a ticket, fetched, laid into the class's folder, pupil by pupil.

A ticket stays open for devices out of reach: they are asked when they come back, and after a
restart of the app as well, for as long as the lesson lasts.
"""

import asyncio
import logging
import time
from collections.abc import Collection
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, Protocol

from msgspec.structs import replace

from classroom_app.domain.acts import CollectAsked, CollectDone, HandInKept, Resumed
from classroom_app.domain.errors import NoLesson, NotKept, RoomError, StoreFull
from classroom_app.domain.lesson import Changed, DeviceId, PupilId
from classroom_app.services.classroom import Classroom
from device_bridge.materials.errors import DiskFull, MaterialError, Unreadable, from_os
from device_bridge.materials.off_loop import off_loop
from device_bridge.protocol.errors import DeviceError, TryAgain
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.materials import (
    HandInAsked,
    HandInOffered,
    HandInTaken,
    OfferedFile,
)
from device_bridge.protocol.messages import FromDevice

log = logging.getLogger(__name__)

ASK_SECONDS: Final = 60
ASKED_AT_ONCE: Final = 32
"""Devices asked beside each other: each copies its pupil's work before it answers."""
AT_ONCE: Final = 8
"""Devices fetched from beside each other: more would only share the same Wi-Fi."""
FILES_MAX: Final = 50
QUOTA_BYTES: Final = 200 * 1024 * 1024


class Laid(Protocol):
    """Where a file lies now, as `device_bridge.materials.library.Placed`."""

    @property
    def path(self) -> Path: ...


class Fetches(Protocol):
    """Brings a document from a device into the library, verified."""

    async def fetch(self, device: DeviceId, document: bytes, size: int) -> None:
        """Return when the library holds it; raise `DeviceError` where that cannot be.

        `size` is what was offered and counted: another document is not begun.
        """
        ...


class Lays(Protocol):
    """The library; it blocks, so it is called in a worker thread."""

    def place(self, document: bytes, folder: Path, name: str) -> Laid:
        """Lay a copy into `folder` under a safe name that is not taken yet."""
        ...


class Names(Protocol):
    def __call__(self, hostile: str, taken: Collection[str] = ()) -> str:
        """Make one plain entry of a folder of it (`device_bridge.materials.names.safe_name`)."""
        ...


class Collecting:
    """`bulk`: threads for what writes whole files. `folder`: where classes' folders stand."""

    def __init__(
        self,
        room: Classroom,
        fetches: Fetches,
        library: Lays,
        bulk: Executor,
        *,
        folder: Path,
        safe_name: Names,
    ) -> None:
        self._room = room
        self._fetches = fetches
        self._library = library
        self._bulk = bulk
        self._folder = folder
        self._safe_name = safe_name
        self._open: dict[str, set[DeviceId]] = {}
        self._offers: dict[tuple[str, DeviceId], HandInOffered] = {}  # the newest, till it is taken
        self._to_ask: asyncio.Queue[tuple[str, DeviceId]] = asyncio.Queue()
        self._to_fetch: asyncio.Queue[tuple[str, DeviceId]] = asyncio.Queue()
        self._lying: dict[tuple[DeviceId, str, str], HandInKept] = {}
        self._folders: dict[str, str] = {}
        self._moved = asyncio.Event()
        self.trouble: dict[DeviceId, str] = {}
        self.outcomes: dict[DeviceId, CollectDone] = {}
        """What came of the newest ticket of each device."""

    async def collect(self, keys: Collection[str] | None = None, asked_by: str = "") -> Changed:
        """Ask for work; it arrives by and by, each file told by its own act."""
        room, scope = self._room, self._room.scope(keys)
        ticket = room.new_id()
        act = CollectAsked(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            ticket=ticket,
            devices=scope.devices,
        )
        # Open before it is written: a lesson that is ended in just that moment asks for it.
        before = {earlier: devices.copy() for earlier, devices in self._open.items()}
        self._ask_anew(ticket, scope.devices)
        try:
            await room.write(act, {})
        except BaseException:
            self._open = before
            raise
        for device in room.connected(scope.devices):
            self._to_ask.put_nowait((ticket, device))
        return room.changed(scope.devices, asked_by)

    def missing(self) -> frozenset[DeviceId]:
        """Return the devices whose ticket is still open."""
        return frozenset(device for devices in self._open.values() for device in devices)

    async def settled(self, seconds: float) -> None:
        """Wait until nobody in reach has an open ticket, for so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                while self._room.connected(self.missing()):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            log.info("work is still out", extra={"devices": len(self.missing())})

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Note an offer, or ask a device that came back; fetching is `run`'s."""
        match message:
            case Welcome():
                for ticket, devices in self._open.items():
                    if device in devices:
                        self._to_ask.put_nowait((ticket, device))
            case HandInOffered() if device in self._open.get(message.id, ()):
                under_way = (message.id, device) in self._offers
                self._offers[message.id, device] = message
                if not under_way:  # else whoever fetches the older one goes on with this
                    self._to_fetch.put_nowait((message.id, device))
            case _:
                pass  # another feature's, or an offer that nobody asked for

    async def run(self) -> None:
        """Ask and fetch until cancelled, a few devices beside each other."""
        async with asyncio.TaskGroup() as group:
            for number in range(ASKED_AT_ONCE):
                group.create_task(self._ask_all(), name=f"ask-{number}")
            for number in range(AT_ONCE):
                group.create_task(self._fetch_offers(), name=f"collect-{number}")

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Change nothing: work handed in stays with who handed it in."""

    def began(self, kept: Resumed | None) -> None:
        """Take up the tickets that were open; whoever is in reach is asked again."""
        self.forget()
        for act in kept.tickets if kept else ():
            self._ask_anew(act.ticket, act.devices)
            for device in self._room.connected(act.devices):
                self._to_ask.put_nowait((act.ticket, device))
        for laid in kept.handed_in if kept else ():
            self._lies(laid)

    def _ask_anew(self, ticket: str, devices: Collection[DeviceId]) -> None:
        """Open a ticket. What an earlier one still waits for from these devices, this one gets."""
        for earlier in self._open.values():
            earlier.difference_update(devices)
        self._open[ticket] = set(devices)
        for device in devices:
            self.outcomes.pop(device, None)

    def forget(self) -> None:
        self._open, self._lying, self._offers, self._folders = {}, {}, {}, {}

    def _lies(self, act: HandInKept) -> None:
        self._lying[act.device, act.name, act.document] = act
        if act.path:  # not erased
            self._folders[act.pupil or act.device] = Path(act.path).parent.name

    async def _lies_already(self, device: DeviceId, file: OfferedFile) -> HandInKept | None:
        """Return as what this very work was laid down in this lesson, if nobody removed it.

        Whoever sits there now: what was handed in is not the next pupil's work.
        """
        act = self._lying.get((device, file.name, file.document.hex()))
        try:
            there = act is not None and await asyncio.to_thread((self._folder / act.path).is_file)
        except OSError as error:  # a drive that went, a folder that was closed
            raise from_os(error, 0, 0) from error
        return act if there else None

    # Where it fails, the ticket stays open: the device is asked again when it comes back.

    async def _ask_all(self) -> NoReturn:
        while True:
            ticket, device = await self._to_ask.get()
            try:
                await self._ask(ticket, device)
            except (DeviceError, RoomError) as error:
                self._note(device, error)

    async def _fetch_offers(self) -> NoReturn:
        while True:
            ticket, device = await self._to_fetch.get()
            try:
                await self._fetch_newest(ticket, device)
            except TryAgain as error:
                self._note(device, error)
                later = partial(self._again, ticket, device)
                asyncio.get_running_loop().call_later(error.after_seconds, later)
            except (DeviceError, RoomError) as error:
                self._note(device, error)
                self._offers.pop((ticket, device), None)

    def _again(self, ticket: str, device: DeviceId) -> None:
        """Take an offer up once more: its lane ended, or an earlier ticket was fetching the same.

        Whoever is out of reach by then is asked anew on coming back.
        """
        if device in self._open.get(ticket, ()) and self._room.connected((device,)):
            self._to_fetch.put_nowait((ticket, device))
        else:
            self._offers.pop((ticket, device), None)

    async def _ask(self, ticket: str, device: DeviceId) -> None:
        room = self._room
        await room.until_end_known()
        if device not in self._open.get(ticket, ()) or room.lesson is None:
            return
        asked = HandInAsked(ticket, ASK_SECONDS, room.lesson.id, QUOTA_BYTES, FILES_MAX)
        answer = await room.devices.ask(device, asked)
        if answer.state in {"refused", "failed"}:
            await self._done(ticket, device, 0, 0, answer.reason or answer.state)

    async def _fetch_newest(self, ticket: str, device: DeviceId) -> None:
        """Fetch what is offered, and what was offered meanwhile; then the ticket is settled."""
        while offer := self._offers.get((ticket, device)):
            own, failed, why = await self._fetch_all(device, offer)
            if self._offers.get((ticket, device)) is offer:
                await self._done(ticket, device, own, failed, why)
            if self._offers.get((ticket, device)) is offer:
                del self._offers[ticket, device]

    async def _fetch_all(self, device: DeviceId, offer: HandInOffered) -> tuple[int, int, str]:
        """Return how many are this pupil's, how many could not be taken, and why."""
        taken = set[bytes]()
        own, failed, why = 0, 0, ""
        for file in offer.files:
            try:
                lies = await self._lies_already(device, file)
                if lies is None and self._over_quota(device, offer.id, file):
                    failed, why = failed + 1, "too-large"
                    continue
                if lies is None:
                    await self._fetch(device, offer.id, file)
            except DiskFull:
                raise
            except MaterialError as error:
                failed, why = failed + 1, error.reason
                continue
            taken.add(file.document)
            own += lies is None or lies.pupil == self._room.pupil_at(device)
        self._room.devices.tell(device, HandInTaken(offer.id, tuple(taken)))
        return own, failed + offer.left_out, why

    def _over_quota(self, device: DeviceId, ticket: str, file: OfferedFile) -> bool:
        """Tell whether a ticket has enough of a device without it, however often it offers."""
        kept = self._lying.values()
        laid = [act.size for act in kept if (act.device, act.ticket) == (device, ticket)]
        return len(laid) >= FILES_MAX or sum(laid) + file.size > QUOTA_BYTES

    async def _fetch(self, device: DeviceId, ticket: str, file: OfferedFile) -> None:
        room = self._room
        await room.until_end_known()
        lesson, pupil = room.running(), room.pupil_at(device)
        await self._fetches.fetch(device, file.document, file.size)
        if not await room.is_on(lesson.id):
            raise NoLesson
        folder = self._folder_of(device, pupil)
        laid = await off_loop(self._bulk, partial(self._lay, file, self._folder / folder))
        act = HandInKept(
            id=room.new_id(),
            lesson=lesson.id,
            at=room.clock.utc(),
            ticket=ticket,
            device=device,
            class_id=lesson.class_id,
            pupil=pupil,
            name=file.name,
            path=str(folder / laid.path.name),
            document=file.document.hex(),
            size=file.size,
        )
        try:
            await room.write(act, {})
        except NotKept:
            # Not written, so not taken: it is fetched again, and must not lie there twice.
            with suppress(OSError):
                await asyncio.to_thread(laid.path.unlink, missing_ok=True)
            raise
        self._lies(act)
        room.note(device, replace(room.evidence(device), handed_in=True))

    def _lay(self, file: OfferedFile, folder: Path) -> Laid:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os(error, file.size, 0) from error
        return self._library.place(file.document, folder, file.name)

    def _folder_of(self, device: DeviceId, pupil: PupilId) -> Path:
        """Name the folder by class, lesson and pupil, as people do; each part safe on its own.

        A lesson is known by the second of its start: no two of a teacher's have the same one.
        """
        lesson = self._room.running()
        began = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(lesson.started_at))
        named = (self._safe_name(part) for part in (lesson.class_name, began))
        return Path(*named, self._whose(device, pupil))

    def _whose(self, device: DeviceId, pupil: PupilId) -> str:
        """Return the name of a folder that is this pupil's, or this device's, for the lesson."""
        key = pupil or device
        if key not in self._folders:
            taken = set(self._folders.values())
            self._folders[key] = self._safe_name(self._room.name_at(device, pupil), taken)
        return self._folders[key]

    async def _done(
        self, ticket: str, device: DeviceId, files: int, failed: int, reason: str
    ) -> None:
        room = self._room
        await room.until_end_known()
        act = CollectDone(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            ticket=ticket,
            device=device,
            files=files,
            failed=failed,
            reason=reason,
        )
        await room.write(act, {})
        self._open.get(ticket, set[DeviceId]()).discard(device)
        self.trouble.pop(device, None)
        self.outcomes[device] = act
        self._moved.set()
        room.changed((device,))

    def _note(self, device: DeviceId, error: Exception) -> None:
        match error:
            case MaterialError() | Unreadable():
                reason = error.reason
            case StoreFull():  # its disk is the library's
                reason = DiskFull.reason
            case _:
                reason = type(error).__name__
        log.info("work not taken yet", extra={"device": device, "why": reason})
        self.trouble[device] = reason
        self._moved.set()
        self._room.changed((device,))
