"""How a database goes about what it is asked: which index it takes."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from central_mdm.platform.database import Database

Asked = tuple[str, Any]
"""A statement as the driver gets it, and its parameters."""


@contextmanager
def asking(database: Database) -> Generator[list[Asked]]:
    """Note what the database is asked meanwhile."""
    asked: list[Asked] = []

    def note(_connection: object, _cursor: object, *told: Any) -> None:  # noqa: ANN401
        asked.append((told[0], told[1]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def plan_of(database: Database, school: str, asked: Asked) -> str:
    statement, parameters = asked
    how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    async with database.reading(school) as connection:
        told = await connection.exec_driver_sql(f"{how} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in told)


async def know_sizes(database: Database, school: str, table: str) -> None:
    """Have PostgreSQL count what a test has just put in; SQLite is never asked to."""
    if not database.is_sqlite:
        async with database.writing(school) as connection:
            await connection.exec_driver_sql(f"ANALYZE {table}")
