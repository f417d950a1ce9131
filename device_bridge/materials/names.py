"""File names from elsewhere, made harmless, and the proof that a file stays in its folder."""

import os
import stat
import unicodedata
from collections.abc import Collection
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

from device_bridge.materials.errors import Unreadable

NAME_CHARACTERS_MAX: Final = 120
# ext4, APFS and NTFS end at 255 units; a part's suffix and a number still have to fit.
NAME_BYTES_MAX: Final = 220
_EXTENSION_MAX: Final = 16
_LOOKED_AT: Final = 1000
_SEPARATING: Final = frozenset('/\\:<>"|?*')  # on one system or another
_RESERVED: Final = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"]
)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
# A pipe put where a file was expected must not stop the thread that opens it.
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_HELD: Final = os.open in os.supports_dir_fd


def safe_name(hostile: str, taken: Collection[str] = ()) -> str:
    """Return a name for `hostile` that is one plain entry of any folder on any system.

    Not a path, not hidden, not an option of a program, no character that hides or turns others,
    at most 120 long with its extension kept, and no twin of `taken` where case does not count.
    """
    stem, extension = _parted(_plain(hostile))
    # Cut, a name without an extension may end in one: a harmless name is harmless said again.
    while not extension and (cut := _parted(_fitted(stem, ""))) != (stem, ""):
        stem, extension = cut
    keys = {_key(name) for name in taken}
    for number in count(1):
        tail = extension if number == 1 else f" ({number}){extension}"
        name = _fitted(stem, tail)
        if _key(name) not in keys:
            return name
    raise AssertionError  # count() has no end


def inside(folder: Path, name: str) -> Path:
    """Return `folder/name`; raises `Unreadable` unless `name` is harmless as it stands."""
    if name != safe_name(name):
        raise Unreadable("not a harmless name", safe_name(name))
    return folder / name


def shown_in(folder: Path) -> list[str]:
    """List a folder's names in order, hidden ones left out. Raises `OSError`."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names


def sendable(name: str) -> str:
    """Give a name that can be sent: a file system's bytes need not be text."""
    return name.encode("utf-8", "replace").decode()[:255]


def create_inside(folder: Path, name: str) -> BinaryIO:
    """Make the new file `name` in `folder`; never through a link, never over another file."""
    return _opened(folder, name, os.O_RDWR | os.O_CREAT | os.O_EXCL, "wb+")


def open_inside(folder: Path, name: str) -> BinaryIO:
    """Open the regular file `name` of `folder` for reading, unbuffered; raises `Unreadable`.

    The name is an entry of the folder as the system lists it, so it need not be safe to make;
    a link, a folder, a pipe or a device is refused.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name or Path(name).name != name:
        raise Unreadable("not an entry of the folder", safe_name(name))
    return _opened(folder, name, os.O_RDONLY | _NONBLOCK, "rb", checked=False)


def _opened(folder: Path, name: str, flags: int, mode: str, *, checked: bool = True) -> BinaryIO:
    path = inside(folder, name) if checked else folder / name
    try:
        descriptor = _descriptor(path, flags | _NOFOLLOW | _BINARY)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__, safe_name(name)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("not a regular file", safe_name(name))
    return open(descriptor, mode, buffering=0)  # pyright: ignore[reportReturnType]  # noqa: PTH123


def _descriptor(path: Path, flags: int) -> int:
    if not _HELD:
        if path.is_symlink():
            raise OSError(0, "a link", str(path))
        return os.open(path, flags, 0o600)
    # Opened from the folder itself: nobody can swap the folder for a link in between.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return os.open(path.name, flags, 0o600, dir_fd=folder)
    finally:
        os.close(folder)


def _plain(hostile: str) -> str:
    # Longer than any name and looked at in no time; the end keeps the extension.
    short = hostile if len(hostile) <= _LOOKED_AT else hostile[:_LOOKED_AT] + hostile[-20:]
    letters = (_letter(letter) for letter in unicodedata.normalize("NFC", short))
    return " ".join("".join(letters).split())


def _letter(letter: str) -> str:
    if letter in _SEPARATING:
        return "_"
    match unicodedata.category(letter):
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Cc":
            return " " if letter in "\t\n\r" else ""
        case "Cf" | "Cs" | "Co" | "Cn":  # turning, joining, half, private, unheard of
            return ""
        case _:
            return letter


def _parted(plain: str) -> tuple[str, str]:
    bare = plain.lstrip(".-~ ").rstrip(". ")
    stem, dot, extension = bare.rpartition(".")
    stem = stem.rstrip(". ")
    if not dot or not stem or not extension.isalnum() or len(extension) > _EXTENSION_MAX:
        return bare or "document", ""
    return stem, "." + extension


def _fitted(stem: str, tail: str) -> str:
    if stem.partition(".")[0].rstrip().upper() in _RESERVED:
        stem = "_" + stem
    letters = NAME_CHARACTERS_MAX - len(tail)
    stem = stem[:letters]
    while len((stem + tail).encode()) > NAME_BYTES_MAX:
        stem = stem[:-1]
    return unicodedata.normalize("NFC", (stem.rstrip(". ") or "document") + tail)


def _key(name: str) -> str:
    """Two names with one key are one file on Windows, macOS or a USB stick."""
    return unicodedata.normalize("NFKC", name.casefold()).casefold()
