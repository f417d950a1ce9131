"""A whole classroom without a window: teachers' apps with store, papers and link; real devices.

What is simulated is the pupil's desktop (`SittingSeat`) and the clock; all between is the product.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import SyncState
from classroom_app.domain.lesson import ClassId, DeviceId
from classroom_app.domain.tile import Tile
from classroom_app.own_school import entity_of
from classroom_app.papers import Papers
from classroom_app.presenters.receipts import Receipt
from classroom_app.school import School, boot_seconds
from classroom_app.services.presence import Ended
from classroom_app.storage.keeping import Keeping, open_keeping
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.enrolled import SchoolKept, write_school
from device_bridge.agent.guard.makings import LibraryOptions, Makings
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.pictures import Frame
from device_bridge.trust.identity import Identity, write_private
from tests.guards import FakeSeat, SittingSeat
from tests.papers import signed_papers
from tests.school import SmallSchool, now

CLASS = ClassId("5B")
NOWHERE = "http://127.0.0.1:9"
WAIT_SECONDS = 30.0
"""Beside seven other programs on two cores a handshake takes its second; nothing waits for this."""
ENROLLED_SECONDS = 30 * 86_400
"""A device knows no later moment than its enrolment until a newer statement reaches it."""
_epochs = count(1)


@dataclass(frozen=True)
class Place:
    """A device and whose it is."""

    device: str
    pupil: str = ""
    name: str = ""


@dataclass
class Teacher:
    """A teacher's app, and all that it has said to its window."""

    school: School
    keeping: Keeping
    refused: list[Exception] = field(default_factory=list[Exception])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    synced: list[SyncState] = field(default_factory=list[SyncState])
    ended: list[Ended] = field(default_factory=list[Ended])
    frames: dict[str, int] = field(default_factory=dict[str, int])

    def tile(self, key: str) -> Tile:
        return next(tile for tile in self.school.room.tiles() if tile.key == key)

    def tiles(self, *keys: str) -> list[Tile]:
        return [self.tile(key) for key in keys]

    def here(self, *keys: str) -> bool:
        return all(self.school.room.evidence(self.tile(key).device).frame >= 0 for key in keys)

    def receipt(self) -> Receipt:
        """Return the newest receipt as bar B shows it now."""
        self.school.acts.tell_receipts()
        return self.receipts[-1]

    async def start(self) -> None:
        """Begin the lesson and look at every screen, as a wall does."""
        await self.school.begin(CLASS, 3000)
        self.school.watching.look(dict.fromkeys(self.school.room.all_devices(), (320, 180)))

    async def begin_with(self, *devices: Device) -> None:
        """Begin the lesson, hear of these devices, and wait until each one's picture is here."""
        await self.start()
        meet(self, *devices)
        seen = self.school.room.evidence
        await until(lambda: all(seen(DeviceId(one.id)).frame >= 0 for one in devices), "all here")


def hand_in_of(device: Device) -> Path:
    """Where this device's pupil lays what is handed in, in the lesson that is on.

    The guard makes it half a second after the lesson has begun; this pupil is as quick.
    """
    folder = device.guard.presence.hand_in()
    assert folder is not None, "no lesson there"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def until(condition: Callable[[], object], what: str | Callable[[], str] = "") -> None:
    """Wait for what other ends do; they tell nobody here when it is done."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110 - many ends, no one event
                await asyncio.sleep(0.02)
    except TimeoutError:
        told = what if isinstance(what, str) else what()
        raise AssertionError(f"never: {told}") from None


def enrolled(school: SmallSchool, folder: Path, name: str) -> Folder:
    """Make a folder as the agent's enrolment leaves it."""
    home = Folder(folder)
    home.make()
    school.identity("device", name, begins=now() - ENROLLED_SECONDS).save(home.root)
    assigned = school.assignment(name, issued_at=now() - ENROLLED_SECONDS)
    write_private(home.assignment, assigned.encode())
    root = school.school.root_pem.decode()
    write_school(home, SchoolKept(school.id, "Test school", name, root, school.discovery))
    return home


@asynccontextmanager
async def device(
    school: SmallSchool,
    folder: Path,
    name: str,
    *,
    clock_off_seconds: float = 0.0,
    library: LibraryOptions | None = None,
    seat: type[FakeSeat] = SittingSeat,
) -> AsyncGenerator[Device]:
    """Run one enrolled device with somebody at it, on a port of the loopback."""
    home = enrolled(school, folder, name)
    with ThreadPoolExecutor(2) as workers, bulk_threads() as bulk:
        made = Makings(
            Clock(time.monotonic, lambda: time.time() + clock_off_seconds, "boot-1"),
            lambda: os.urandom(8).hex(),
            os.urandom,
            workers,
            bulk,
            LibraryOptions(reserve_bytes=0) if library is None else library,
        )
        one = Device(home, made, About("test", lambda _: "", lambda: 1.0))
        one.bind(["127.0.0.1"])
        seat(one.guard).sit()
        async with _held(one.run(interfaces=["127.0.0.1"])):
            yield one


async def _unseen(device: DeviceId, frame: Frame) -> bool:
    """Show it to nobody."""
    del device, frame
    return True


@asynccontextmanager
async def teacher(  # noqa: PLR0913 - each is a way to be another teacher
    school: SmallSchool,
    home: Path,
    places: Sequence[Place],
    *,
    name: str = "teacher-1",
    teacher_name: str = "Ms Vidal",
    identity: Identity | None = None,
    grant: str | None = None,
    server: str = NOWHERE,
    interface: str = "127.0.0.1",
    pictured: Callable[[DeviceId, Frame], Awaitable[bool]] = _unseen,
    look_ended: Callable[[DeviceId], None] = lambda _: None,
) -> AsyncGenerator[Teacher]:
    """Run a signed-in teacher's app with a class of `places`; devices are dialled by `meet`."""
    await asyncio.to_thread(home.mkdir, 0o700, exist_ok=True)  # else an app that was killed there
    identity = identity or school.identity("teacher", name, begins=now())
    if grant is None:
        grant = school.grant(identity, name=name, teacher_name=teacher_name, issued_at=now())
    async with AsyncExitStack() as stack:
        keeping = await open_keeping(home)
        stack.push_async_callback(keeping.close)
        await _enter_roster(keeping, places)
        cloud = Cloud(whole_seconds=0.5)
        stack.push_async_callback(cloud.close)
        cloud.resume(server, "a-refresh-token")
        named = {"name": name, "teacher_name": teacher_name, "server": NOWHERE}
        papers = Papers(signed_papers(school, identity, grant=grant, **named), boot_seconds)
        made = _join(keeping, papers, cloud, home, interface, pictured, look_ended)
        stack.callback(made.school.close)
        await stack.enter_async_context(_held(made.school.run()))
        yield made


def meet(teacher: Teacher, *devices: Device) -> None:
    """Let the app hear of these devices at once, as mDNS would a moment later."""
    for one in devices:
        teacher.school.link.sighted(one.id, [("127.0.0.1", one.guard.port)])


def _join(  # noqa: PLR0913, PLR0917 - what makes one is each of its own
    keeping: Keeping,
    papers: Papers,
    cloud: Cloud,
    home: Path,
    interface: str,
    seen: Callable[[DeviceId, Frame], Awaitable[bool]],
    look_ended: Callable[[DeviceId], None],
) -> Teacher:
    refused, receipts = list[Exception](), list[Receipt]()
    synced, ended = list[SyncState](), list[Ended]()
    frames: dict[str, int] = {}

    async def pictured(one: DeviceId, frame: Frame) -> bool:
        frames[one] = frame.number
        return await seen(one, frame)

    joined = School(
        keeping,
        papers,
        cloud,
        home,
        [interface],
        touched=lambda _: None,
        pictured=pictured,
        refused=refused.append,
        ended=ended.append,
        synced=synced.append,
        told=receipts.append,
        look_ended=look_ended,
    )
    return Teacher(joined, keeping, refused, receipts, synced, ended, frames)


async def _enter_roster(keeping: Keeping, places: Sequence[Place]) -> None:
    """Lay the class into the store as the sync does."""
    pupils = {place.pupil: place for place in places if place.pupil}
    rows = [
        ClassRow(CLASS, "5e B"),
        *(
            PupilRow(
                pupil, CLASS, (place.name or pupil)[:64], "Test", (place.name or pupil)[:64], seat
            )
            for seat, (pupil, place) in enumerate(pupils.items(), start=1)
        ),
        *(DeviceRow(place.device, CLASS, place.device, "test", place.pupil) for place in places),
    ]
    changes = tuple(Change(n, entity_of(row), row.id, row) for n, row in enumerate(rows, 1))
    epoch = f"epoch-{next(_epochs)}"
    assert await keeping.apply(f"class:{CLASS}", epoch, changes, "on", len(rows), "")


@asynccontextmanager
async def _held(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Hold `work` until the block ends; the block's own failure comes out as it is."""
    failed: list[Exception] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again, outside the group
            failed.append(error)
        task.cancel()
    if failed:
        raise failed[0]
