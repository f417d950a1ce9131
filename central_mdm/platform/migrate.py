"""Bringing a database to the newest version, at start, once whoever else starts."""

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from central_mdm.platform import migrations
from central_mdm.platform.database import Database

log = logging.getLogger(__name__)
# Any number, the same in all replicas: one of them migrates, the others wait.
LOCK: Final = 0x70757069
NEWEST: Final = "0021"
"""The newest version, as the last file under `migrations/versions` names it."""

NO_LOCK: Final = frozenset({"55P03", "40P01"})
"""It was not had in time, or we were the victim of a deadlock: nothing is done, so again."""
LOCK_SECONDS: Final = 3
"""So long all may stand behind a table that is to be altered."""
AGAIN_SECONDS: Final = 5
AGAIN_SPREAD_SECONDS: Final = 10


async def migrate(database: Database) -> None:
    """Apply what is missing in one transaction: all of it, or nothing.

    What another holds, a backup say, is not waited for: whoever reads the same table would stand
    behind us, in the whole region. All is let go and tried again, until whoever started us gives
    up; servers of the version before serve on.
    """
    while not await _migrated(database):
        log.warning("migration waits: another transaction, a backup perhaps, holds a table")
        await asyncio.sleep(AGAIN_SECONDS + secrets.randbelow(AGAIN_SPREAD_SECONDS))


async def _migrated(database: Database) -> bool:
    """Apply what is missing; False: another holds some of it."""
    try:
        async with database.engine.connect() as connection:
            await connection.execution_options(pupitre_writes=True)
            async with connection.begin():
                if connection.dialect.name == "postgresql":
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": LOCK})
                    await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                await connection.run_sync(_upgrade)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") not in NO_LOCK:
            raise
        return False
    return True


def version_of(connection: Connection) -> str:
    """Return the database's version; empty for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def _upgrade(connection: Connection) -> None:
    # A newer one is left alone: a replica of the last version may start beside the first new one.
    if version_of(connection) < NEWEST:
        upgrade(connection, "head")


def upgrade(connection: Connection, version: str) -> None:
    """Bring the database to a version, "head" for the newest."""
    # Alembic takes as long to import as all of SQLAlchemy, and most starts have nothing for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.attributes["connection"] = connection
    command.upgrade(made, version)
