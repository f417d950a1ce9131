"""A teacher's app shows giants, bombs and endless pictures on a real desktop, then nothing."""

import asyncio
import io
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec
from PIL import Image

from classroom_app.demo.report import percentiles
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import ask_status
from device_bridge.protocol.fields import PICTURE_BYTES_MAX
from device_bridge.protocol.messages import encode
from device_bridge.protocol.pictures import Frame, Patch, covering
from device_bridge.protocol.showing import LOST_SECONDS, ShowingDeclared, StillShowing
from device_bridge.session.wire import Lane
from tests.attack.by_hand import ByHand, by_hand
from tests.attack.dialling import ENDS, LetIn, Target
from tests.attack.each.a_drawn_over_bar import at_a_desktop
from tests.attack.each.bad_pictures import GIANT, pictures
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lesson import LOCK_MS_P99_MAX, lesson
from tests.attack.memory import megabytes_of
from tests.desktop import Desktop

WHOSE: Final = "Nobody at all"
SIZE: Final = (640, 360)
LATE_SECONDS: Final = 2.0
"""A tick of the guard's, the X server, and a busy machine."""
SILENT_SECONDS: Final = LOST_SECONDS + LATE_SECONDS + 2
LOOK_SECONDS: Final = 0.1
MEGABYTES_MAX: Final = 120.0
UNASKED: Final = 20
TINY: Final = 5000
ANEW: Final = 40


class Show:
    """A show that begins anew as often as it likes. `made`: the numbers of its frames."""

    def __init__(self, app: ByHand) -> None:
        self.app, self.version, self.made = app, 0, count(1)

    async def begins(self) -> None:
        self.version += 1
        how = {"whose": WHOSE, "stream": self.version, "width": SIZE[0], "height": SIZE[1]}
        await self.app.say(ShowingDeclared(self.version, 600, on=True, mode="full", **how))  # pyright: ignore[reportArgumentType]

    def frame(
        self, raw: bytes, size: tuple[int, int] = SIZE, base: int = 0, older: int = 0
    ) -> bytes:
        patches = covering(raw, *size)
        sides = (*size, *size)
        return encode(Frame(next(self.made), self.version - older, *sides, patches, base))

    @asynccontextmanager
    async def lane(self) -> AsyncGenerator[Lane]:
        """Be on a new lane while entered; that it is ended is as it should be."""
        lane = await self.app.lane("/showing")
        try:
            with suppress(*ENDS):
                yield lane
        finally:
            lane.abort()

    async def sends(self, *raw: bytes) -> None:
        await self.begins()
        async with self.lane() as lane:
            for one in raw:
                await lane.send(one)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    while True:
                        await lane.receive()


def good() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", SIZE, (200, 90, 40)).save(made, "JPEG")
    return made.getvalue()


def giant(show: Show) -> bytes:
    """Claim sides that no field may have."""
    bare = msgspec.msgpack.decode(show.frame(b"x"))
    bare |= {"width": GIANT, "height": GIANT, "screen_width": GIANT, "screen_height": GIANT}
    bare["patches"][0] |= {"width": GIANT, "height": GIANT}
    return msgspec.msgpack.encode(bare)


async def floods(show: Show) -> None:
    await show.begins()
    await show.sends(giant(show))
    for raw in pictures().values():
        await show.sends(show.frame(raw), show.frame(raw, (GIANT, GIANT)))
    await show.sends(show.frame(good()), show.frame(good(), base=99_999))
    await show.sends(show.frame(good()), show.frame(good(), older=1))
    largest = bytes(PICTURE_BYTES_MAX - 2000)
    await show.sends(*[show.frame(largest)] * UNASKED)
    await show.sends(*[show.frame(good())] * UNASKED * 10)
    await show.sends(*[encode(StillShowing())] * TINY)
    beside = Patch(600, 300, *SIZE, "jpeg", good())
    await show.sends(encode(Frame(1, show.version, *SIZE, *SIZE, (beside,) * 600)))
    async with show.lane() as lane:
        for _ in range(ANEW):
            await show.begins()
            await lane.send(show.frame(largest))


async def hostile(target: Target, _: random.Random) -> str:
    async with by_hand(target, "teacher-51") as app:
        await app.begins()
        show = Show(app)
        await floods(show)
        lane = await app.lane("/showing")
        await show.begins()
        await lane.send(show.frame(good()))
        if ("on", "") not in await app.reported("showing", *[show.version] * 2):
            raise LetIn("a good picture was not shown, so nothing could be left behind")
        print("begun", flush=True)
        await asyncio.sleep(SILENT_SECONDS)
        lane.abort()
    return f"{show.version} shows"


def parts(folder: Path) -> dict[str, float]:
    """Return what guard and seat have of the memory, by their number."""
    found: dict[str, float] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, StopIteration):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if bytes(folder) in words:
                found[process.name] = megabytes_of(process.name)
    return found


async def shown(desk: Desktop) -> bool:
    return (await desk.run("xdotool", "search", "--onlyvisible", "--name", WHOSE))[1] != ""


async def until_back(desk: Desktop) -> float:
    """Look at the desktop until nothing is shown there, not for ever; return how long that took."""
    began = monotonic()
    while await shown(desk) and monotonic() - began < SILENT_SECONDS:  # noqa: ASYNC110 - looked at
        await asyncio.sleep(LOOK_SECONDS)
    return monotonic() - began


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with at_a_desktop(ground) as (desk, target):
        folder = ground.folder / "guard"
        before = parts(folder)
        async with asyncio.TaskGroup() as group:
            async with lesson(ground, target) as went:
                attack = group.create_task(ground.hostile(name, target, begun))
                await begun.wait()
            was_shown = await shown(desk)
            back = await until_back(desk)
        after = parts(folder)
        status = await ask_status(Folder(folder))
    more = max(after[one] - before.get(one, 0.0) for one in after)
    worst = percentiles(went.lock_ms).p99
    faults = {
        f"a lock took {worst:.0f} ms": worst > LOCK_MS_P99_MAX or not went.lock_ms,
        f"the lesson's link was lost {went.links_lost} times": went.links_lost > 0,
        "nothing was shown, so nothing went": not was_shown,
        f"the desktop was covered for {back:.1f} s": back > LOST_SECONDS + LATE_SECONDS,
        f"a part of the agent ended: {before} {after}": set(before) != set(after),
        f"a part of the agent kept {more:.0f} MB": more > MEGABYTES_MAX,
        "nobody sits there": status is None or not status.seat,
    }
    if wrong := [words for words, so in faults.items() if so]:
        raise Owed("; ".join(wrong))
    return (
        f"{attack.result()}; {more:.0f} MB more; {len(went.lock_ms)} locks, p99 {worst:.0f} ms; "
        f"silent, the desktop was back after {back:.1f} s"
    )


ATTACK: Final = Attack(
    "a_mad_show",
    (24,),
    "shows giants, bombs, old and endless pictures on a real desktop, and falls silent",
    hostile,
    run,
    every_time=False,
)
