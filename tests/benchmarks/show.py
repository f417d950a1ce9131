"""One screen shown to a class: frames, encodes, bytes, and what a slow receiver costs the others.

`python -m tests.benchmarks.show --devices 30`. The app's end is this process: a real `Showing`
service, `ScreenSource` (raw 1920 x 1080 pages, drawn ahead; the encoder is the product's own), a
real `Room` and TLS links. The devices live in processes at nice 10: each a real guard behind its
own port; the seat's part decodes every tenth frame as a real seat does. All share the machine.

- "moving": every frame differs, as a video in a window does; `frames_per_second` is the lowest of
  all receivers, `encodes_per_frame` is how often the encoder really ran for each patch that a
  frame has.
- "changing": pages half text and half picture that flip each second; what one receiver was sent is
  `bytes_per_second_per_receiver`.
- "still": one page that stays: `bytes_per_second_still` is all that the loopback carried for each:
  the words of the show, pulses, TLS, TCP and what else there was.
- "throttled": as "moving", one receiver behind a proxy of 1 Mbit/s: `frames_per_second_others`.
"""

# pyright: reportPrivateUsage=false
# It counts where the program keeps no count.

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

from PIL import Image, ImageDraw, ImageFont
from zeroconf.asyncio import AsyncZeroconf

from classroom_app.domain.lesson import DeviceId
from classroom_app.media.screen import ScreenSource
from device_bridge.agent.capabilities import Picture
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.makings import Makings
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.pictures import encode
from device_bridge.pictures.apart import Apart
from device_bridge.pictures.canvas import BadPicture, OutOfStep
from device_bridge.pictures.raster import resized
from device_bridge.protocol.pictures import Frame, Patch, bytes_of
from device_bridge.protocol.seat import ToSeat
from tests.benchmarks.cost import cpu_seconds, loopback_bytes
from tests.benchmarks.report import report
from tests.guards import SittingSeat
from tests.school import SmallSchool
from tests.teaching import CLASS, Place, Teacher, enrolled, teacher, until

HERE = "127.0.0.1"
SIZE = (1920, 1080)
PROCESSES = 3
NICE = 10
SETTLE_SECONDS = 3.0
DECODED = 10
THROTTLE_BYTES = 125_000
PAGES = 6
MOVING = 20


# The devices' processes.


class Receiver(SittingSeat):
    """A seat that counts what it is shown, and decodes every tenth frame's patches."""

    frames = taken = bad = 0
    apart = Apart()
    decoding = ThreadPoolExecutor(1)

    def tell(self, message: ToSeat) -> None:
        if isinstance(message, Frame):
            self.frames += 1
            self.taken += bytes_of(message.patches)
            if self.frames % DECODED == 0:
                self.decoding.submit(self._decode, message, asyncio.get_running_loop())
                return
        super().tell(message)

    def _decode(self, frame: Frame, loop: asyncio.AbstractEventLoop) -> None:
        """Decode what came, on a ground of its own: receivers share one process to decode."""
        with suppress(OutOfStep):
            try:
                whole = Frame(1, 1, *SIZE, *SIZE, frame.patches)
                self.apart.decode(whole, SIZE, 1)
            except BadPicture:
                self.bad += 1
        loop.call_soon_threadsafe(super().tell, frame)


async def hold(folders: Sequence[Path]) -> None:
    """Run the devices that live in `folders`; answer each line of input with their counts."""
    os.nice(NICE)
    async with AsyncExitStack() as stack:
        workers = stack.enter_context(ThreadPoolExecutor(2))
        bulk = stack.enter_context(bulk_threads())
        zeroconf = AsyncZeroconf(interfaces=[HERE])
        stack.push_async_callback(zeroconf.async_close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks: list[asyncio.Task[None]] = []
        seats: dict[str, Receiver] = {}
        for folder in folders:
            makings = Makings(
                system_clock(), lambda: os.urandom(8).hex(), os.urandom, workers, bulk
            )
            device = Device(Folder(folder), makings, About("bench", lambda _: "", lambda: 1.0))
            port = device.bind([HERE])
            seats[folder.name] = Receiver(device.guard)
            seats[folder.name].sit()
            tasks.append(group.create_task(device.run(zeroconf, [HERE])))
            print(port, flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            told = {name: (seat.frames, seat.taken, seat.bad) for name, seat in seats.items()}
            print(json.dumps([time.monotonic(), told]), flush=True)
        Receiver.apart.end()
        for task in tasks:
            task.cancel()


class Held:
    """One such process."""

    def __init__(self, process: Process, ports: dict[str, int]) -> None:
        self.process, self.ports = process, ports

    async def ask(self) -> tuple[float, dict[str, list[int]]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        at, told = json.loads(await self.process.stdout.readline())
        return at, told

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


async def holding(folder: Path, share: Sequence[str]) -> Held:
    command = [sys.executable, "-m", "tests.benchmarks.show", "--hold"]
    command += [str(folder / device) for device in share]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    return Held(process, {each: int(await process.stdout.readline()) for each in share})


# What is shown.


def photograph(seed: int, size: tuple[int, int]) -> Image.Image:
    """Draw what compresses like a photograph: soft light, many shapes, a little grain."""
    chance = random.Random(seed)  # noqa: S311 - any picture
    small = Image.frombytes("RGB", (24, 28), chance.randbytes(24 * 28 * 3))
    image = resized(small, size)
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, r = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(6, 70)
        pen.ellipse((x - r, y - r, x + r, y + r), tuple(chance.randbytes(3)))
    grain = Image.effect_noise(size, 14).convert("RGB")
    return Image.blend(image, grain, 0.06)


def page(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw a page, the left half text and the right one a picture."""
    chance = random.Random(seed)  # noqa: S311 - any text
    image = Image.new("RGB", size, (252, 252, 249))
    pen, face = ImageDraw.Draw(image), ImageFont.load_default(20)
    half = size[0] // 2
    for top in range(40, size[1] - 40, 30):
        words = " ".join(
            "".join(chance.choices("aaeeeinorstlumdpc", k=chance.randrange(2, 10)))
            for _ in range(16)
        )
        pen.text((40, top), words[:82], (25, 25, 30), font=face)
    image.paste(photograph(seed, (half - 60, size[1] - 80)), (half + 20, 40))
    return image


def raw(image: Image.Image) -> Picture:
    return Picture(*image.size, "BGRX", image.tobytes("raw", "BGRX"))


def moving(ground: Image.Image) -> list[Picture]:
    """Return a page on which something 400 x 400 moves in each frame."""
    ring: list[Picture] = []
    for at in range(MOVING):
        image = ground.copy()
        image.paste(photograph(at + 900, (400, 400)), (1100 + 12 * at, 300 + 10 * at))
        ring.append(raw(image))
    return ring


class Screen:
    """The teacher's screen; `shows` says which page now."""

    def __init__(self) -> None:
        pages = [page(seed) for seed in range(PAGES)]
        self.pages = [raw(each) for each in pages]
        self.ring = moving(pages[0])
        self.shows: Callable[[], Picture] = lambda: self.pages[0]
        self._at = 0

    def grab(self) -> Picture:
        return self.shows()

    def turns(self) -> Picture:
        return self.pages[int(time.monotonic()) % PAGES]

    def moves(self) -> Picture:
        self._at = (self._at + 1) % MOVING
        return self.ring[self._at]


# A thin line.


class Throttle:
    """A proxy that lets `THROTTLE_BYTES` a second through to one device."""

    def __init__(self, port: int) -> None:
        self._to, self.port = port, 0
        self._ends: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, HERE, 0, limit=16 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HERE, self._to, limit=16 * 1024)
        self._ends += [writer, back]
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(_pipe(reader, back, THROTTLE_BYTES))
                halves.create_task(_pipe(there, writer, THROTTLE_BYTES))
        except* OSError:
            pass
        finally:
            for end in (writer, back):
                end.transport.abort()


async def _pipe(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_second: int
) -> None:
    while piece := await reader.read(4096):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(len(piece) / bytes_per_second)
    raise ConnectionResetError


# The measurement.


class Bench:
    def __init__(self, app: Teacher, held: Sequence[Held], screen: Screen) -> None:
        self.app, self.held, self.screen = app, held, screen
        self.source = ScreenSource(screen.grab)
        self.encodes = self.offered = 0
        self._count()

    def _count(self) -> None:
        """Count each real encode, and each patch that goes out in a frame."""
        really, showing = encode._patch, self.app.school.showing
        offer = showing._carries.offer

        def counted(*args: Any) -> Patch:  # noqa: ANN401 - what it counts takes
            self.encodes += 1
            return really(*args)

        def offered(frame: Frame) -> None:
            self.offered += len(frame.patches)
            offer(frame)

        encode._patch = counted
        showing._carries.offer = offered

    async def counts(self) -> tuple[float, dict[str, list[int]]]:
        told = [await each.ask() for each in self.held]
        return told[0][0], {name: row for _, rows in told for name, row in rows.items()}

    async def measured(
        self, shows: Callable[[], Picture], seconds: float
    ) -> tuple[dict[str, float], dict[str, float], float]:
        """Show so; return frames and bytes a second of each receiver, and encodes a frame."""
        self.screen.shows = shows
        await asyncio.sleep(SETTLE_SECONDS)
        began, before = await self.counts()
        encodes, offered = self.encodes, self.offered
        await asyncio.sleep(seconds)
        ended, after = await self.counts()
        took = ended - began
        rate = {name: (after[name][0] - row[0]) / took for name, row in before.items()}
        flow = {name: (after[name][1] - row[1]) / took for name, row in before.items()}
        made = (self.encodes - encodes) / max(1, self.offered - offered)
        return rate, flow, made

    async def still(self, page: Picture, seconds: float) -> float:
        """Show a picture that stays; return all bytes a second on the loopback, a receiver."""
        self.screen.shows = lambda: page
        await asyncio.sleep(SETTLE_SECONDS)
        began, before = time.monotonic(), loopback_bytes()
        await asyncio.sleep(seconds)
        carried, took = loopback_bytes() - before, time.monotonic() - began
        return carried / took / sum(len(each.ports) for each in self.held)


async def measure(bench: Bench, seconds: float, slow: str) -> dict[str, float]:
    """Measure all four; the link of `slow` is throttled from the last but one on."""
    app, screen, showing = bench.app, bench.screen, bench.app.school.showing
    await showing.start(bench.source, "full", None, SIZE)
    asked = len(bench.app.school.room.all_devices())
    await until(lambda: showing.counted().shown == asked, lambda: f"shown: {showing.counted()}")
    own, theirs = os.getpid(), [each.process.pid for each in bench.held]
    cpu = [cpu_seconds(pid) for pid in (own, *theirs)]
    began = time.monotonic()
    rate, flow, made = await bench.measured(screen.moves, seconds)
    took = time.monotonic() - began
    used = [cpu_seconds(pid) - was for pid, was in zip((own, *theirs), cpu, strict=True)]
    figures = {
        "frames_per_second": min(rate.values()),
        "encodes_per_frame": made,
        "bytes_per_second_moving": max(flow.values()),
        "app_cpu_cores": used[0] / took,
        "receivers_cpu_cores": sum(used[1:]) / took,
    }
    _, flow, _ = await bench.measured(screen.turns, seconds)
    figures["bytes_per_second_per_receiver"] = max(flow.values())
    figures["bytes_per_second_still"] = await bench.still(screen.pages[0], seconds)
    ports = {name: port for each in bench.held for name, port in each.ports.items()}
    async with Throttle(ports[slow]) as line:
        room = app.school.link
        room.forget(slow)
        room.keep(slow)
        room.sighted(slow, [(HERE, line.port)])
        for declared in [one for (at, _), one in app.school.room.declared.items() if at == slow]:
            room.declare(slow, declared)
        await asyncio.sleep(SETTLE_SECONDS)
        rate, _, _ = await bench.measured(screen.moves, seconds)
        room.forget(slow)
    figures["frames_per_second_throttled"] = rate.pop(slow)
    figures["frames_per_second_others"] = min(rate.values())
    return figures


async def run(devices: int, seconds: float) -> dict[str, float]:
    school = SmallSchool()
    names = [f"device-{at}" for at in range(devices)]
    places = tuple(Place(name, f"p{at}") for at, name in enumerate(names))
    with tempfile.TemporaryDirectory(prefix="pupitre-show-") as folder:
        home = Path(folder)
        for name in names:
            enrolled(school, home / name, name)
        held = [await holding(home, names[at::PROCESSES]) for at in range(PROCESSES)]
        try:
            async with teacher(school, home / "app", places) as app:
                await app.school.begin(CLASS, 3000)
                for each in held:
                    for name, port in each.ports.items():
                        app.school.link.sighted(name, [(HERE, port)])
                seen = app.school.room.evidence
                await until(
                    lambda: all(seen(DeviceId(name)).up_since is not None for name in names),
                    "linked",
                )
                bench = Bench(app, held, Screen())
                try:
                    figures = await measure(bench, seconds, names[-1])
                finally:
                    bench.source.close()
        finally:
            for each in held:
                await each.end()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--hold", nargs="+", type=Path)
    args = parser.parse_args()
    if args.hold:
        asyncio.run(hold(args.hold))
        return
    figures = asyncio.run(run(args.devices, args.seconds))
    report("show", {"devices": args.devices, "seconds": args.seconds}, figures)


if __name__ == "__main__":
    main()
