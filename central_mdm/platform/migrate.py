"""Bringing a database to the newest version, at start, once whoever else starts."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from central_mdm.platform import migrations
from central_mdm.platform.database import Database

# Any number, the same in all replicas: one of them migrates, the others wait.
LOCK: Final = 0x70757069


async def migrate(database: Database) -> None:
    """Apply what is missing in one transaction: all of it, or nothing."""
    async with database.engine.connect() as connection:
        await connection.execution_options(pupitre_writes=True)
        async with connection.begin():
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": LOCK})
            await connection.run_sync(_upgrade)


def configuration(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(migrations.__file__).parent))
    made.attributes["connection"] = connection
    return made


def _upgrade(connection: Connection) -> None:
    command.upgrade(configuration(connection), "head")
