"""A lesson goes on while hostile clients besiege the guard's port, several at once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

from msgspec import Struct, field

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.hello import Report
from device_bridge.session.room import Room
from tests.attack.attacks import ATTACKS, LetIn
from tests.attack.guard import GuardProcess
from tests.linked import App, room_for, running
from tests.school import mandate_for
from tests.teaching import now

BESIEGERS: Final = 4
ATTACK_SECONDS: Final = 8.0
LOCK_EVERY_SECONDS: Final = 0.25
EXPECTED: Final = (OSError, DeviceError, EOFError, TimeoutError, asyncio.IncompleteReadError)


class Outcome(Struct):
    """`attacks`: how often each was made; `lock_ms`: from the declaration to the report of it."""

    attacks: Counter[str] = field(default_factory=Counter[str])
    lock_ms: list[float] = field(default_factory=list[float])
    let_in: list[str] = field(default_factory=list[str])
    links_lost: int = 0
    megabytes_more: float = 0.0
    descriptors_more: int = 0
    bugs: list[str] = field(default_factory=list[str])


async def besiege(guard: GuardProcess, seconds: float, seed: int) -> Outcome:
    """Attack for `seconds`; what the guard takes more is measured when all have let go."""
    outcome = Outcome()
    async with _teaching(guard) as (app, room):
        await _lock(app, room, 1)
        megabytes, descriptors = guard.megabytes(), guard.descriptors()
        until = monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(BESIEGERS):
                chance = random.Random(f"{seed}-{number}")  # noqa: S311 - to be repeated
                group.create_task(_attack(guard, chance, until, outcome))
            version = 1
            while monotonic() < until:
                version += 1
                outcome.lock_ms.append(await _lock(app, room, version))
                await asyncio.sleep(LOCK_EVERY_SECONDS)
        await _until_let_go(guard, descriptors)
        outcome.megabytes_more = round(guard.megabytes() - megabytes, 1)
        outcome.descriptors_more = guard.descriptors() - descriptors
        outcome.links_lost = len(app.goners)
    outcome.bugs = guard.bugs()
    return outcome


@asynccontextmanager
async def _teaching(guard: GuardProcess) -> AsyncGenerator[tuple[App, Room]]:
    papers = App(
        grant_=guard.school.grant(guard.teacher, issued_at=now()),
        mandate_=mandate_for(guard.teacher, issued_at=now()),
    )
    room = room_for(guard.school, guard.teacher, papers)
    room.keep("dev-1")
    async with running(room):
        room.sighted("dev-1", [guard.address])
        await papers.until(lambda: papers.ups)
        yield papers, room


async def _lock(app: App, room: Room, version: int) -> float:
    """Declare a lock; return the milliseconds until the device has reported on it."""
    began = monotonic()
    room.declare("dev-1", LockDeclared(version, locked=bool(version % 2), lease_seconds=600))

    def reported() -> bool:
        told = [each for each in app.heard_ if isinstance(each, Report)]
        return any((each.feature, each.version) == ("attention", version) for each in told)

    await app.until(reported)
    app.heard_.clear()
    return (monotonic() - began) * 1000


async def _attack(
    guard: GuardProcess, chance: random.Random, until: float, outcome: Outcome
) -> None:
    while (left := until - monotonic()) > 0:
        attack = chance.choice(ATTACKS)
        outcome.attacks[attack.__name__] += 1
        try:
            async with asyncio.timeout(min(ATTACK_SECONDS, left)):
                await attack(guard, chance)
        except EXPECTED:
            pass  # cut, refused or too slow: so it should be
        except LetIn as error:
            outcome.let_in.append(str(error))


async def _until_let_go(guard: GuardProcess, descriptors: int) -> None:
    """Wait until half-open connections have had their time, or long enough."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ATTACK_SECONDS):
            while guard.descriptors() > descriptors:  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.1)
