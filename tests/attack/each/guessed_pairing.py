"""Guess at a pairing's code from ten addresses at once, at the device's door and as false doors."""

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.pairing import Pairing
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.pairing import (
    TRIES_OF_ALL,
    TRIES_OF_ONE,
    PairGiven,
    PairRequested,
    code_from,
)
from device_bridge.session.pairing import Code, Guess, Knock, TurnedAway, knock
from device_bridge.trust.identity import new_key, thumbprint
from device_bridge.trust.pairing import for_pairing, pairing_context
from tests.attack.dialling import LetIn, Target, own_network
from tests.attack.ground import ATTACKER, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.pairing import door, window
from tests.pairing import from_address

GUESSES: Final = 100
ADDRESSES: Final = [f"10.9.0.{number}" for number in range(101, 111)]
ROUNDS_MAX: Final = 40
FALSE_DOORS: Final = TRIES_OF_ALL + 4
SECONDS: Final = 12.0
WHY_SHUT: Final = "guessed at the code too often"


async def hostile(target: Target, chance: random.Random) -> str:
    for address in ADDRESSES:
        await own_network("address", "add", f"{address}/24", "dev", "net0")
    counted: Counter[str] = Counter()
    for _ in range(ROUNDS_MAX):  # of a hundred at once the door cuts the crowd; they come again
        async with asyncio.TaskGroup() as group:
            tries = [
                group.create_task(_guess(target.address, ADDRESSES[number % 10], chance))
                for number in range(GUESSES)
            ]
        for number, task in enumerate(tries):
            counted[ADDRESSES[number % 10]] += task.result() == "wrong-code"
        if all(task.result() == "shut" for task in tries):
            break
    else:
        raise LetIn(f"the door was not shut after {ROUNDS_MAX * GUESSES} guesses")
    most, of_all = max(counted.values()), counted.total()
    if most > TRIES_OF_ONE or of_all > TRIES_OF_ALL:
        raise LetIn(f"{of_all} guesses were judged, {most} of one address")
    await _stand_at_false_doors(chance)
    return (
        f"{of_all} guesses judged of {GUESSES} and more at once, {most} an address; "
        f"then {FALSE_DOORS} false doors"
    )


async def _guess(to: tuple[str, int], address: str, chance: random.Random) -> str:
    """Try one code, with a key of one's own; say what came of it."""

    async def in_it(asked: PairRequested, device: str) -> PairGiven | None:
        raise LetIn(f"guessed: {asked.name} {device[:8]}")

    identity = for_pairing(new_key(), "teacher")
    context, ours = pairing_context(identity, "app"), thumbprint(identity.key.public_key())
    code = code_from(chance.randbytes(6)).encode()
    try:
        async with from_address(address, to) as near:
            await knock(Knock(near, context, ours, code), Guess(300, time.monotonic), in_it)
    except TurnedAway as refused:
        return refused.why
    except (OSError, DeviceError, TimeoutError):
        return "cut" if await _open(to) else "shut"
    return "in"


async def _open(to: tuple[str, int]) -> bool:
    try:
        _, writer = await asyncio.open_connection(*to)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _stand_at_false_doors(chance: random.Random) -> None:
    """Announce devices that wait for the class's code, each with a key and a guess of its own."""
    with tempfile.TemporaryDirectory(prefix="pupitre-doors-") as made:
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[object]] = []
            for number in range(FALSE_DOORS):
                false = Pairing(
                    Folder(Path(made, str(number))),
                    Code(code_from(chance.randbytes(6)).encode()),
                    ("Lina's laptop", "linux"),
                    now=time.monotonic,
                    random_bytes=os.urandom,
                    opened="class",
                )
                port = false.bind([ATTACKER])
                tasks.append(group.create_task(false.run(port, [ATTACKER])))
            await asyncio.sleep(SECONDS)
            if any(task.done() for task in tasks):
                raise LetIn("a false door was given the school's papers")
            for task in tasks:
                task.cancel()


async def run(ground: Ground, name: str) -> str:
    async with window(ground) as app:
        async with door(ground, "Tablet 1", app.told.code) as first:
            await app.admit(first)
        async with door(ground, "Tablet 2") as second:
            seen = await ground.hostile(name, second.target)
            code, said = await second.ended()
        if not code or WHY_SHUT not in said or second.paired:
            raise Owed(f"the guessed door ended with {code}: {said}")
        told = await app.until(lambda told: told.over, "the app's window shuts")
        wrong = Counter(one.state for one in told.askers)
        if told.over != "too-many" or wrong["wrong-code"] > TRIES_OF_ALL:
            raise Owed(f"the app's window: {told.over}, {wrong}")
        if wrong["paired"] != 1 or wrong["asks"]:
            raise Owed(f"somebody else came as far as to be asked for: {wrong}")
        async with door(ground, "Tablet 2", await app.again()) as second:
            await app.admit(second)
    return (
        f"{seen}, of which {wrong['wrong-code']} were tried; both windows shut and say so; an "
        "honest device was paired before and another after"
    )


ATTACK: Final = Attack(
    "guessed_pairing",
    (19,),
    "guesses at a pairing's code from ten addresses at once, and stands at false doors",
    hostile,
    run,
    every_time=False,
)
