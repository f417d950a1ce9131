"""Where a guard's time comes from: the boot clock, which counts suspend and nobody can set."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Clock:
    """`boot` gives seconds since the machine started; `boot_id` names that start.

    `wall` is shown, warned of, and asked whether a signature may be right (`trust.floor`): no right
    goes by it alone, for a pupil can set it.
    """

    boot: Callable[[], float]
    wall: Callable[[], float]
    boot_id: str


def system_clock() -> Clock:
    # CLOCK_BOOTTIME is Linux's; elsewhere the monotonic clock is the nearest.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return Clock(partial(time.clock_gettime, time.CLOCK_BOOTTIME), time.time, _boot_id())
    return Clock(time.monotonic, time.time, _boot_id())


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()[:64]
    except OSError:
        # Without a name for this boot, none is the same as the last: leases count as remaining.
        return ""
