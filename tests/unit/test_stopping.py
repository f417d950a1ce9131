"""A polite signal ends a program once; what it tidies up then is not cut short."""

import asyncio
import os
import signal

import pytest

from classroom_app.stopping import stoppable

pytestmark = pytest.mark.real_loop


async def test_a_second_signal_does_not_cut_the_tidying_short() -> None:
    begun, tidied = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.05)  # long enough for the loop to hear it
            tidied.set()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stoppable(work()))
            await begun.wait()
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(ends)
    assert tidied.is_set()
