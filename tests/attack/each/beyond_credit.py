"""A device sends frames without end and without credit, then promises some and sends none."""

import asyncio
import io
import random
from itertools import count
from time import monotonic
from typing import Final

from PIL import Image

from classroom_app.demo.report import percentiles
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Pulse, Report
from device_bridge.protocol.messages import FromApp, decode_picture_from_app, encode
from device_bridge.protocol.pictures import Frame, Patch, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.watching import Credit, WatchingDeclared
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.wire import Wire
from tests.attack.dialling import Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lying import liar, met
from tests.attack.taught import taught
from tests.attack.wall import OTHER

FLOOD_SECONDS: Final = 8.0
SILENT_SECONDS: Final = 8.0
SIZE: Final = (320, 180)


class Flood:
    """What goes to the wall instead of what was asked for; counts both."""

    def __init__(self) -> None:
        self.sent = self.granted = 0
        self.version = 0
        self.over = asyncio.Event()
        picture = io.BytesIO()
        Image.effect_noise(SIZE, 60).convert("RGB").save(picture, "JPEG")
        self.picture = picture.getvalue()

    def frames(self) -> tuple[Frame, ...]:
        """Make a good one; one of no size; too wide; of an older look; on nothing; no WebP."""
        whole, number = covering(self.picture, *SIZE), count(self.sent + 1)
        old = max(0, self.version - 1)
        return (
            Frame(next(number), self.version, *SIZE, *SIZE, whole),
            Frame(next(number), self.version, 0, 0, 0, 0, covering(self.picture, 0, 0)),
            Frame(next(number), self.version, 8193, 1, 8193, 1, covering(self.picture, 8193, 1)),
            Frame(next(number), old, *SIZE, *SIZE, whole),
            Frame(next(number), self.version, *SIZE, *SIZE, whole[:0], 99_999),
            Frame(1, 0, *SIZE, *SIZE, (Patch(0, 0, *SIZE, "webp", self.picture),)),
        )

    async def carry(self, wire: Wire) -> None:
        async with asyncio.TaskGroup() as halves:
            reading = halves.create_task(self._read(wire))
            until = monotonic() + FLOOD_SECONDS
            while monotonic() < until:
                for frame in self.frames():
                    await wire.send(encode(frame))
                    self.sent += 1
            last = Frame(self.sent + 1, self.version, *SIZE, *SIZE, covering(self.picture, *SIZE))
            await wire.send(encode(last))
            self.over.set()
            await reading

    async def _read(self, wire: Wire) -> None:
        while True:
            match decode_picture_from_app(await wire.receive()):
                case Credit(frames):
                    self.granted += frames
                case _:
                    pass


async def hostile(target: Target, _: random.Random) -> str:
    flood = Flood()

    def answers(link: DeviceLink, message: FromApp) -> None:
        match message:
            case LessonDeclared(version):
                link.pictures.carry = flood.carry
                link.send(Report("presence", version, "on"))
            case LockDeclared(version):
                link.send(Report("attention", version, "free"))
            case WatchingDeclared(version):
                flood.version = version
                link.send(Report("watching", version, "on"))
            case _:
                pass

    async with liar(target, answers) as device:
        link = await met(device)
        async with asyncio.timeout(60):
            await flood.over.wait()
            while flood.granted < flood.sent:  # noqa: ASYNC110 - what TCP held is still read
                await asyncio.sleep(0.1)
        until = monotonic() + SILENT_SECONDS
        while monotonic() < until:
            link.send(Pulse(frame=flood.sent, current=False))
            await asyncio.sleep(1)
    return f"{flood.sent} frames sent, {flood.granted} granted"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground) as (guard, app):
        await app.do("locks")
        seen = await ground.hostile(name, guard)
    shown, worst = app.shown, percentiles(app.shown.lock_ms).p99
    states = [change.state for change in shown.of(OTHER)]
    if not shown.unreadable:
        raise Owed("none was told to be unreadable")
    if "stale" not in states:
        raise Owed(f"frames were promised, none came, and it was shown as {states}")
    return f"{seen}; {shown.unreadable} unreadable; then {states[-2:]}; a lock's p99 {worst:.0f} ms"


ATTACK: Final = Attack(
    "beyond_credit",
    (24,),
    "sends frames without end or credit, of no size or an older look, then promises and sends none",
    hostile,
    run,
    every_time=False,
)
