"""Ctrl+C, a log-out and a shut terminal end a program as its own door does: by cancelling."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def stoppable(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; a polite signal cancels it, and what it then tidies up is waited for.

    A second one, of an impatient hand or sent to a whole group, does not cut the tidying short.
    """
    loop, ours = asyncio.get_running_loop(), asyncio.current_task()
    if ours is not None and sys.platform != "win32":  # which has no such signals

        def stop() -> None:
            nonlocal asked
            if not asked:
                asked = ours.cancel()

        asked = False
        for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(ends) is not signal.SIG_IGN:  # as nohup wishes
                loop.add_signal_handler(ends, stop)
    return await work
