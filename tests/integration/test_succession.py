"""The school's root is stolen and succeeded: real devices and apps, over real links."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from device_bridge.agent.guard.enrolled import read_enrolment, read_school, write_school
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.session.carry_over import Heir
from device_bridge.session.dial import dial, judge_device
from device_bridge.session.room import Room as Links
from device_bridge.trust.identity import Identity, dialler_context
from device_bridge.trust.revocation import DenyLists
from device_bridge.trust.succession import Line
from tests.integration.test_guard_device import Room, enrolled, running
from tests.linked import App
from tests.linked import running as linked
from tests.school import NOW, SmallSchool, mandate_for
from tests.successions import Standby

pytestmark = pytest.mark.real_loop
DEVICE = "device-1"
LESSON = LessonDeclared(1, 600, "on", "lesson-1", "5B", "5B", "Ms Vidal", pupil="p1")
LOCK = LockDeclared(1, locked=True, lease_seconds=600)
STANDBY, NEXT, NEW = Standby(), Standby(), SmallSchool()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = enrolled(tmp_path)
    write_school(room.folder, replace(read_school(room.folder), standby=STANDBY.thumbprint))
    return room


@dataclass
class Inherited:
    """What an app knows of the old root; `signs` where it is the school itself."""

    successions: tuple[str, ...]
    before: Sequence[Heir] = ()
    signs: bool = False
    epoch: int = 1

    def heirs(self) -> Sequence[Heir]:
        return self.before

    def papers_for(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        if not self.signs:
            return "", ""
        certificate = NEW.identity("device", device, public=key).certificate_pem.decode()
        return certificate, NEW.assignment(device)


@asynccontextmanager
async def app_of(
    school: SmallSchool, teacher: Identity, inherited: Inherited, port: int
) -> AsyncGenerator[tuple[App, Links]]:
    """Run an app that keeps the device."""
    app = App(grant_=school.grant(teacher), mandate_=mandate_for(teacher))
    app.deny_lists = DenyLists(school.school)
    links = Links(
        identity=teacher,
        school=school.school,
        papers=app,
        hears=app,
        floor=lambda: NOW,
        bulk=app,
        jitter=random.Random(1).random,  # noqa: S311 - spreads retries
        inherits=inherited,
    )
    links.keep(DEVICE)
    async with linked(links):
        links.sighted(DEVICE, [("127.0.0.1", port)])
        yield app, links


def named(room: Room) -> str:
    return STANDBY.names(Line(room.school.school, STANDBY.thumbprint), NEW, NEXT)


async def is_refused(who: Identity, school: SmallSchool, port: int) -> bool:
    """Tell whether the device hangs up on `who`."""
    context = dialler_context(who, school.school)
    try:
        await dial(
            [("127.0.0.1", port)], "/control", context, judge_device(DEVICE, school.school, NOW)
        )
    except (DeviceError, OSError):
        return True
    return False


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - the device is looked at, as a person does
            await asyncio.sleep(0.02)


async def test_a_stolen_root_can_do_nothing_once_a_colleague_carried_its_end(room: Room) -> None:
    colleague = room.school.identity("teacher", "teacher-1")
    thief = room.school.identity("teacher", "the-thief")
    inherited = Inherited((), epoch=0)
    async with running(room) as device:
        port = device.guard.port
        async with app_of(room.school, colleague, inherited, port) as (app, links):
            await app.until(lambda: app.ups)
            links.declare(DEVICE, LESSON)
            links.declare(DEVICE, LOCK)
            await until(lambda: device.guard.attention.held.locked)
            inherited.successions, inherited.epoch = (named(room),), 1
            links.carry()
            await until(lambda: read_enrolment(room.folder).outdated)
            assert not device.guard.attention.held.locked  # it was the old root's
            assert not device.guard.presence.held.on
            assert device.guard.ground.classes() == ()
            await app.until(lambda: app.goners)
        assert await is_refused(thief, room.school, port)
        # Not even one who plays the new school's device's part in TLS is let in by the old name.
        assert await is_refused(thief, NEW, port)
    async with running(room) as again:  # a restart brings nothing back
        assert await is_refused(thief, room.school, again.guard.port)
        assert again.guard.ground.classes() == ()


async def test_the_school_itself_reaches_a_device_of_before_and_gives_it_its_papers(
    room: Room,
) -> None:
    before = Heir(room.teacher, room.school.school)
    teacher = NEW.identity("teacher", "teacher-1")
    inherited = Inherited((named(room),), (before,), signs=True)
    async with running(room) as device:
        async with app_of(NEW, teacher, inherited, device.guard.port) as (app, links):
            await app.until(lambda: app.ups)
            assert not read_enrolment(room.folder).outdated
            links.declare(DEVICE, LESSON)
            await until(lambda: device.guard.presence.held.on)
        assert await is_refused(room.teacher, room.school, device.guard.port)


async def test_a_device_whose_papers_were_lost_on_the_way_is_given_them_at_the_next_meeting(
    room: Room,
) -> None:
    before = Heir(room.teacher, room.school.school)
    async with running(room) as device:
        device.follow([named(room)])
        assert read_enrolment(room.folder).outdated
        inherited = Inherited((named(room),), (before,), signs=True)
        teacher = NEW.identity("teacher", "teacher-1")
        async with app_of(NEW, teacher, inherited, device.guard.port) as (app, _):
            await app.until(lambda: app.ups)
        assert not read_enrolment(room.folder).outdated
