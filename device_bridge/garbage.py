"""Cycles of objects are collected by a window's own thread, never by a worker.

Python collects them in whichever thread happens to make an object, and so would destroy a window's
timers and widgets in a thread that decodes a picture, which Qt does not survive.
"""

import asyncio
import gc
from typing import Final, NoReturn

LOOK_SECONDS: Final = 1.0


def settle() -> None:
    """Leave what is there now, modules above all, out of every later collection."""
    gc.collect()
    gc.freeze()


async def collect_here() -> NoReturn:
    """Collect on this loop's thread until cancelled; what stands at the start is left alone.

    Python's own thresholds say when each generation is due (the `gc` module's documentation).
    """
    was_on = gc.isenabled()
    settle()
    gc.disable()
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            _collect_due()
    finally:
        if was_on:
            gc.enable()
        gc.unfreeze()


def _collect_due() -> None:
    """Collect the oldest generation whose threshold is passed, and with it all younger ones."""
    for generation in (2, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return
