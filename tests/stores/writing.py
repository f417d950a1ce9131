"""A process that has only the store, to be killed: `python -m tests.stores.writing HOME`.

For each number read from standard input it forks, so that Python starts once for all: the fork
opens the store and writes until it is killed, and prints each act's number when `remember` has
answered. "pid N" comes before, "over" when the fork is dead.
"""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from classroom_app.domain.acts import Declared
from classroom_app.storage.keeping import Keeping
from tests.stores import ONE
from tests.stores.opening import opened, words

TELLERS = 3
ACTS_MAX = 100_000


def say(line: str) -> None:
    """Write at once and in one piece, so that a kill leaves no half line and no unsaid one."""
    os.write(1, f"{line}\n".encode())


def numbers(turn: int, teller: int) -> range:
    first = (turn * TELLERS + teller) * ACTS_MAX
    return range(first, first + ACTS_MAX)


async def tell(keeping: Keeping, mine: range) -> None:
    for number in mine:
        await keeping.remember(words(number), [Declared(ONE, "attention", number, b"lock")])
        say(str(number))


async def write(home: Path, turn: int) -> None:
    async with opened(home) as keeping:
        await asyncio.gather(*(tell(keeping, numbers(turn, teller)) for teller in range(TELLERS)))


def main() -> None:
    home = Path(sys.argv[1])
    for turn in count():
        if not sys.stdin.readline():
            return
        pid = os.fork()
        if not pid:
            asyncio.run(write(home, turn))
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("over")


if __name__ == "__main__":
    main()
