"""Freed memory is kept for the next piece of a document, or picture of a screen.

A document passes through a program in pieces of 256 KiB, a screen in pictures of 8 MB. The C
library gives such blocks back to the system when they are freed and gets them again as empty
pages: some three page faults for every page of a document, in every thread's own arena, and a third
of the processor time of a hand-out; half of that of scaling a screen (measured with glibc 2.36 in a
virtual machine, where faults are dear).
"""

import ctypes
import sys
from typing import Final

KEPT_BYTES: Final = 32 * 1024 * 1024
MAPPED_BYTES: Final = 32 * 1024 * 1024
"""The most that glibc takes on 64 bit (`DEFAULT_MMAP_THRESHOLD_MAX`)."""
# The parameters' numbers in glibc's malloc.h; mallopt(3).
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8


def keep_freed_memory() -> None:
    """Let the C library keep up to `KEPT_BYTES`; once, as a program starts. Only glibc can."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (_TRIM_THRESHOLD, KEPT_BYTES),
        (_MMAP_THRESHOLD, MAPPED_BYTES),
        (_ARENA_MAX, 1),
    ):
        mallopt(parameter, value)
