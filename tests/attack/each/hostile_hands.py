"""Drive a device without the right, unseen, under a lock, too fast, after a pupil took back."""

import asyncio
import random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.grants import Verb
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.control import ControlDeclared, ControlInput, KeyPressed, TextTyped
from device_bridge.protocol.hello import Refused, Report
from device_bridge.protocol.messages import encode
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.watching import Credit, WatchingDeclared
from tests.attack.by_hand import ByHand, by_hand
from tests.attack.dialling import ENDS, LetIn, Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import TAKES_BACK, sitting
from tests.school import VERBS

LEASE: Final = 30
KEY: Final = KeyPressed("a", down=True)
CLOSE: Final = WatchingDeclared(1, 600, "close", 1920, 1080, 30.0)
FREED_MS_MAX: Final = 1000.0
FLOOD: Final = 110
"""Twice it is less than a read may bring: who is cut off for that floods nobody."""
BURST: Final = 40
MEGABYTES_MAX: Final = 50


def typed(version: int, text: str) -> ControlInput:
    return ControlInput(version, (TextTyped(text),))


async def ends(app: ByHand, version: int, *how: Struct, why: str) -> None:
    """See that what is said ends the driving, or keeps it from beginning, and no key gets in."""
    await app.say(*how)
    told = (await app.reported("control", version))[0]
    if told[0] == "on" or told[1] != why:
        raise LetIn(f"{why} was owed: {told}")
    await app.say(typed(version, "FORBIDDEN"))


async def drives(app: ByHand, version: int) -> None:
    await app.say(ControlDeclared(version, LEASE, on=True))
    if (told := (await app.reported("control", version))[0]) != ("on", ""):
        raise LetIn(f"who may drive could not, so nothing was tried: {told}")
    await app.say(typed(version, "allowed"))


async def without_the_verb(target: Target) -> None:
    less: tuple[Verb, ...] = tuple(verb for verb in VERBS if verb != "control")
    for number, (grant, mandate) in enumerate(((less, VERBS), (VERBS, less))):
        async with by_hand(target, f"teacher-4{number}", verbs=grant, of_mandate=mandate) as app:
            await app.begins(10 + number)
            await app.say(CLOSE, ControlDeclared(1, LEASE, on=True), typed(1, "FORBIDDEN"))
            for _ in range(2):
                said = await app.hears(
                    lambda one: (
                        isinstance(one, Refused)
                        or (isinstance(one, Report) and one.feature == "control")
                    )
                )
                if not isinstance(said, Refused) or said.reason != "verb":
                    raise LetIn(f"control without the verb was answered by {said}")


async def again(target: Target) -> None:
    """Say a recorded key once more on the same link."""
    async with by_hand(target, "teacher-42", again="b") as app:
        await seen_closely(app, 40)
        await drives(app, 1)
        order = encode(app.orders.order(typed(1, "allowed")))
        await app.control.send(order)
        await app.control.send(order)
        try:
            while True:
                await app.hears(lambda _: False)
        except TimeoutError as error:
            raise LetIn("a replayed key left the link as it was") from error
        except ENDS:
            return


async def seen_closely(app: ByHand, version: int) -> None:
    await app.begins(version)
    pictures = await app.lane("/pictures")
    await pictures.send(encode(Credit(4)))
    await app.say(replace(CLOSE, version=version))
    async with asyncio.timeout(15):
        await pictures.receive()


async def hostile(target: Target, _: random.Random) -> str:
    try:
        await _hands(target)
    except ENDS as error:
        raise LetIn(f"cut off before all was tried: {error!r}") from error
    return "refused or ended: verb, not-close, not-driving, locked, too-fast, taken-back, replay"


async def _hands(target: Target) -> None:
    await without_the_verb(target)
    await again(target)
    async with by_hand(target, "teacher-43") as app:
        await app.begins(50)
        await ends(app, 1, ControlDeclared(1, LEASE, on=True), why="not-close")
        await seen_closely(app, 51)
        await drives(app, 2)
        async with by_hand(target, "teacher-44") as colleague:
            await ends(colleague, 2, typed(2, "FORBIDDEN"), why="not-driving")
            await ends(colleague, 3, ControlDeclared(3, LEASE, on=True), why="lesson-ended")
        lock, free = (LockDeclared(n, locked=n == 1, lease_seconds=60) for n in (1, 2))
        await ends(app, 2, lock, why="locked")
        await ends(app, 3, ControlDeclared(3, LEASE, on=True), why="locked")
        await app.say(free)
        await drives(app, 4)
        flood = [ControlInput(4, (TextTyped("x" * 200), TextTyped("y" * 200)))] * BURST
        await ends(app, 4, *flood, why="too-fast")
        await drives(app, 5)
        over = LessonDeclared(52, 0, "over", app.lesson, "5B", "5B", "Whoever")
        await ends(app, 5, over, why="lesson-ended")
        await seen_closely(app, 53)
        await drives(app, 6)
        # The pupil takes back in the middle of it; what is on its way then is dropped.
        await app.say(*[ControlInput(6, (KEY,))] * FLOOD, typed(6, TAKES_BACK))
        await app.say(*[typed(6, "FORBIDDEN")] * FLOOD)
        if (told := (await app.reported("control", 6))[0]) != ("taken-back", ""):
            raise LetIn(f"a pupil could not take back: {told}")
        await ends(app, 7, ControlDeclared(7, LEASE, on=True), why="too-soon")


async def run(ground: Ground, name: str) -> str:
    async with (
        guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard,
        sitting(ground, guard.folder),
    ):
        before = guard.megabytes()
        seen = await ground.hostile(name, guard)
        more = guard.megabytes() - before
        told = (ground.folder / "seat").read_text().splitlines()
        if not guard.lives or guard.bugs() or more > MEGABYTES_MAX:
            raise Owed(f"the guard died, kept {more:.0f} MB, or {guard.bugs()[:3]}")
    if "pressed FORBIDDEN" in told or "pressed allowed" not in told:
        raise Owed(f"pressed: {sorted({line for line in told if line.startswith('pressed')})}")
    freed = [float(line.split()[1]) for line in told if line.startswith("freed ")]
    if len(freed) != 1 or freed[0] > FREED_MS_MAX:
        raise Owed(f"the pupil was let go after {freed} ms")
    burst = sum(line == f"pressed {'x' * 200}" for line in told)
    return f"{seen}; {burst} of {BURST} bursts pressed; taken back in {freed[0]:.0f} ms"


ATTACK: Final = Attack(
    "hostile_hands",
    (),
    "drives without the verb, without looking, beside who drives, locked, taken back, in floods",
    hostile,
    run,
    every_time=False,
)
