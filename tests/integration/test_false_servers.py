"""The servers that tests speak to leave nothing behind, at whatever moment they end."""

import asyncio
import gc
import socket

import pytest

from tests.false_servers import hang, speaking

pytestmark = pytest.mark.real_loop


@pytest.mark.parametrize("turns", range(8))
async def test_a_caller_who_comes_as_the_server_ends_leaves_no_open_connection(turns: int) -> None:
    async with speaking(hang) as address:
        caller = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
        for _ in range(turns):  # of the loop: accepted, made, met
            await asyncio.sleep(0)
    caller.close()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
