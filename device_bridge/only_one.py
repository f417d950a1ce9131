"""One program at a time in a folder, by a lock on the folder itself that ends with the process."""

import logging
import os
import sys
from pathlib import Path

log = logging.getLogger(__name__)


def lock_folder(folder: Path) -> int:
    """Lock it; return what holds the lock: a descriptor, to be closed, that a child may inherit.

    Raises `BlockingIOError` where another holds it, `OSError` where it cannot be opened. Where the
    system has no such locks nothing is held: Windows, some folders that lie on a server.
    """
    if sys.platform == "win32":
        return os.open(os.devnull, os.O_RDONLY)
    import fcntl  # noqa: PLC0415 - not there on Windows

    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise
    except OSError as error:
        log.info("a folder without locks", extra={"why": error.strerror})
    return held
