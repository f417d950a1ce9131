"""A program of a history from outside: started, killed, stopped; heard as long as it lives."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Final

from msgspec import json

from tests.histories.real.child import Complained, Run, Said, Seen, Settled
from tests.histories.real.people import main
from tests.histories.told import Fact

_said: Final = json.Decoder(Said)
SETTLED_SECONDS: Final = 60.0
FUSE_SECONDS: Final = 4.0
"""Who has not come to its last point by then is killed where it is."""
KILLED: Final = frozenset({-signal.SIGKILL, 255})
"""255: the fork server did not say (`popen_forkserver.poll`)."""


class Actor:
    """`begin`: how it is started now. `entered` hears each fact; `faults`: what ended by itself."""

    def __init__(
        self,
        context: ForkServerContext,
        begin: Callable[[], Run],
        entered: Callable[[Fact], None],
    ) -> None:
        self.lock = asyncio.Lock()
        """One thing at a time befalls it."""
        self.faults: list[str] = []
        self.seen_number = 0
        self.seen_keys: tuple[str, ...] = ()
        self.ahead_seconds = 0.0
        self.starts = 0
        self.fuse = 0
        """After so many points it dies, once it is started."""
        self.away = ""
        """Why the school knows it no more."""
        self._context, self._begin, self._entered = context, begin, entered
        self._process: BaseProcess | None = None
        self._heard: asyncio.Task[None] | None = None
        self._settled = False

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        self.starts += 1
        self._settled = False
        read, write = self._context.Pipe(duplex=False)
        self._process = self._context.Process(target=main, args=(self._begin(), write))
        self._process.start()
        write.close()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.dup(read.fileno()), "rb", buffering=0)
        read.close()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._heard = tasks.create_task(self._hear(reader))

    async def kill(self) -> None:
        """Kill it, and hear what it has said before."""
        self.signal(signal.SIGKILL)
        said = await self._gone()
        if said not in {*KILLED, 0} or (said == 0 and not self._settled):
            self.faults.append(f"{self._name} ended by itself: {said}")

    async def dies(self) -> None:
        """Wait a while until it has died of itself; then kill it."""
        if self._heard is not None:
            await asyncio.wait({self._heard}, timeout=FUSE_SECONDS * self._begin().slower)
        await self.kill()

    async def settle(self, tasks: asyncio.TaskGroup) -> None:
        """Have it come into step and end."""
        await self.start(tasks)
        try:
            async with asyncio.timeout(SETTLED_SECONDS * self._begin().slower):
                await self._gone()
        except TimeoutError:
            await self.kill()
        if not self._settled:
            self.faults.append(f"{self._name} did not settle")

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.pid and self._process.exitcode is None:
            with suppress(ProcessLookupError):  # it has just ended, and nobody was told yet
                os.kill(self._process.pid, number)

    @property
    def _name(self) -> str:
        return self._begin().name

    async def _gone(self) -> int:
        """Wait until it has ended; return what the system says of that, as `subprocess` does."""
        process, heard = self._process, self._heard
        if process is None or heard is None:
            return -signal.SIGKILL  # it is dead already
        await heard
        await asyncio.to_thread(process.join)
        said = process.exitcode
        assert said is not None
        process.close()
        self._process = self._heard = None
        return said

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        async for line in reader:
            if not line.endswith(b"\n"):
                return  # killed at it
            match _said.decode(line):
                case Seen(number, keys):
                    self.seen_number, self.seen_keys = number, keys
                case Settled(away, in_step):
                    self._settled, self.away = True, away
                    if not in_step:
                        self.faults.append(f"{self._name} does not come into step")
                case Complained(what):
                    self.faults.append(f"unforeseen: {what}")
                case fact:
                    self._entered(fact)
