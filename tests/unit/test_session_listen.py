"""A listener that is ended lets no accepted connection lie about, whenever the end comes."""

import asyncio
import gc
import socket
import warnings

import pytest

from tests.linked import Device, Earth, listener_for
from tests.school import SmallSchool

pytestmark = pytest.mark.real_loop


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_accepted_as_the_listener_ends_is_closed(turns: int) -> None:
    """Cancel it so many turns of the loop after somebody connected: each is another await."""
    school, device = SmallSchool(), Device()
    listener = listener_for(school, school.identity("device", device.name), device, Earth())
    port = listener.bind(["127.0.0.1"])
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, said: complaints.append(str(said["message"])))
    with warnings.catch_warnings(record=True) as lost:
        warnings.simplefilter("always", ResourceWarning)
        running = loop.create_task(listener.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it waits for somebody
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            del running
            gc.collect()
    assert [str(each.message) for each in lost] == []
    assert complaints == []
