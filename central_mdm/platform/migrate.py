"""Bringing a database to the newest version, at start, once whoever else starts."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from central_mdm.platform import migrations
from central_mdm.platform.database import Database

# Any number, the same in all replicas: one of them migrates, the others wait.
LOCK: Final = 0x70757069
NEWEST: Final = "0020"
"""The newest version, as the last file under `migrations/versions` names it."""


async def migrate(database: Database) -> None:
    """Apply what is missing in one transaction: all of it, or nothing."""
    async with database.engine.connect() as connection:
        await connection.execution_options(pupitre_writes=True)
        async with connection.begin():
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": LOCK})
            await connection.run_sync(_upgrade)


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
