"""What an attack is: who tries what, on which ground, and what must have come of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from tests.attack.dialling import Target
from tests.attack.ground import Ground, Owed
from tests.attack.lesson import withstood_by_a_guard

LIMIT_SECONDS: Final = 150.0
"""Of one attack: what hangs is not withstood."""
Hostile = Callable[[Target, random.Random], Awaitable[str]]
Run = Callable[[Ground, str], Awaitable[str]]


class Attack(NamedTuple):
    """One entry of `listed.ATTACKS`, in a file of `each/` that has its name.

    `numbers`: the test cases of the field study (docs/security.md) it plays; none: one of ours.
    `tried`: what the attacker does, in a line of the table. `hostile` is the attacker's side and
    runs in a process of its own on the attacker's machine; it says what it saw, raises `LetIn`
    where it was given what it must not have, and ends by any of `ENDS` where it was cut off.
    `run` is ours: it sets up who is attacked, starts the attacker by the attack's name, and says
    what was seen or raises `AssertionError`. `besieges`: also made many times over in the siege.
    `every_time`: played in `make test` too; False for what the unit and link tests hold as well.
    """

    name: str
    numbers: tuple[int, ...]
    tried: str
    hostile: Hostile
    run: Run = withstood_by_a_guard
    besieges: bool = False
    every_time: bool = True


class Ended(NamedTuple):
    """How an attack ended: `seen`, or `fault` where the defence did not hold."""

    attack: Attack
    seen: str
    fault: str = ""


async def played(attack: Attack, ground: Ground) -> Ended:
    """Make one attack; whatever goes wrong with it is a fault, for what was not shown is not so."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return Ended(attack, await attack.run(ground, attack.name))
    except (Owed, AssertionError, OSError, TimeoutError) as error:
        return Ended(attack, "", f"{type(error).__name__}: {error}".strip(": "))
    except ExceptionGroup as errors:
        return Ended(attack, "", "; ".join(map(repr, errors.exceptions)))
