"""Real small disks: a file system in memory, mounted for one test."""

import errno
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

FILLED_TRIES = 20


class NoMounts(Exception):
    """No file system can be mounted here; the text says what is needed."""


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._others = folder / "of-another-program"

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, leaving: int = 0) -> None:
        """Let another program take all that is free but for `leaving` bytes."""
        for _ in range(FILLED_TRIES):
            try:
                self._take(self.free_bytes - leaving)
            except OSError as error:
                if error.errno != errno.ENOSPC:  # else somebody wrote since we looked
                    raise
            else:
                return
        raise AssertionError("others write faster than the disk fills")

    def empty(self) -> None:
        """Take away what `fill` has put there."""
        self._others.unlink()

    def holds(self, size: str) -> None:
        """Make the disk as large as `size` ("4m") from now on."""
        self._remount(f"size={size}")

    def no_more_files(self, but: int = 0) -> None:
        """Let it have room, and no place for one more file, `but` for so many."""
        disk = os.statvfs(self.folder)
        self._remount(f"nr_inodes={disk.f_files - disk.f_ffree + but}")

    def more_files(self) -> None:
        self._remount("nr_inodes=100000")

    def read_only(self) -> None:
        self._remount("ro")

    def _take(self, size: int) -> None:
        with self._others.open("ab") as file:
            if size > 0:
                os.posix_fallocate(file.fileno(), file.tell(), size)

    def _remount(self, option: str) -> None:
        _run("mount", "-o", f"remount,{option}", str(self.folder))


@contextmanager
def disk(folder: Path, size: str) -> Generator[Disk]:
    """Mount a disk of `size` ("4m") at `folder`, which is made; it is gone at the end.

    Raises `NoMounts` with one sentence where the machine allows none.
    """
    if os.geteuid():
        raise NoMounts("Tests of full and read-only disks need root: run `sudo make test`.")
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    except BaseException:
        # Whatever failed may still have a file open there.
        _run("umount", "--lazy", str(folder))
        raise
    _unmount(folder)


def _unmount(folder: Path) -> None:
    """Unmount; a file that is still open fails the test, and the disk is gone all the same."""
    try:
        _run("umount", str(folder))
    except NoMounts:
        _run("umount", "--lazy", str(folder))
        raise


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoMounts(f"{' '.join(command)}: {done.stderr.strip()}")
