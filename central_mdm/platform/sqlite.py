"""SQLite off the loop: each statement is one turn to its connection's thread, rows and all.

aiosqlite takes four: for a cursor, the statement, its rows and the cursor's end, and so for a BEGIN
of its own. A turn costs more than most of what is asked of a school's file.
"""

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, cast

import aiosqlite
from aiosqlite.context import contextmanager

ROWS_AT_ONCE: Final = 100
"""What comes with a statement; more are fetched where they are asked for, so a stream stays one."""


class Held(aiosqlite.Connection):
    """A connection whose transactions begin with their first statement, in one turn."""

    def __init__(self, database: str, **how: Any) -> None:  # noqa: ANN401 - as sqlite3 takes it
        super().__init__(partial(sqlite3.connect, database, **how), ROWS_AT_ONCE)
        self._begin = ""
        # Who ends without having closed does not wait for it.
        self._thread.daemon = True

    def begins(self, statement: str) -> None:
        """Say `statement` before the next one: nothing is asked of the file until then."""
        self._begin = statement

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        # Making one asks nothing of the file.
        return _Cursor(self, self._conn.cursor())

    async def commit(self) -> None:
        if not self._is_unbegun():
            await super().commit()

    async def rollback(self) -> None:
        if not self._is_unbegun():
            await super().rollback()

    async def turn(self, work: Callable[[], list[Any]]) -> list[Any]:
        """Do `work` in the thread, in the transaction that was to begin."""
        begin, self._begin = self._begin, ""
        if begin:
            work = partial(_first, self._conn, begin, work)
        return cast(list[Any], await self._execute(work))  # pyright: ignore[reportUnknownMemberType] - aiosqlite leaves it open

    def _is_unbegun(self) -> bool:
        unbegun, self._begin = bool(self._begin), ""
        return unbegun


class _Cursor(aiosqlite.Cursor):
    """One statement, and its first rows as soon as it is done."""

    def __init__(self, connection: Held, cursor: sqlite3.Cursor) -> None:
        super().__init__(connection, cursor)
        self._held = connection
        self._rows: list[Any] = []
        self._has_more = False

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "_Cursor":
        asked = partial(_asked, self._cursor, sql, parameters or ())
        self._rows = await self._held.turn(asked)
        self._has_more = len(self._rows) == ROWS_AT_ONCE
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "_Cursor":
        await self._held.turn(partial(_asked_often, self._cursor, sql, parameters))
        return self

    async def fetchone(self) -> Any:  # noqa: ANN401 - a row
        return next(iter(await self.fetchmany(1)), None)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        held, self._rows = self._rows[:wanted], self._rows[wanted:]
        if len(held) < wanted and self._has_more:
            lacks = wanted - len(held)
            more = await self._held.turn(partial(self._cursor.fetchmany, lacks))
            self._has_more = len(more) == lacks
            held += more
        return held

    async def fetchall(self) -> list[Any]:
        held, self._rows = self._rows, []
        if self._has_more:
            self._has_more = False
            held += await self._held.turn(self._cursor.fetchall)
        return held

    async def close(self) -> None:
        """End the statement; one that has told all its rows has ended by itself."""
        if self._has_more:
            self._has_more = False
            await super().close()


def _first(connection: sqlite3.Connection, begin: str, work: Callable[[], list[Any]]) -> list[Any]:
    connection.execute(begin)
    return work()


def _asked(cursor: sqlite3.Cursor, sql: str, parameters: Any) -> list[Any]:  # noqa: ANN401
    cursor.execute(sql, parameters)
    return cursor.fetchmany(ROWS_AT_ONCE) if cursor.description else []


def _asked_often(cursor: sqlite3.Cursor, sql: str, parameters: Any) -> list[Any]:  # noqa: ANN401
    cursor.executemany(sql, parameters)
    return []
