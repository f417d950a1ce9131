"""Blocking work in a worker thread, whose result is not lost when nobody waits any more."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

R = TypeVar("R")


async def off_loop(
    pool: Executor, work: Callable[[], R], undo: Callable[[R], None] | None = None
) -> R:
    """Run `work` in `pool`. Cancelled while it runs, `undo` gets its result (in that thread)."""
    future = pool.submit(work)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        if undo is not None:
            future.add_done_callback(lambda ended: _undone(ended, undo))
        raise


def _undone(ended: Future[R], undo: Callable[[R], None]) -> None:
    if not ended.cancelled() and ended.exception() is None:
        undo(ended.result())
