"""Bringing a store to the newest form when it is opened: all of it, or nothing."""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from classroom_app.domain.errors import StoreNewer
from classroom_app.storage import migrations
from classroom_app.storage.copies import VERSIONS, copy_of, keep_copy
from classroom_app.storage.engine import driver_of, transaction
from classroom_app.storage.refusals import as_not_kept

log = logging.getLogger(__name__)


def migrate(connection: Connection, path: Path) -> None:
    """Apply what is missing, after a copy of a store that has something to lose.

    Raises `StoreNewer` for a form that this version does not know, and `NotKept`.
    """
    try:
        version = version_of(connection)
        if version == VERSIONS[-1]:
            return
        if version:
            keep_copy(connection, copy_of(path, version))
            log.info("store migrates", extra={"version": version})
        with transaction(driver_of(connection)):
            _upgrade(connection, version)
    except Exception as error:
        raise as_not_kept(error) or error from error


def version_of(connection: Connection) -> str:
    """Return the form of the store; empty for a new file."""
    with transaction(driver_of(connection)):
        tables = inspect(connection).get_table_names()
        if "alembic_version" in tables:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if found not in VERSIONS:
                raise StoreNewer(str(found))
            return str(found)
    # The first form was made before forms had numbers.
    return VERSIONS[0] if "journal" in tables else ""


def _upgrade(connection: Connection, version: str) -> None:
    # Alembic takes a sixth of the app's start to import, and most starts have nothing for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.attributes["connection"] = connection
    if version == VERSIONS[0]:
        command.stamp(made, version)
    command.upgrade(made, "head")
