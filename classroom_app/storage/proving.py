"""A repaired store is opened as the app does, before anybody is told that it is whole."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from classroom_app.domain.errors import StoreBroken
from classroom_app.storage.copies import VERSIONS
from classroom_app.storage.engine import driver_of, open_connection, shut
from classroom_app.storage.migrate import upgrade, version_of
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.settings import begun, read


def prove(part: Path, key: str) -> None:
    """Open a store, bring it to the newest form and begin with it; then undo all that.

    Raises `StoreBroken` where the app could not, and `NotKept` where the disk does not take it.
    """
    connection = open_connection(part, key)
    try:
        version = version_of(connection)
        with _undone(connection):
            if version and version != VERSIONS[-1]:
                upgrade(connection, version)
            told = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
            if told != "ok":
                raise StoreBroken(str(told))
            if version:
                begun(read(connection))
        # One file, which a rename moves whole.
        driver_of(connection).execute("PRAGMA journal_mode = DELETE")
    except (SQLAlchemyError, ValueError) as error:
        raise as_not_kept(error) or StoreBroken(str(error)) from error
    finally:
        shut(connection)


def begins(path: Path, key: str) -> bool:
    """Tell whether the app begins with a store of this form in which all can be read."""
    connection = open_connection(path, key)
    try:
        if version_of(connection) == VERSIONS[-1]:
            begun(read(connection))
    except (SQLAlchemyError, ValueError):
        return False
    finally:
        shut(connection)
    return True


@contextmanager
def _undone(connection: Connection) -> Generator[None]:
    driver = driver_of(connection)
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if driver.in_transaction:  # a full disk has undone it already
            driver.execute("ROLLBACK")
