"""Documents' blocking work: in threads that stand back, and no result of it is lost."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final, TypeVar

R = TypeVar("R")

BULK_THREADS: Final = 3
STAND_BACK: Final = 10
"""How much nicer a document's thread is than the loop beside it, on Linux's scale of -20 to 19."""


def bulk_threads() -> ThreadPoolExecutor:
    """Make the threads that hash, write and sync documents: apart from all others, and nicer.

    A lock waits neither behind a gigabyte in their queue nor for a processor that hashes one.
    """
    return ThreadPoolExecutor(BULK_THREADS, "bulk", initializer=_stand_back)


def _stand_back() -> None:
    """Let this thread run after others; elsewhere than on Linux niceness is a whole process's."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(
            os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + STAND_BACK
        )


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
