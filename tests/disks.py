"""Real small disks: a file system in memory, mounted for one test."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class NoMounts(Exception):
    """No file system can be mounted here; the text says what is needed."""


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, size: str) -> None:
        """Make the disk as large as `size` ("4m") from now on."""
        self._remount(f"size={size}")

    def read_only(self) -> None:
        self._remount("ro")

    def _remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", self.folder], check=True)


@contextmanager
def disk(folder: Path, size: str) -> Generator[Disk]:
    if os.geteuid():
        raise NoMounts("Tests of full and read-only disks need root: run `sudo make test`.")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
