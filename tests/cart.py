"""A cart of two devices that know nobody, for tests of the services."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from classroom_app.domain.acts import Act, Declared
from classroom_app.domain.errors import StoreFull
from classroom_app.domain.lesson import ClassId, Device, DeviceId, Lesson, LessonId, Pupil, PupilId
from classroom_app.domain.lesson import Roster as ClassRoster
from classroom_app.domain.versions import Versions
from classroom_app.services.classroom import Classroom
from classroom_app.services.ports import Tells
from classroom_app.services.seats import Seats
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.messages import Command, Declaration
from device_bridge.protocol.presence import LessonDeclared

LINA, TOM, NOBODY = PupilId("lina"), PupilId("tom"), PupilId("")
ONE, TWO = DeviceId("d1"), DeviceId("d2")


@dataclass
class FakeDevices:
    """Keeps what was declared to each device, newest last."""

    declared: dict[str, list[Declaration]] = field(default_factory=dict[str, list[Declaration]])
    heard: Callable[[], None] = lambda: None
    told: list[tuple[str, object]] = field(default_factory=list[tuple[str, object]])

    def keep(self, device: str) -> None: ...

    def forget(self, device: str) -> None: ...

    def declare(self, device: str, declaration: Declaration) -> None:
        self.declared.setdefault(device, []).append(declaration)
        self.heard()

    def show_papers(self) -> None: ...

    def tell(self, device: str, message: Tells) -> None:
        self.told.append((device, message))

    async def ask(self, device: str, command: Command) -> Answer:
        del device
        return Answer(command.id, "done")


@dataclass
class FakeJournal:
    """Keeps acts; `full` refuses as a full disk does, `turning` is clear while the disk is busy."""

    acts: list[Act] = field(default_factory=list[Act])
    full: bool = False
    turning: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.turning.set()

    async def remember(self, act: Act, declared: Sequence[Declared] = ()) -> bool:
        del declared
        await self.turning.wait()
        if self.full:
            raise StoreFull
        if any(kept.id == act.id for kept in self.acts):
            return False
        self.acts.append(act)
        return True


@dataclass
class FakeClock:
    """Seconds of the room; a test moves them by hand."""

    at: float = 100.0

    def seconds(self) -> float:
        return self.at

    def utc(self) -> int:
        return 1_800_000_000

    def boot(self) -> float:
        return 0.0


class Cart:
    """Two devices that know nobody, and two pupils."""

    def __init__(self) -> None:
        self.devices, self.journal = FakeDevices(), FakeJournal()
        self.touched = asyncio.Event()
        self.clock = FakeClock()
        ids = count(1)
        self.room = Classroom(
            devices=self.devices,
            journal=self.journal,
            clock=self.clock,
            new_id=lambda: f"act-{next(ids)}",
            versions=Versions(0),
            touched=lambda _: self.touched.set(),
        )
        pupils = (Pupil(LINA, "Lina", "Lina", "L"), Pupil(TOM, "Tom", "Tom", "T"))
        devices = (Device(ONE, "Tablet 1", "test"), Device(TWO, "Tablet 2", "test"))
        self.room.roster = ClassRoster(ClassId("c"), "5B", "", pupils, devices)
        self.room.lesson = Lesson(
            LessonId("l"), ClassId("c"), "5B", "Claire", 1_800_000_000, 1_800_003_600
        )
        self.seats = Seats(self.room, ())

    def sit(self) -> dict[str, str]:
        return {device: self.room.pupil_at(device) for device in (ONE, TWO)}

    def told(self, device: str) -> LessonDeclared:
        newest = self.devices.declared[device][-1]
        assert isinstance(newest, LessonDeclared)
        return newest
