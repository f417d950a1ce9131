"""Opening the store's file: SQLCipher under SQLAlchemy, in WAL, durable at each commit."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool
from sqlcipher3 import dbapi2

from classroom_app.domain.errors import NotKept, StoreReadOnly
from classroom_app.storage.arriving import arriving
from classroom_app.storage.refusals import as_not_kept

# A Pupitre that is just closing may still have the file.
LET_GO_SECONDS: Final = 2.0
# One megabyte: a commit in the middle of a lesson waits for that now and then.
LOG_PAGES_WHERE_FULL: Final = 256
PRAGMAS: Final = (
    # One process has the file, so the writer may keep the journal's newest hash in memory.
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    # 16 MB of log: the commit that folds it in takes 20 ms, so let a lesson meet it once or twice.
    "wal_autocheckpoint = 4000",
    # What is erased by law is overwritten, not only forgotten.
    "secure_delete = ON",
)


def open_driver(path: Path, key: str) -> dbapi2.Connection:
    """Open or make the file at `path`; `key` is 64 hex digits. Transactions are begun by hand."""
    # SQLite would make it readable for others; its log takes the same mode.
    path.touch(mode=0o600)
    connection = dbapi2.connect(
        str(path), LET_GO_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # It would tell the terminal of a damaged page, hundreds of times; our log says it once.
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{bytes.fromhex(key).hex()}'\"")
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_connection(path: Path, key: str) -> Connection:
    """Open the one connection of this process; `shut` ends it.

    Raises `NotKept`: `StoreSealed` for another key, `StoreInUse`, `StoreReadOnly`, `StoreFull`.
    """
    # SQLite would call a folder that takes no file an I/O error.
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise StoreReadOnly
    engine = create_engine(
        "sqlite://",
        creator=lambda: open_driver(path, key),
        # Its errors are SQLAlchemy's only if this is known to be the driver.
        module=dbapi2,
        poolclass=StaticPool,
    )
    try:
        if not path.exists():
            _begin(path, key)
        return engine.connect()
    except Exception as error:
        engine.dispose()
        named = as_not_kept(error)
        if isinstance(named, StoreReadOnly):
            named = _unmade(path.with_name(f"{path.name}-wal")) or named
        raise named or error from error


def _begin(path: Path, key: str) -> None:
    """Make the file with its first page, or none: one without a byte has lost what it held."""
    with arriving(path) as part:
        open_driver(part, key).close()


def _unmade(log: Path) -> NotKept | None:
    """Say why the write-ahead log cannot be made: SQLite does not know a full disk from a ban."""
    try:
        log.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return None
    except OSError as error:
        return as_not_kept(error)
    log.unlink()
    return None


def shut(connection: Connection) -> None:
    """Close the file; SQLite then folds the write-ahead log into it."""
    connection.close()
    connection.engine.dispose()


@contextmanager
def transaction(driver: dbapi2.Connection) -> Generator[None]:
    """Commit at the end, or undo all by an exception; SQLAlchemy's own would do nothing here."""
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield
        driver.execute("COMMIT")
    except BaseException:
        if driver.in_transaction:  # a full disk has undone it already
            driver.execute("ROLLBACK")
        raise


def spare(driver: dbapi2.Connection) -> bool:
    """Fold the log into the file and keep it short: on a full disk it is the file that must grow.

    A log that was folded in is written anew from its beginning, in the room it has. False where
    the file cannot take it: nothing is lost then, and nothing gained.
    """
    driver.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_WHERE_FULL}")
    try:
        driver.execute("PRAGMA wal_checkpoint")
    except dbapi2.Error:
        return False
    return True


def driver_of(connection: Connection) -> dbapi2.Connection:
    """Return the driver's own connection: on the hot path SQLAlchemy costs more than SQLite."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, dbapi2.Connection)  # noqa: S101 - `open_connection` made it
    return driver
