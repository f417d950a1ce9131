"""Room put by for a full disk: a file beside the store, given back when nothing else is left.

A store that cannot write opens, reads, and refuses every act. What is given back here is enough
for weeks of acts, so that a lesson goes on; it is put by anew when the disk has room again.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

BALLAST_BYTES: Final = 8 * 1024 * 1024
# No more is taken of a disk that has less: it may be the last of somebody else's.
ROOM_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024


class Ballast:
    """Any thread calls it, one at a time is heard."""

    def __init__(
        self,
        store: Path,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._path = store.with_suffix(".ballast")
        self._free = free
        self._turn = Lock()

    def put_by(self) -> int:
        """Put it by where there is room; return how many bytes must be freed before there is."""
        with self._turn:
            lies = self._path.stat().st_size if self._path.exists() else 0
            if lies >= BALLAST_BYTES:
                return 0
            lacks = ROOM_BYTES - self._free(self._path.parent)
            return lacks if lacks > 0 else self._filled(lies)

    def wanting(self) -> bool:
        """Tell whether the disk is short of room and nothing is put by."""
        return not self._path.exists() and self._free(self._path.parent) < ROOM_BYTES

    def give_back(self) -> bool:
        """Free it, and with it a file's place in the folder; False where there was none."""
        with self._turn:
            try:
                self._path.unlink()
            except OSError:
                return False
            return True

    def _filled(self, lies: int) -> int:
        try:
            with self._path.open("ab") as file:
                for _ in range(lies, BALLAST_BYTES, _PIECE_BYTES):
                    file.write(bytes(_PIECE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # no place for a file, or somebody was faster
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return ROOM_BYTES
        return 0
