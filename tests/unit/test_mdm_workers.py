"""Slow work in few threads: a queue with an end, and a share of it for strangers."""

import asyncio
from threading import Event

import pytest

from central_mdm.platform.errors import Busy
from central_mdm.platform.workers import Share, Workers

pytestmark = pytest.mark.real_loop


async def test_who_fills_a_share_of_the_queue_leaves_the_rest_to_others() -> None:
    workers, over = Workers("slow", 1, waiting_max=4), Event()
    share = Share(workers, waiting_max=2)
    try:
        async with asyncio.TaskGroup() as tasks:
            strangers = [tasks.create_task(share.run(over.wait, 5), name="one") for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await share.run(over.wait, 5)
            honest = [tasks.create_task(workers.run(over.wait, 5), name="two") for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await workers.run(over.wait, 5)
            over.set()
        assert all(task.result() for task in strangers + honest)
        assert await share.run(over.wait, 5), "there is room again"
    finally:
        over.set()
        workers.close()
