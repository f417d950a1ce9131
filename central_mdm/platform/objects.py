"""Where chunks lie: a store of immutable objects by name; here a folder, elsewhere S3."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from central_mdm.platform.workers import Workers


class Objects(Protocol):
    """Objects of a school, named by their content's hash in hex; written once, never changed."""

    async def keep(self, school: str, name: str, content: bytes) -> None:
        """Keep `content` durably; doing it twice is doing it once."""
        ...

    async def read(self, school: str, name: str) -> bytes | None: ...

    async def remove(self, school: str, name: str) -> None:
        """Remove an object; doing it twice is doing it once."""
        ...


class Folder:
    """A folder as an object store: what has its name is whole and on the disk."""

    def __init__(self, root: Path, workers: Workers) -> None:
        self._root = root
        self._workers = workers

    async def keep(self, school: str, name: str, content: bytes) -> None:
        await self._workers.run(_keep, self._path(school, name), content)

    async def read(self, school: str, name: str) -> bytes | None:
        return await self._workers.run(_read, self._path(school, name))

    async def remove(self, school: str, name: str) -> None:
        await self._workers.run(_remove, self._path(school, name))

    def _path(self, school: str, name: str) -> Path:
        # A school's id may be "..": its hash cannot.
        tenant = hashlib.sha256(school.encode()).hexdigest()[:32]
        return self._root / tenant / name[:2] / name


def _keep(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}-{os.urandom(8).hex()}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for folder in _parents(path):
        _sync_folder(folder)


def _parents(path: Path) -> Iterator[Path]:
    """Yield the folders whose entries a first chunk makes: its own, the tenant's, the root's."""
    yield path.parent
    yield path.parent.parent
    yield path.parent.parent.parent


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
