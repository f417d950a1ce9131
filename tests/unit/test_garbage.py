"""Qt's objects die in the thread that made them, though Python may collect in any."""

import asyncio
import gc
import threading
import weakref

from device_bridge.garbage import LOOK_SECONDS, collect_here


class Knot:
    """Refers to itself, so that only a collection ends it."""

    def __init__(self) -> None:
        self.itself = self


def _busy() -> list[list[int]]:
    """Make so many objects that a collection is due for as long as they are held."""
    return [[number] for number in range(100_000)]


async def test_a_worker_that_makes_many_objects_collects_none() -> None:
    died_in: list[int] = []
    async with asyncio.TaskGroup() as group:
        collecting = group.create_task(collect_here())
        await asyncio.sleep(0)
        weakref.finalize(Knot(), lambda: died_in.append(threading.get_ident()))
        worker = threading.Thread(target=_busy)
        worker.start()
        worker.join()
        assert not died_in
        held = _busy()
        await asyncio.sleep(LOOK_SECONDS + 0.1)
        del held
        collecting.cancel()
    assert died_in == [threading.get_ident()]
    assert gc.isenabled()
