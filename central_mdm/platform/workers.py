"""Slow work (passwords, disks) off the loop, in few threads, with a queue that has an end."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from central_mdm.platform.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")
WAIT_SECONDS = 3


class Queue:
    """`waiting_max` callers may wait; more are told to come back, which costs nothing."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting = 0
        self._waiting_max = waiting_max

    @contextmanager
    def place(self) -> Generator[None]:
        """Have a place in it. Raises Busy where there is none."""
        if self._waiting >= self._waiting_max:
            raise Busy("busy", WAIT_SECONDS)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1


class Workers:
    """Threads, and a queue for them of `waiting_max` callers."""

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._queue = Queue(waiting_max)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread. Raises Busy where too many wait."""
        with self._queue.place():
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown()


class Share:
    """A part of the workers' queue: who fills it leaves the rest of it to all others."""

    def __init__(self, workers: Workers, waiting_max: int) -> None:
        self._workers, self._queue = workers, Queue(waiting_max)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` as `Workers.run` does. Raises Busy where too many of this share wait."""
        with self._queue.place():
            return await self._workers.run(work, *args, **kwargs)
