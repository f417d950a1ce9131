"""The attacker's process: `python -m tests.attack.hostile NAME LOOT`; prints what it saw."""

import asyncio
import json
import random
import sys
from pathlib import Path

from tests.attack.dialling import ENDS, LetIn
from tests.attack.listed import named
from tests.attack.loot import read_loot


async def attacked(name: str, loot: Path) -> dict[str, str]:
    chance = random.Random(name)  # noqa: S311 - to be repeated, not secret
    try:
        return {"seen": await named(name).hostile(read_loot(loot), chance)}
    except LetIn as error:
        return {"let_in": str(error)}
    except ENDS as error:
        return {"seen": f"cut off: {type(error).__name__}"}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attacked(sys.argv[1], Path(sys.argv[2])))), flush=True)
