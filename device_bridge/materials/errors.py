"""What can go wrong with a document.

DeviceError
|- Broken
|  |- Unreadable   this folder or file cannot be read or written
|- MaterialError
   |- DiskFull     freeing space helps
   |- NotWhole     the other end's bytes are not the document's; twice
   |- Withheld     the other end has not got it or may not give it

`reason` is the word a `MaterialReport` carries.
"""

import errno
from pathlib import Path

from device_bridge.protocol.errors import Broken, DeviceError

# EFBIG: FAT32 ends at 4 GB and RLIMIT_FSIZE anywhere; for the caller it is the same full disk.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class MaterialError(DeviceError):
    reason = "refused"


class DiskFull(MaterialError):
    """`needs` bytes are to be written, `has` may be: what the system keeps for itself is off."""

    reason = "disk-full"

    def __init__(self, needs: int, has: int) -> None:
        super().__init__(needs, has)
        self.needs = needs
        self.has = has


class NotWhole(MaterialError):
    """What came does not hash to what was asked for, and asking again did not help."""

    reason = "not-whole"


class Withheld(MaterialError):
    """The supplier said `NotHeld`, or what it has is larger than agreed."""


class Unreadable(Broken):
    """A file or folder of ours that the system will not let us use; the log says which."""

    reason = "unreadable"


def from_os(error: OSError, needs: int, has: int) -> DiskFull | Unreadable:
    """Name a failed read or write by what its caller can do."""
    if error.errno in _FULL:
        return DiskFull(needs, has)
    where = Path(str(error.filename)).name if error.filename else ""
    return Unreadable(error.strerror or type(error).__name__, where)
