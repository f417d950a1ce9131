"""The wall beside Veyon 4.7: the same pages on real X screens, in networks of their own.

`python -m tests.benchmarks.wall --devices 8 --peer veyon`. Each device is a 1920x1080 Xvfb on
which a page turns each second, and a network namespace; first with `pupitre-agent`s and the app's
window, then, on fresh screens, with `veyon-server`s and `veyon-master` at its own tile size.
Bytes are what the teacher's cable carried, CPU is the system's account of the processes: the app
with its decoders or the master; all of an agent or of a server. Veyon's frames shown are the
changes of its tiles on its screen, looked at five times a second; ours are those that came.

A tile's pixels are compared by SSIM with each page of the device's real screen, scaled by Lanczos
to the tile's size; the best match is the page it shows. Veyon's settings lie in a mount of our own
and are gone afterwards. Needs root; without Veyon it runs alone and says so.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image

from classroom_app.demo.desktops import Desktop
from classroom_app.demo.evidence import until
from classroom_app.demo.pupils import LOOPBACK, Pupils
from classroom_app.demo.stage import Child, Stage
from classroom_app.demo.world import World
from device_bridge.agent.capabilities import Picture
from device_bridge.agent.platform.x11_capture import X11Capture
from tests.benchmarks.cost import children, cpu_of, family
from tests.benchmarks.on_screen import PAGES, black_screen, show
from tests.benchmarks.pages import Kind
from tests.benchmarks.played import PatientStage, lesson
from tests.benchmarks.ssim import ssim
from tests.namespaces import Classroom, Machine, NoNamespaces, classroom

NEEDED: Final = ("veyon-cli", "veyon-server", "veyon-master", "Xvfb", "openbox")
SETTINGS: Final = (Path("/etc/veyon"), Path("/etc/xdg/Veyon Solutions"))
NET: Final = "10.9.0"
TILE: Final = 130
SETTLE_SECONDS: Final = 6.0
COMES_SECONDS: Final = 120.0
SAMPLE_SECONDS: Final = 0.2
EDGE: Final = 4  # of a tile, not compared: frames and round corners stand there
LIKENESS_TILES: Final = 4

Box = tuple[int, int, int, int]


@dataclass
class RoomStage(PatientStage):
    """Starts the parts of the demo each on its own machine, found by the child's name."""

    machines: Mapping[str, Machine] = field(default_factory=dict[str, Machine])

    async def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        nice: bool = False,
    ) -> Child:
        part = name.removesuffix("-enrol").removesuffix("-agent").removesuffix("-veyon")
        if machine := self.machines.get(part):
            address = machine.addresses["net0"]
            command = [address if word == LOOPBACK else word for word in command]
            if part == "mdm":
                command = [*command, "--host", address]
            command = machine.command(*command)
        return await super().start(name, command, env, nice=nice)


@dataclass
class Room:
    """The machines of one class; `parts` says which child of a stage runs where."""

    teacher: Machine
    devices: list[Machine]
    parts: dict[str, Machine]


def _room(made: Classroom, count: int) -> Room:
    switch = made.switch()
    teacher = made.machine([(switch, f"{NET}.1")])
    server = made.machine([(switch, f"{NET}.2")])
    devices = [made.machine([(switch, f"{NET}.{21 + number}")]) for number in range(count)]
    parts = {f"real-{number}": machine for number, machine in enumerate(devices)}
    return Room(teacher, devices, parts | {"app": teacher, "mdm": server, "master": teacher})


def _cable_bytes(machine: Machine) -> int:
    folder = "/sys/class/net/net0/statistics"
    command = machine.command("cat", f"{folder}/rx_bytes", f"{folder}/tx_bytes")
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return sum(map(int, told.stdout.split()))


class Meter:
    """What one side cost between its making and `figures`."""

    def __init__(self, teacher: Machine, app: Sequence[int], devices: Sequence[int]) -> None:
        self._teacher, self._app, self._devices = teacher, app, devices
        self._cpu = cpu_of(app), cpu_of(devices)
        self._bytes, self._began = _cable_bytes(teacher), time.monotonic()

    def figures(self, count: int) -> dict[str, float]:
        took = time.monotonic() - self._began
        return {
            "bytes_per_second": (_cable_bytes(self._teacher) - self._bytes) / took,
            "teacher_cpu_cores": (cpu_of(self._app) - self._cpu[0]) / took,
            "device_cpu_cores": (cpu_of(self._devices) - self._cpu[1]) / took / count,
            "seconds": took,
        }


def _screen(display: str) -> Image.Image:
    with closing(X11Capture(time.monotonic, display)) as eye:
        return _seen(eye)


def _seen(eye: X11Capture) -> Image.Image:
    shot = eye.grab(0)
    assert isinstance(shot, Picture)
    size = (shot.width, shot.height)
    return Image.frombytes("RGB", size, shot.pixels, "raw", shot.layout)


async def _true_pages(display: str) -> list[Image.Image]:
    """Return what the device's real screen shows, once a page."""
    seen: dict[bytes, Image.Image] = {}
    until_ = time.monotonic() + 2 * PAGES
    while len(seen) < PAGES and time.monotonic() < until_:
        # In the middle of a page's second: nothing is half drawn.
        await asyncio.sleep(1.5 - time.time() % 1)
        image = await asyncio.to_thread(_screen, display)
        seen[image.resize((64, 36)).tobytes()] = image  # pyright: ignore[reportUnknownMemberType]
    return list(seen.values())


def _likeness(tile: Image.Image, pages: Sequence[Image.Image]) -> float:
    """Return how alike the tile is to the page that it shows."""

    def against(page: Image.Image) -> float:
        true = page.copy()
        true.thumbnail(tile.size, Image.Resampling.LANCZOS)
        if true.size != tile.size:
            true = page.resize(tile.size, Image.Resampling.LANCZOS)  # pyright: ignore[reportUnknownMemberType]
        inner = (EDGE, EDGE, tile.width - EDGE, tile.height - EDGE)
        return ssim(tile.crop(inner), true.crop(inner))

    return max(map(against, pages))


async def _alike(
    whole: Image.Image, boxes: Sequence[Box], displays: Sequence[str]
) -> dict[str, float]:
    some = list(zip(boxes, displays, strict=True))[:LIKENESS_TILES]
    true = await asyncio.gather(*(_true_pages(display) for _, display in some))
    found: list[float] = []
    for ((x, y, width, height), _), pages in zip(some, true, strict=True):
        tile = whole.crop((x, y, x + width, y + height))
        found.append(await asyncio.to_thread(_likeness, tile, pages))
    return {"ssim": statistics.mean(found), "ssim_min": min(found)}


async def _screens(stage: Stage, count: int) -> list[str]:
    return [await black_screen(stage, f"screen-{number}") for number in range(count)]


async def _turn_pages(stage: Stage, displays: Sequence[str], kind: Kind, seed: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number, display in enumerate(displays):
            turning = show(stage, f"screen-{number}", display, kind, "--seed", str(seed + number))
            group.create_task(turning)


# ours


async def _small(world: World) -> list[Box]:
    """Make the window and its tiles so that pictures are nearest to Veyon's in width."""
    await world.window.ask("size", width=1000, height=520)
    best: list[Box] = []
    for _ in range(6):
        await asyncio.sleep(1.0)
        boxes = [tuple(tile["picture"]) for tile in (await world.window.ask("tiles"))["tiles"]]
        if not best or abs(boxes[0][2] - TILE) < abs(best[0][2] - TILE):
            best = boxes
        if boxes[0][2] <= TILE + 2:
            break
        await world.window.ask("key", keys="Ctrl+-")
    return best


class _Ours:
    """The acts of a lesson on the machines of `room`."""

    def __init__(self, room: Room, kind: Kind, seed: int) -> None:
        self._room, self._seed = room, seed
        self._kind: Kind = kind
        self.displays: list[str] = []

    def made(self, logs: Path) -> Stage:
        return RoomStage(logs, machines=self._room.parts)

    async def started(self, world: World) -> str:
        count = len(self._room.devices)
        self.displays = await _screens(world.stage, count)
        await _turn_pages(world.stage, self.displays, self._kind, self._seed)
        for number, row in enumerate(world.enrolments):
            typed = world.scratch / f"typed-{number}"
            world.desktops[row.device] = Desktop(f"real-{number}", self.displays[number], typed)
        world.pupils = Pupils(world)
        await world.pupils.start(count)
        return ""

    async def seen(self, world: World) -> str:
        async def live() -> bool:
            tiles = (await world.window.ask("tiles"))["tiles"]
            return sum(tile["state"] == "live" for tile in tiles) == len(self._room.devices)

        await until(live, COMES_SECONDS, "all screens on the wall")
        return ""


async def ours(room: Room, kind: Kind, seconds: float, seed: int) -> dict[str, float]:
    count, acts = len(room.devices), _Ours(room, kind, seed)
    async with lesson(
        count,
        seed,
        started=acts.started,
        seen=acts.seen,
        made=acts.made,
        late=False,
        real_devices=count,
    ) as world:
        await _small(world)
        await asyncio.sleep(SETTLE_SECONDS)
        figures = await _cost(world, room, seconds)
        path = world.options.out / "ours.png"
        shot = await world.window.ask("grab", path=str(path))
        of: dict[str, Box] = {tile["device"]: tuple(tile["picture"]) for tile in shot["tiles"]}
        boxes = [of[row.device] for row in world.enrolments]
        with Image.open(path) as picture:
            whole = picture.convert("RGB")
        _keep(whole, f"ours-{kind}")
        return figures | _tile(boxes) | await _alike(whole, boxes, acts.displays)


async def _cost(world: World, room: Room, seconds: float) -> dict[str, float]:
    count = len(room.devices)
    # `ip netns exec` becomes what it starts: the child's id is the program's.
    pid = world.app.process.pid if world.app else 0
    agents = [one for child in world.real.values() for one in family(child.process.pid)]
    before = await world.window.ask("gauge", run=True)
    meter = Meter(room.teacher, [pid, *children(pid)], agents)
    await asyncio.sleep(seconds)
    figures = meter.figures(count)
    after = await world.window.ask("gauge", run=False)
    frames = sum(after["frames"].values()) - sum(before["frames"].values())
    return figures | {"frames_per_second": frames / figures["seconds"] / count}


# Veyon


def own_settings() -> None:
    """Let this process and its children see empty settings of Veyon. Raises `NoNamespaces`."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000):  # CLONE_NEWNS
        raise NoNamespaces(f"unshare: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    for folder in SETTINGS:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True)


def _configure(room: Room, home: Path) -> None:
    """Set key authentication and the class; the teacher's own entry makes the master open it."""

    def cli(*words: str) -> None:
        env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(home)}
        done = subprocess.run(["veyon-cli", *words], env=env, capture_output=True, check=False)
        if done.returncode:
            raise NoNamespaces(f"veyon-cli {words}: {done.stderr.decode()[-300:]}")

    for folder in SETTINGS:
        subprocess.run(["find", str(folder), "-mindepth", "1", "-delete"], check=True)
    cli("authkeys", "create", "bench")
    for key in ("Authentication/Method 1", "Master/AutoSelectCurrentLocation true"):
        cli("config", "set", *key.split())
    cli("config", "set", "Master/HideLocalComputer", "true")
    cli("networkobjects", "add", "location", "room")
    cli("networkobjects", "add", "computer", "teacher", LOOPBACK, "", "room")
    for number, machine in enumerate(room.devices):
        address = machine.addresses["net0"]
        cli("networkobjects", "add", "computer", f"pc{number}", address, "", "room")


def black_boxes(whole: Image.Image, wide: int = 100) -> list[Box]:
    """Return the black rectangles on white of a window, row by row: tiles of black screens."""
    dark = bytes(255 if level < 24 else 0 for level in range(256))
    raw, width, found = whole.convert("L").tobytes().translate(dark), whole.width, list[Box]()
    for y in range(whole.height):
        line, x = raw[y * width : (y + 1) * width], 0
        while (x := line.find(b"\xff" * wide, x)) >= 0:
            end = x
            while end < width and line[end]:
                end += 1
            inside = any(a <= x < a + w and b <= y < b + h for a, b, w, h in found)
            # What touches an edge is the desktop round the window.
            if not inside and x and end < width:
                high = next(
                    (h for h in range(1, whole.height - y) if not raw[(y + h) * width + x + 2]), 0
                )
                if high > wide // 3:
                    found.append((x, y, end - x, high))
            x = end
    return found


async def veyon(room: Room, kind: Kind, seconds: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pupitre-veyon-") as folder:
        home = Path(folder)
        await asyncio.to_thread(_configure, room, home)
        stage = RoomStage(home / "logs", machines=room.parts)
        try:
            displays = await _screens(stage, len(room.devices))
            servers = [
                await _started(stage, f"real-{number}-veyon", "veyon-server", display)
                for number, display in enumerate(displays)
            ]
            shown = await black_screen(stage, "teacher-screen")
            master = await _started(stage, "master", "veyon-master", shown)
            boxes = await _tiles(shown, len(displays))
            await _turn_pages(stage, displays, kind, seed)
            await asyncio.sleep(SETTLE_SECONDS)
            devices = [one for child in servers for one in family(child.process.pid)]
            meter = Meter(room.teacher, family(master.process.pid), devices)
            changes = await asyncio.to_thread(_changes, shown, boxes, seconds)
            figures = meter.figures(len(displays))
            figures["frames_per_second"] = changes / figures["seconds"] / len(displays)
            whole = await asyncio.to_thread(_screen, shown)
            _keep(whole, f"veyon-{kind}")
            return figures | _tile(boxes) | await _alike(whole, boxes, displays)
        finally:
            _cut_off(stage)
            await stage.close()


def _cut_off(stage: Stage) -> None:
    """End Veyon's servers with their workers, by id: they do not heed a request to end."""
    for child in stage.children:
        if child.name.endswith("-veyon"):
            for one in reversed(family(child.process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


async def _started(stage: Stage, name: str, program: str, display: str) -> Child:
    home = str(stage.logs.parent)
    env = {"DISPLAY": display, "HOME": home, "QT_QPA_PLATFORM": "xcb"}
    return await stage.start(name, [program], env)


async def _tiles(display: str, count: int) -> list[Box]:
    """Wait until the master shows so many black screens; return where."""
    boxes: list[Box] = []

    async def connected() -> bool:
        whole = await asyncio.to_thread(_screen, display)
        _keep(whole, "veyon-black")
        boxes[:] = black_boxes(whole)
        return len(boxes) == count

    await until(connected, COMES_SECONDS, lambda: f"{count} tiles, not {boxes}", 1.0)
    return boxes


def _tile(boxes: Sequence[Box]) -> dict[str, float]:
    return {"tile_width": boxes[0][2], "tile_height": boxes[0][3]}


def _keep(whole: Image.Image, name: str) -> None:
    """Keep a picture for eyes, where the environment names a folder for them."""
    if folder := os.environ.get("KEEP_PICTURES"):
        whole.save(Path(folder) / f"{name}.png")


def _changes(display: str, boxes: Sequence[Box], seconds: float) -> int:
    """Count how often tiles changed, all together."""
    until_, seen, changes = time.monotonic() + seconds, dict[Box, bytes](), 0
    pause = threading.Event()
    with closing(X11Capture(time.monotonic, display)) as eye:
        while time.monotonic() < until_:
            whole = _seen(eye)
            for x, y, width, height in boxes:
                now = whole.crop((x, y, x + width, y + height)).tobytes()
                was = seen.get((x, y, width, height), now)
                changes += was != now
                seen[x, y, width, height] = now
            pause.wait(SAMPLE_SECONDS)
    return changes


async def compare(devices: int, seconds: float, seed: int) -> dict[str, float]:
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    figures: dict[str, float] = {}
    kinds: tuple[tuple[Kind, str], ...] = (("half", ""), ("text", "_text"))
    with classroom() as made:
        room = _room(made, devices)
        for kind, ending in kinds:
            mine = await ours(room, kind, seconds, seed)
            print(f"ours, {kind}: {mine}", file=sys.stderr)
            figures |= {f"{name}{ending}": figure for name, figure in mine.items()}
            if lacking:
                print(f"no peer to compare with: {', '.join(lacking)} not installed")
                continue
            peer = await veyon(room, kind, seconds, seed)
            print(f"Veyon, {kind}: {peer}", file=sys.stderr)
            figures |= {f"peer_{name}{ending}": figure for name, figure in peer.items()}
            figures |= {f"{name}{ending}": ratio for name, ratio in _ratios(mine, peer).items()}
    return figures


def _ratios(mine: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    def a_frame(side: dict[str, float]) -> float:
        return side["teacher_cpu_cores"] / max(side["frames_per_second"], 1e-9)

    return {
        "bytes_ratio_to_peer": mine["bytes_per_second"] / peer["bytes_per_second"],
        "teacher_cpu_per_frame_ratio_to_peer": a_frame(mine) / a_frame(peer),
        "device_cpu_ratio_to_peer": mine["device_cpu_cores"] / peer["device_cpu_cores"],
        "ssim_minus_peer": mine["ssim"] - peer["ssim"],
    }
