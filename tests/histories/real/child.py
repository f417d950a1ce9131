"""A program of a history in a process of its own: what it stands on, and what it tells.

Each fact is one line to the parent, written at once: it is there though we are killed at the next.
"""

import asyncio
import logging
import os
import random
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

import httpx
from msgspec import Struct, json

from tests.histories.checker import Ledger
from tests.histories.stage import Template
from tests.histories.told import AnyFact, Fact

T = TypeVar("T")
SPEED: Final = 60.0
"""What takes a minute in a virtual history takes a second."""
ANSWER_SECONDS: Final = 3.0
OURS: Final = ("central_mdm", "classroom_app", "device_bridge", "asyncio")
Kind = Literal["teacher", "device", "administrator"]


class Run(Struct, frozen=True):
    """One start of a program. `number`: whose of `template`; `room`: where devices are met.

    `settles`: it comes into step and ends. `database`, `school`: the server's rows and files, for
    its commands; `seen`: what the lists that a device has taken have named, as remembered outside
    of it; `restored`: how often the server was set back until now. `carried_for`: the device that
    meets teachers alone. `fuse`: after so many points it dies, see `fuses`; 0: when it is killed.
    """

    kind: Kind
    name: str
    number: int
    template: Template
    folder: Path
    room: Path
    log: Path
    seed: int
    proxy: str
    ahead_seconds: float = 0.0
    settles: bool = False
    database: str = ""
    school: Path = Path()
    seen_number: int = 0
    seen_keys: tuple[str, ...] = ()
    restored: int = 0
    carried_for: str = ""
    fuse: int = 0
    restarted: bool = False
    slower: float = 1.0
    plant: str = ""


class Seen(Struct, frozen=True, tag=True):
    """A device has taken a list, and wrote it before it says so."""

    number: int
    keys: tuple[str, ...]


class Settled(Struct, frozen=True, tag=True):
    """It ends; `away`: the school knows it no more, and why."""

    away: str = ""
    in_step: bool = True


class Complained(Struct, frozen=True, tag=True):
    """An error that nobody foresaw was logged."""

    what: str


Said = AnyFact | Seen | Settled | Complained


class Earth:
    def __init__(self, run: Run) -> None:
        self.chance = random.Random(run.seed)  # noqa: S311 - as good as any for what people do
        self.undo = ExitStack()

    def new_id(self) -> str:
        return str(uuid4())

    def tell(self, *words: object) -> None:
        logging.getLogger("history").info("%s", " ".join(map(str, words)))


class ChildStage:
    """What the actors of this process share: nothing but chance, and the way to the parent."""

    over = False

    def __init__(self, run: Run, out: Connection) -> None:
        self.run, self.template, self.world = run, run.template, Earth(run)
        self.ledger = Ledger(restored=run.restored)
        self._out = out

    def maybe(self, share: float) -> bool:
        return not self.run.settles and self.world.chance.random() < share

    async def while_(self, low: float, high: float) -> None:
        await asyncio.sleep(self.world.chance.uniform(low, high) / SPEED * self.run.slower)

    def client(self, process: Any) -> httpx.AsyncClient:  # noqa: ANN401 - there is but one
        del process
        longest = ANSWER_SECONDS * self.run.slower
        return httpx.AsyncClient(proxy=self.run.proxy, timeout=longest, trust_env=False)

    def hear(self, fact: Fact) -> None:
        self.say(fact)

    def say(self, what: object) -> None:
        os.write(self._out.fileno(), json.encode(what) + b"\n")


class ChildHere:
    """The process, as actors see theirs."""

    alive = True

    def __init__(self, run: Run) -> None:
        self.name, self.folder = run.name, run.folder
        self.descriptors: list[int] = []
        self._ahead_seconds = run.ahead_seconds

    def clock(self) -> float:
        return time.time() + self._ahead_seconds

    def boot(self) -> float:
        return time.monotonic()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return asyncio.get_running_loop().create_task(work)

    def arm(self, points: int) -> None:
        """Do nothing: when it is killed says the schedule."""


class Complaints(logging.Handler):
    def __init__(self, stage: ChildStage) -> None:
        super().__init__(logging.ERROR)
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(OURS):
            why = f"{record.exc_info[1]!r}" if record.exc_info else ""
            told = f"{self._stage.run.name}: {record.getMessage()} {why}"[:300]
            self._stage.say(Complained(told))
