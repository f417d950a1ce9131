"""A device of the class shows what is no picture: giants, bombs, torn and moving ones."""

import asyncio
import io
import random
import struct
import zlib
from itertools import count
from typing import Final

from PIL import Image

from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromApp
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.device_link import DeviceLink
from tests.attack.dialling import Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lying import liar, met
from tests.attack.taught import taught
from tests.attack.wall import OTHER

ROUNDS: Final = 6
GIANT: Final = 30_000
SIZE: Final = (640, 360)
_looks: list[int] = []


def answers(link: DeviceLink, message: FromApp) -> None:
    match message:
        case LessonDeclared(version):
            link.send(Report("presence", version, "on"))
        case WatchingDeclared(version):
            _looks.append(version)
            link.send(Report("watching", version, "on"))
        case _:
            pass


def pictures() -> dict[str, bytes]:
    """Make them; the giants are small files, for what they claim is in their heads."""
    good = io.BytesIO()
    Image.effect_noise(SIZE, 60).convert("RGB").save(good, "JPEG")
    jpeg = good.getvalue()
    size = jpeg.index(b"\xff\xc0") + 5
    moving, webp = io.BytesIO(), io.BytesIO()
    frames = [Image.new("RGB", SIZE, (n * 20, 0, 0)) for n in range(10)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    frames[0].save(webp, "WEBP", save_all=True, append_images=frames[1:])
    return {
        "giant JPEG": jpeg[:size] + struct.pack("!2H", GIANT, GIANT) + jpeg[size + 4 :],
        "tall JPEG": jpeg[:size] + struct.pack("!2H", 65535, 1) + jpeg[size + 4 :],
        "PNG bomb": _png(GIANT, GIANT),
        "torn JPEG": jpeg[: len(jpeg) // 2],
        "bent JPEG": jpeg[:700] + bytes(400) + jpeg[1100:],
        "GIF that moves": moving.getvalue(),
        "WebP that moves": webp.getvalue(),
        "torn WebP": webp.getvalue()[:60],
        "JPEG of nothing": b"\xff\xd8",
        "noise": random.Random(1).randbytes(3_000_000),  # noqa: S311 - to be repeated
    }


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack("!I", len(body)) + whole + struct.pack("!I", zlib.crc32(whole))

    head = struct.pack("!2I5B", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(4_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


async def hostile(target: Target, _: random.Random) -> str:
    numbers, made = count(1), pictures()
    async with liar(target, answers) as device:
        link = await met(device)
        taken = asyncio.Event()
        link.pictures.taken = lambda _number: taken.set()
        async with asyncio.timeout(20):
            while not _looks:  # noqa: ASYNC110 - told in a callback
                await asyncio.sleep(0.05)
        for turn in range(ROUNDS):
            for raw in made.values():
                taken.clear()
                size = (SIZE, (GIANT, GIANT))[turn % 2]
                link.offer(Frame(next(numbers), _looks[-1], *size, *size, covering(raw, *size)))
                async with asyncio.timeout(10):
                    await taken.wait()
                await asyncio.sleep(0.02)
    return f"{ROUNDS} times each: {', '.join(made)}"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground) as (guard, app):
        await app.do("locks")
        seen = await ground.hostile(name, guard)
    shown = app.shown
    if not shown.unreadable:
        raise Owed("none was told to be unreadable")
    went, turn = shown.pictures.get(OTHER, 0), shown.turn_ms_max
    told = f"{shown.unreadable} times unreadable, {went} shown"
    return f"{seen}; {told}; Qt's longest turn {turn} ms"


ATTACK: Final = Attack(
    "bad_pictures",
    (24,),
    "shows 30,000 x 30,000 pixels, a bomb, torn, bent and moving pictures",
    hostile,
    run,
    every_time=False,
)
