"""One process at a time at a folder, by a lock on the folder itself that ends with the process."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def only_one(folder: Path) -> Generator[None]:
    """Lock the folder as long as the block lasts or the process lives.

    Raises `BlockingIOError` where another process holds it. On Windows, which has no such locks,
    nothing is held.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not there on Windows

    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)
