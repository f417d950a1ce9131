"""The attacker's process: `python -m tests.attack.hostile NAME LOOT SECONDS`; says what it saw."""

import asyncio
import json
import random
import sys
from pathlib import Path
from time import monotonic
from typing import Final

from tests.attack.dialling import ENDS, LetIn
from tests.attack.listed import named
from tests.attack.loot import read_loot

BESIDE_EACH_OTHER: Final = 3


async def attacked(name: str, loot: Path, seconds: float) -> dict[str, str]:
    """Attack once, or for so many seconds; what lets the attacker in ends it at once."""
    until, seen, let_in = monotonic() + seconds, list[str](), list[str]()

    async def again(number: int) -> None:
        chance = random.Random(f"{name}-{number}")  # noqa: S311 - to be repeated, not secret
        while (monotonic() < until or not seen) and not let_in:
            try:
                seen.append(await named(name).hostile(read_loot(loot), chance))
            except LetIn as error:
                let_in.append(str(error))
            except ENDS as error:
                seen.append(f"cut off: {type(error).__name__}")

    async with asyncio.TaskGroup() as group:
        for number in range(BESIDE_EACH_OTHER if seconds else 1):
            group.create_task(again(number))
    if let_in:
        return {"let_in": let_in[0]}
    return {"seen": f"{len(seen)} times: {seen[-1]}" if seconds else seen[-1]}


if __name__ == "__main__":
    asked = sys.argv[1:]
    print(json.dumps(asyncio.run(attacked(asked[0], Path(asked[1]), float(asked[2])))), flush=True)
