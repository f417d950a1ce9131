"""A bundle's files, out of a folder or a zip that may be hostile: nothing is ever unpacked."""

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final, Protocol, TypeVar

from central_mdm.platform.errors import Malformed

ENTRIES_MAX: Final = 64
FILE_BYTES_MAX: Final = 2 * 1024**3
ALL_BYTES_MAX: Final = 4 * 1024**3
RATIO_MAX: Final = 120
"""Rows of a register shrink by 5 to 40; what shrinks by more is made to fill a disk."""
RATIO_FREE_BYTES: Final = 1024**2
IGNORED: Final = "__MACOSX/"
NO_BUNDLE: Final = (
    "This is no whole zip. A bundle is a zip of OneRoster's CSV files, or the folder they lie in: "
    "one of them alone is none."
)
T = TypeVar("T")


class Bundle(Protocol):
    """`names`: the files there are, in small letters."""

    names: frozenset[str]

    def open(self, name: str) -> BufferedReader: ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        files = [path for path in folder.iterdir() if path.suffix.lower() == ".csv"]
        self._files = _once([(path.name.lower(), path) for path in files])
        self.names = frozenset(self._files)

    def open(self, name: str) -> BufferedReader:
        return self._files[name].open("rb")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = [each for each in archive.infolist() if not each.is_dir()]
        if len(entries) > ENTRIES_MAX:
            raise Malformed("too-many-files", f"A bundle has at most {ENTRIES_MAX} files.")
        if sum(each.file_size for each in entries) > ALL_BYTES_MAX:
            raise Malformed("too-large", "The files of this zip are too large together.")
        for each in entries:
            _check(each)
        wanted = [
            (each.filename.rpartition("/")[2].lower(), each)
            for each in entries
            if not each.filename.startswith(IGNORED)
        ]
        self._entries = _once([(name, each) for name, each in wanted if name.endswith(".csv")])
        self.names = frozenset(self._entries)

    def open(self, name: str) -> BufferedReader:
        # It reads no more than the size that was checked, and compares the checksum at the end.
        return BufferedReader(self._archive.open(self._entries[name]))  # pyright: ignore[reportArgumentType] - a ZipExtFile, which reads into a buffer


@contextmanager
def open_bundle(path: Path) -> Generator[Bundle]:
    """Open a folder or a zip of CSV files. Raises Malformed, or OSError where nothing is there."""
    if path.is_dir():
        yield _Folder(path)
        return
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield _Zip(archive)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error):
            raise Malformed("no-bundle", NO_BUNDLE) from None


def _check(entry: zipfile.ZipInfo) -> None:
    """Refuse what leads out of the bundle, is sealed, or grows beyond all measure."""
    parts = entry.filename.split("/")
    if ".." in parts or not parts[0] or "\\" in entry.filename or ":" in entry.filename:
        raise Malformed("bad-path", "A file of this zip has a path that leads out of it.")
    if entry.flag_bits & 1:
        raise Malformed("sealed", "This zip is sealed by a password. Make one without.")
    allowed = RATIO_FREE_BYTES + RATIO_MAX * entry.compress_size
    if entry.file_size > min(allowed, FILE_BYTES_MAX):
        raise Malformed("too-large", f"{parts[-1][:40]} grows too large when it is read.")


def _once(named: list[tuple[str, T]]) -> dict[str, T]:
    found = dict(named)
    if len(found) < len(named):
        raise Malformed("twice", "A file of the bundle is there twice.")
    return found
