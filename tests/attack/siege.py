"""A lesson goes on while hostile clients besiege the guard's port, several at once."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Final

from msgspec import Struct, field

from device_bridge.session.room import Room
from tests.attack.dialling import ENDS, LetIn
from tests.attack.guard import GuardProcess
from tests.attack.listed import ATTACKS
from tests.attack.locking import locked, teaching
from tests.linked import WAIT_SECONDS, App

BESIEGERS: Final = 4
ATTACK_SECONDS: Final = 8.0
LET_GO_SECONDS: Final = 30.0
DESCRIPTORS_MAX: Final = 2
LOCK_EVERY_SECONDS: Final = 0.25
BESIEGE: Final = tuple(attack for attack in ATTACKS if attack.besieges)


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
    async with teaching(guard) as (app, room):
        await locked(app, room, 1)
        megabytes, descriptors = guard.megabytes(), guard.descriptors()
        until = monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(BESIEGERS):
                chance = random.Random(f"{seed}-{number}")  # noqa: S311 - to be repeated
                group.create_task(_attack(guard, chance, until, outcome))
            version = 1
            while monotonic() < until:
                version += 1
                outcome.lock_ms.append(await _locked(app, room, version))
                await asyncio.sleep(LOCK_EVERY_SECONDS)
        await _until_let_go(guard, descriptors)
        outcome.megabytes_more = round(guard.megabytes() - megabytes, 1)
        outcome.descriptors_more = guard.descriptors() - descriptors
        outcome.links_lost = len(app.goners)
    outcome.bugs = guard.bugs()
    return outcome


async def _locked(app: App, room: Room, version: int) -> float:
    """Lock as `locked` does; one that never came took as long as was waited, and ends no siege."""
    try:
        return await locked(app, room, version)
    except TimeoutError:
        return WAIT_SECONDS * 1000


async def _attack(
    guard: GuardProcess, chance: random.Random, until: float, outcome: Outcome
) -> None:
    while (left := until - monotonic()) > 0:
        attack = chance.choice(BESIEGE)
        outcome.attacks[attack.name] += 1
        try:
            async with asyncio.timeout(min(ATTACK_SECONDS, left)):
                await attack.hostile(guard, chance)
        except ENDS:
            pass  # cut, refused or too slow: so it should be
        except LetIn as error:
            outcome.let_in.append(str(error))


async def _until_let_go(guard: GuardProcess, descriptors: int) -> None:
    """Wait until half-open connections have had their time, or long enough."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LET_GO_SECONDS):
            while guard.descriptors() > descriptors + DESCRIPTORS_MAX:  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.1)
