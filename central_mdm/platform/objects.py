"""Where chunks lie: a store of immutable objects by name; here a folder, in `s3.py` a bucket."""

import errno
import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE, S_IRWXO
from typing import Final, Protocol

from central_mdm.platform.spans import Spans
from central_mdm.platform.workers import Workers

NAMED_AT_ONCE: Final = 500
PART: Final = ".part"
Named = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Returns which of these names are in a register."""


class Objects(Protocol):
    """Objects of a school, named by their content's hash in hex; written once, never changed."""

    async def keep(self, school: str, name: str, content: bytes) -> None:
        """Keep `content` durably, whatever lies there: one that was lost or has rotted is mended.

        Doing it twice is doing it once.
        """
        ...

    async def read(self, school: str, name: str) -> bytes | None: ...

    @property
    def is_near(self) -> bool:
        """Whether it costs next to nothing to ask what lies there: no turn over a network."""
        ...

    async def absent(self, school: str, names: Sequence[str]) -> set[str]:
        """Return under which names nothing lies; none is read."""
        ...

    async def remove(self, school: str, name: str) -> None:
        """Remove an object; doing it twice is doing it once."""
        ...

    async def forget(self, school: str, before: int, parts_before: int, named: Named) -> int:
        """Remove what was kept last before `before`, UTC seconds, and is not `named`.

        And what a killed `keep` has left of its part before `parts_before`. Returns how many are
        gone; 0 where nothing is looked for.
        """
        ...

    async def addresses(self, school: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return where whoever has an address may read each for a while; none: only through us."""
        ...


class Traced:
    """An object store whose work `spans` show: how many bytes or objects, and no name."""

    def __init__(self, objects: Objects, spans: Spans) -> None:
        self._objects = objects
        self._spans = spans

    async def keep(self, school: str, name: str, content: bytes) -> None:
        with self._spans("objects keep", bytes=len(content)):
            await self._objects.keep(school, name, content)

    async def read(self, school: str, name: str) -> bytes | None:
        with self._spans("objects read"):
            return await self._objects.read(school, name)

    @property
    def is_near(self) -> bool:
        return self._objects.is_near

    async def absent(self, school: str, names: Sequence[str]) -> set[str]:
        with self._spans("objects absent", objects=len(names)):
            return await self._objects.absent(school, names)

    async def remove(self, school: str, name: str) -> None:
        with self._spans("objects remove"):
            await self._objects.remove(school, name)

    async def forget(self, school: str, before: int, parts_before: int, named: Named) -> int:
        with self._spans("objects forget"):
            return await self._objects.forget(school, before, parts_before, named)

    async def addresses(self, school: str, names: Sequence[str]) -> tuple[str, ...]:
        with self._spans("objects addresses", objects=len(names)):
            return await self._objects.addresses(school, names)


def tenant_of(school: str) -> str:
    """Name a school's part of a store: its id may be "..", its hash cannot."""
    return hashlib.sha256(school.encode()).hexdigest()[:32]


class Folder:
    """A folder as an object store: what has its name is whole and on the disk."""

    is_near = True

    def __init__(self, root: Path, workers: Workers) -> None:
        self._root = root
        self._workers = workers
        self._lasting: set[Path] = set()
        """Folders of whose own entries we know that they are on the disk."""

    async def keep(self, school: str, name: str, content: bytes) -> None:
        path = self._path(school, name)
        await self._workers.run(_keep, path, content, known=path.parent in self._lasting)
        self._lasting.add(path.parent)

    async def read(self, school: str, name: str) -> bytes | None:
        return await self._workers.run(_read, self._path(school, name))

    async def absent(self, school: str, names: Sequence[str]) -> set[str]:
        places = {name: self._path(school, name) for name in names}
        return await self._workers.run(_absent, places)

    async def remove(self, school: str, name: str) -> None:
        await self._workers.run(_remove, self._path(school, name))

    async def forget(self, school: str, before: int, parts_before: int, named: Named) -> int:
        root, gone = self._root / tenant_of(school), 0
        old, parts = await self._workers.run(_old, root, before, parts_before)
        for start in range(0, len(old), NAMED_AT_ONCE):
            some = {path.name: path for path in old[start : start + NAMED_AT_ONCE]}
            for name in await named(list(some)):
                del some[name]
            gone += await self._workers.run(_remove_old, list(some.values()), before)
        return gone + await self._workers.run(_remove_old, parts, parts_before)

    async def addresses(self, school: str, names: Sequence[str]) -> tuple[str, ...]:
        del school, names
        return ()

    def _path(self, school: str, name: str) -> Path:
        return self._root / tenant_of(school) / name[:2] / name


def _keep(path: Path, content: bytes, *, known: bool) -> None:
    if _lies(path, content) and _touched(path):
        return
    if not known:
        _make_private(path.parents[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}-{os.urandom(8).hex()}{PART}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # A first chunk makes entries in three folders: its own, the tenant's, the root's.
    for folder in list(path.parents)[: 1 if known else 3]:
        _sync_folder(folder)


def _make_private(root: Path) -> None:
    """Let not everybody on the machine in: the folder that it lies in may be anybody's.

    A group that an operator has let in, for backups, stays.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # a volume that was mounted here
        if (mode := S_IMODE(root.stat().st_mode)) & S_IRWXO:
            root.chmod(mode & ~S_IRWXO)


def _absent(places: Mapping[str, Path]) -> set[str]:
    return {name for name, path in places.items() if not path.exists()}


def _lies(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:  # it is not there, or its disk gives it no more
        return False


def _touched(path: Path) -> bool:
    """Note that it was kept now, for `_remove_old`; whether it lies there still."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _old(root: Path, before: int, parts_before: int) -> tuple[list[Path], list[Path]]:
    """Return the objects and the parts of objects that are as old."""
    objects, parts = list[Path](), list[Path]()
    for path in root.glob("*/*"):
        is_part = path.suffix == PART
        if _is_old(path, parts_before if is_part else before):
            (parts if is_part else objects).append(path)
    return objects, parts


def _remove_old(paths: Sequence[Path], before: int) -> int:
    """Remove what was not kept anew since it was found to be old; return how many."""
    gone = 0
    for path in paths:
        if _is_old(path, before):
            _remove(path)
            gone += 1
    return gone


def _is_old(path: Path, before: int) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:  # it has just gone
        return False


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
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""  # it lies there, and its disk gives it no more: no chunk is empty
