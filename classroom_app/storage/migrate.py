"""Bringing a store to the newest form when it is opened: all of it, or nothing."""

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from classroom_app.domain.errors import StoreBroken, StoreNewer
from classroom_app.storage import migrations
from classroom_app.storage.copies import VERSIONS, copy_of, keep_copy
from classroom_app.storage.engine import driver_of, transaction
from classroom_app.storage.forms import NUMBERED
from classroom_app.storage.refusals import as_not_kept

UNNUMBERED: Final = "no row says which form it has"
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
            upgrade(connection, version)
    except Exception as error:
        raise as_not_kept(error) or error from error


def version_of(connection: Connection) -> str:
    """Return the form of the store; empty for a new file.

    Raises `StoreNewer`, and `StoreBroken` where the row that says it is gone.
    """
    with transaction(driver_of(connection)):
        tables = inspect(connection).get_table_names()
        if NUMBERED in tables:
            found = connection.execute(text(f"SELECT version_num FROM {NUMBERED}")).scalar()  # noqa: S608 - a name of ours
            if found is None:
                raise StoreBroken(UNNUMBERED)
            if found not in VERSIONS:
                raise StoreNewer(str(found))
            return str(found)
    # The first form was made before forms had numbers.
    return VERSIONS[0] if "journal" in tables else ""


def upgrade(connection: Connection, version: str) -> None:
    """Bring a store of the form `version` to the newest in the transaction of whoever calls."""
    # Alembic takes a sixth of the app's start to import, and most starts have nothing for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.attributes["connection"] = connection
    if version == VERSIONS[0]:
        command.stamp(made, version)
    command.upgrade(made, "head")
