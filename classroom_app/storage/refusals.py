"""What SQLite and the system refuse, named by what a person can do."""

import errno

from sqlalchemy.exc import DBAPIError
from sqlcipher3 import dbapi2

from classroom_app.domain.errors import (
    NotKept,
    StoreBroken,
    StoreFull,
    StoreInUse,
    StoreReadOnly,
    StoreSealed,
)
from device_bridge.materials.errors import DiskFull, Unreadable

CODE_BITS = 0xFF


def as_not_kept(error: Exception) -> NotKept | None:
    """Name a refusal by the disk or the file; None for any other error, which is a bug's."""
    if isinstance(error, NotKept):
        return error
    if isinstance(error, OSError):
        return from_os(error)
    if isinstance(error, DiskFull):
        return StoreFull()
    if isinstance(error, Unreadable):
        return NotKept(*error.args)
    if isinstance(error, DBAPIError) and isinstance(error.orig, dbapi2.Error):
        error = error.orig
    return _from_code(error) if isinstance(error, dbapi2.Error) else None


def from_os(error: OSError) -> NotKept:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StoreFull()
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StoreReadOnly()
        case _:
            return NotKept(error.strerror)


def _from_code(error: dbapi2.Error) -> NotKept | None:
    """Read the primary result code (https://sqlite.org/rescode.html)."""
    # The driver raises some errors by itself, of wrong use and without a code.
    match getattr(error, "sqlite_errorcode", 0) & CODE_BITS:
        case dbapi2.SQLITE_FULL:
            return StoreFull()
        case dbapi2.SQLITE_READONLY | dbapi2.SQLITE_CANTOPEN:
            return StoreReadOnly()
        case dbapi2.SQLITE_CORRUPT:
            return StoreBroken(str(error))
        case dbapi2.SQLITE_NOTADB:
            return StoreSealed("wrong")
        case dbapi2.SQLITE_BUSY:
            return StoreInUse()
        case dbapi2.SQLITE_IOERR:
            return NotKept(str(error))
        case _:
            return None
