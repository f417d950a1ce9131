"""Both ends of the link over real loopback TLS, for tests.

A device that remembers what it was told and an app that remembers what it heard.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from device_bridge.protocol.hello import Hello, Welcome
from device_bridge.protocol.messages import FromApp, FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.gate import Law
from device_bridge.session.listen import Listener
from device_bridge.session.room import Room
from device_bridge.session.wire import Wire
from device_bridge.trust.identity import Identity
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import DenyLists
from tests.school import NOW, SmallSchool, mandate_for

WAIT_SECONDS = 30.0


@dataclass
class Heard:
    """Something arrived: tests wait for a condition, never for a time."""

    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()


@dataclass
class Earth(Heard):
    """A device's time and place; tests move both."""

    boot_now: float = 1000.0
    floor_now: float = NOW
    serves: tuple[str, ...] = ("5B",)
    signed: list[int] = field(default_factory=list[int])

    def boot(self) -> float:
        return self.boot_now

    def floor(self) -> float:
        return self.floor_now

    def classes(self) -> tuple[str, ...]:
        return self.serves

    def signed_at(self, issued_at: int) -> None:
        self.signed.append(issued_at)


@dataclass
class Device(Heard):
    """A `Host` that remembers."""

    name: str = "dev-1"
    boot: str = "boot-1"
    links: list[DeviceLink] = field(default_factory=list[DeviceLink])
    said: list[FromApp] = field(default_factory=list[FromApp])
    lost_links: list[DeviceLink] = field(default_factory=list[DeviceLink])
    piped: list[bytes] = field(default_factory=list[bytes])
    suspicions: list[str] = field(default_factory=list[str])
    deny_lists: list[str] = field(default_factory=list[str])
    followed: list[str] = field(default_factory=list[str])
    ended: list[DeviceLink] = field(default_factory=list[DeviceLink])
    answers: Callable[[DeviceLink, FromApp], None] = lambda _link, _message: None

    def welcome(self, link: DeviceLink, hello: Hello) -> Welcome:
        del hello
        self.links.append(link)
        self.note()
        return Welcome(1, self.name, self.boot, "agent 1", "test", bytes(32), bytes(16))

    def told(self, link: DeviceLink, message: FromApp) -> None:
        self.said.append(message)
        self.answers(link, message)
        self.note()

    def lost(self, link: DeviceLink) -> None:
        self.links.remove(link)
        self.lost_links.append(link)
        self.note()

    def suspected(self, link: DeviceLink, why: str) -> None:
        assert link.papers is not None, "a link is handed out with papers only"
        self.suspicions.append(why)
        self.note()

    def denied(self, deny_list: str) -> None:
        self.deny_lists.append(deny_list)
        self.note()

    def revoked(self, link: DeviceLink) -> None:
        self.ended.append(link)
        self.note()

    def follow(self, successions: Sequence[str], certificate: str, assignment: str) -> None:
        del certificate, assignment
        self.followed.extend(successions)
        self.note()

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        del link
        while True:
            self.piped.append(await wire.receive())
            self.note()
            await wire.send(self.piped[-1][::-1])

    async def showing(self, link: DeviceLink, wire: Wire) -> None:
        del link
        await wire.receive()


@dataclass
class App(Heard):
    """`Hears`, `Papers` and `ServesBulk` that remember. `deny_list`: what it has at the start."""

    ups: list[str] = field(default_factory=list[str])
    heard_: list[FromDevice] = field(default_factory=list[FromDevice])
    frames: list[Frame] = field(default_factory=list[Frame])
    goners: list[str] = field(default_factory=list[str])
    twins: list[str] = field(default_factory=list[str])
    grant_: str = ""
    mandate_: str = ""
    deny_list: str = ""
    deny_lists: DenyLists = field(init=False)

    def up(self, device: str, welcome: Welcome) -> None:
        del welcome
        self.ups.append(device)
        self.note()

    def heard(self, device: str, message: FromDevice) -> None:
        del device
        self.heard_.append(message)
        self.note()

    async def framed(self, device: str, frame: Frame) -> None:
        del device
        self.frames.append(frame)
        self.note()

    def twin(self, device: str) -> None:
        self.twins.append(device)
        self.note()

    def alone(self, device: str) -> None: ...

    def gone(self, device: str, why: str) -> None:
        del device
        self.goners.append(why)
        self.note()

    def grant(self) -> str:
        return self.grant_

    def mandate(self) -> str:
        return self.mandate_

    def urgent(self, device: str, *, under_way: bool) -> None:
        del device, under_way

    async def serve(self, device: str, wire: Wire) -> None:
        del device, wire
        await asyncio.Event().wait()


@dataclass
class Scene:
    """One school, one device that listens, one teacher."""

    school: SmallSchool
    earth: Earth
    device: Device
    identity: Identity
    listener: Listener
    teacher: Identity
    app: App
    room: Room

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.listener.port


def room_for(school: SmallSchool, teacher: Identity, app: App) -> Room:
    """Make the app's end for a teacher, with papers of the usual lesson."""
    app.grant_ = app.grant_ or school.grant(teacher)
    app.mandate_ = app.mandate_ or mandate_for(teacher)
    app.deny_lists = DenyLists(school.school, app.deny_list)
    return Room(
        identity=teacher,
        school=school.school,
        papers=app,
        hears=app,
        floor=lambda: NOW,
        bulk=app,
        jitter=random.Random(1).random,  # noqa: S311 - spreads retries
    )


def listener_for(school: SmallSchool, identity: Identity, device: Device, earth: Earth) -> Listener:
    lists = DenyLists(school.school)
    law = Law(device.name, school.school, earth, Mandates(earth.boot), lists)
    chance = random.Random(2)  # noqa: S311 - no secret in a test
    return Listener(identity, law, device, random_bytes=chance.randbytes)


@asynccontextmanager
async def running(*parts: Listener | Room) -> AsyncGenerator[None]:
    """Run parts until the block ends. A failure of the block comes out as it is."""
    failed: list[Exception] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part.run()) for part in parts]
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again, outside the group
            failed.append(error)
        for task in tasks:
            task.cancel()
    if failed:
        raise failed[0]


@asynccontextmanager
async def scene(
    *, app: App | None = None, earth: Earth | None = None, device: Device | None = None
) -> AsyncGenerator[Scene]:
    """Set up both ends; the room keeps and has sighted the device."""
    school = SmallSchool()
    earth, device, app = earth or Earth(), device or Device(), app or App()
    identity = school.identity("device", device.name)
    listener = listener_for(school, identity, device, earth)
    listener.bind(["127.0.0.1"])
    teacher = school.identity("teacher", "teacher-1")
    room = room_for(school, teacher, app)
    room.keep(device.name)
    whole = Scene(school, earth, device, identity, listener, teacher, app, room)
    async with running(listener, room):
        room.sighted(device.name, [whole.address])
        yield whole
