"""One process at a time at a folder, by a lock on the folder itself that ends with the process."""

import logging
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

log = logging.getLogger(__name__)


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


@contextmanager
def scratch(prefix: str, within: Path | None = None) -> Generator[Path]:
    """Make a folder for what nobody is to find: it goes with the block.

    What a killed process has left goes by `forget_dead`, which is done here first. `within`: not
    where the system has what is temporary.
    """
    forget_dead(prefix, within)
    with TemporaryDirectory(prefix=prefix, dir=within) as name, ExitStack() as held:
        folder = Path(name)
        with suppress(OSError):  # some folders have no locks: then it stays, once this is killed
            held.enter_context(only_one(folder))
        yield folder


def forget_dead(prefix: str, within: Path | None = None) -> None:
    """Remove the scratch folders of this user whose process was killed: nobody holds their lock."""
    if sys.platform == "win32":
        return
    for folder in (within or Path(gettempdir())).glob(f"{prefix}*"):
        with suppress(OSError):  # another's, or in use, or being removed
            # As long as nothing is in it, it may be not locked yet.
            if folder.lstat().st_uid == os.geteuid() and any(folder.iterdir()):
                with only_one(folder):
                    shutil.rmtree(folder)
                log.info("removed what a killed process left", extra={"folder": folder.name})
