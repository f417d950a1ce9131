"""One engine over SQLite or PostgreSQL; each transaction belongs to one school.

Every table bears a `school` column and every statement names it. On PostgreSQL row-level security
holds the same once more: a policy compares the column with `pupitre.school`, which each
transaction sets for itself, so that a forgotten condition finds nothing instead of a neighbour.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, cast

from sqlalchemy import MetaData, String, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from central_mdm.platform.acting import Intent, acting, intent, no_act
from central_mdm.platform.going_on import going_on
from central_mdm.platform.spans import Spans, untraced
from central_mdm.platform.sqlite import Held

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ID = String(64)
HEX = String(64)
BUSY_SECONDS = 10
POOLS = {"sqlite": (5, 10), "postgresql": (8, 8)}
"""Connections that are kept, and those that come to them where they are not enough."""
POOL_SECONDS = 5
"""So long one waits for a connection: who comes back later has waited less."""
GATHERING_SECONDS = 10
"""So long what is gathered may take: all who come meanwhile wait for it."""
LOCK_SECONDS = 5
"""So long a request waits for what another transaction holds: else those who wait for one school
have all connections, and the other schools none. A command waits until it has it.
"""
IDLE = "10min"
"""A process that is cut off inside a transaction keeps its locks no longer; no import thinks so
long between two statements.
"""
# A server that dies without a word would be waited for as long as TCP sends again, 15 minutes, and
# one that rests for two hours. None of it is for a Unix socket.
DEAD_LINE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class Database:
    """Who opens a transaction here says for which school, and whether it will write.

    `spans` show each, with the wait for a connection: no statement and no school.
    """

    def __init__(self, url: str | URL, spans: Spans = untraced) -> None:
        self.url = make_url(url)
        self.spans = spans
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        pool = POOLS[self.url.get_backend_name()]
        self.engine, self.connections_max = self._engine(*pool), sum(pool)
        self._apart = self._engine(1, 0)
        # SQLite has one writer at a time: waiting here is fair, waiting on its file is not.
        self._one_writer = asyncio.Lock() if self.is_sqlite else nullcontext()

    def _engine(self, kept: int, more: int) -> AsyncEngine:
        options = _options(self.url)
        engine = create_async_engine(self.url, pool_size=kept, max_overflow=more, **options)
        event.listen(engine.sync_engine, "begin", _begun)
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", _opened)
        return engine

    @asynccontextmanager
    async def writing(self, school: str) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Of a request that is done once it is a part, committed with its answer.
        """
        once = intent.get()
        mine = once if once is not None and once.school == school else None
        with self.spans("database writing"):
            async with self._part_of(mine) if mine else self._own(school) as connection:
                yield connection
                if (now := acting.get()) is not None and not now.by_itself:
                    await now.write(connection, school, now, "")

    async def keep_refusal(self, school: str, code: str) -> None:
        """Write down that what is asked was refused; of the act itself nothing is left."""
        now = acting.get()
        if now is None:
            return
        with no_act():
            async with self.writing(school) as connection:
                await now.write(connection, school, now, code)

    @asynccontextmanager
    async def _own(self, school: str) -> AsyncGenerator[AsyncConnection]:
        await _end_reading()
        async with self._one_writer, self.engine.connect() as connection:
            asked = going_on.get() is not None
            _note(connection, pupitre_school=school, pupitre_writes=True, pupitre_asked=asked)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _part_of(self, once: Intent) -> AsyncGenerator[AsyncConnection]:
        if once.connection is None:
            connection = await once.ends.enter_async_context(self._own(once.school))
            await once.begin(connection)
            once.connection = connection
        async with once.connection.begin_nested():
            yield once.connection

    @asynccontextmanager
    async def reading(
        self, school: str, *, goes_on: bool = False
    ) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction in which all statements see one moment of the database.

        `goes_on`: the next reading of this school in the same request is a part of it.
        """
        request = going_on.get()
        with self.spans("database reading"):
            async with AsyncExitStack() as ends:
                held = await request.take(school) if request else None
                connection = held[0] if held else await self._opened(ends, pupitre_school=school)
                if held:
                    ends.push_async_exit(held[1])
                yield connection
                if request and goes_on:
                    request.keep(school, connection, ends.pop_all())

    @asynccontextmanager
    async def gathering(self) -> AsyncGenerator[AsyncConnection]:
        """Open a connection for what is gathered over many schools, each statement for itself.

        On PostgreSQL no school is set, so row-level security shows it nothing but the functions
        that were made for it. Raises TimeoutError after `GATHERING_SECONDS`.
        """
        await _end_reading()
        # SQLite's own thread would work on, and needs no network.
        ends_by = None if self.is_sqlite else GATHERING_SECONDS
        with self.spans("database gathering"):
            async with asyncio.timeout(ends_by), AsyncExitStack() as ends:
                yield await self._opened(ends, pupitre_alone=True)

    @asynccontextmanager
    async def apart(self) -> AsyncGenerator[AsyncConnection]:
        """Open a connection as `gathering` does, but one that nobody else waits for or holds.

        For who asks whether the database is there: a house that is full is no answer to that.
        """
        async with self._apart.connect() as connection:
            _note(connection, pupitre_alone=True)
            yield connection

    async def _opened(self, ends: AsyncExitStack, **options: Any) -> AsyncConnection:  # noqa: ANN401
        connection = await ends.enter_async_context(self.engine.connect())
        _note(connection, **options)
        await ends.enter_async_context(connection.begin())
        return connection

    async def close(self) -> None:
        await self.engine.dispose()
        await self._apart.dispose()


async def _end_reading() -> None:
    """End what this request has not gone on with: nobody holds two connections."""
    if (request := going_on.get()) is not None:
        await request.end()


def _note(connection: AsyncConnection, **options: Any) -> None:  # noqa: ANN401 - each has its type
    """Note what `_begun` reads. It asks nothing of the driver, so there is nothing to wait for."""
    if connection.sync_connection is not None:
        connection.sync_connection.execution_options(**options)


def upsert(connection: AsyncConnection, table: Table) -> sqlite.Insert:
    """Return an insert that knows `on_conflict_…`, in the dialect of this connection."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)  # pyright: ignore[reportReturnType] - alike in what we use
    return sqlite.insert(table)


def _options(url: URL) -> dict[str, Any]:
    # What a statement was told (names, hashes) is for no log and no terminal: `hide_parameters`.
    pool = {"pool_timeout": POOL_SECONDS, "hide_parameters": True}
    # Of an INSERT SQLAlchemy keeps no count by itself: -1 on PostgreSQL, where nothing was written
    # as well.
    pool |= {"execution_options": {"preserve_rowcount": True}}
    if url.get_backend_name() == "sqlite":
        how = {"timeout": BUSY_SECONDS, "async_creator_fn": Held}
        # Each transaction ends by itself: to end it once more is a turn to the thread for nothing.
        return {"connect_args": how, "pool_reset_on_return": None, **pool}
    # No server-side prepared statements, so that PgBouncer may stand between (transaction mode).
    options = {"connect_args": {"prepare_threshold": None, **DEAD_LINE}, **pool}
    return {**options, "isolation_level": "AUTOCOMMIT"}  # we say BEGIN ourselves, see _begun


def _opened(connection: DBAPIConnection, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begun
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Connection) -> None:
    """Say BEGIN, and for which school: each turn to a database costs as much as what it asks."""
    options = connection.get_execution_options()
    if options.get("pupitre_alone"):
        return
    writes = options.get("pupitre_writes")
    if connection.dialect.name == "sqlite":
        # A transaction that begins by reading and then writes cannot wait for the file: it must
        # say at once that it will write.
        held = cast(Held, connection.connection.driver_connection)
        held.begins("BEGIN IMMEDIATE" if writes else "BEGIN")
        return
    begin = "BEGIN" if writes else "BEGIN ISOLATION LEVEL REPEATABLE READ"
    # In hexadecimal digits, so that no school's name is ever part of a statement.
    school = str(options.get("pupitre_school", "")).encode().hex()
    named = f"convert_from(decode('{school}', 'hex'), 'UTF8')"
    # Of the transaction, not of the connection: behind PgBouncer that is another's the next moment.
    idle = f"set_config('idle_in_transaction_session_timeout', '{IDLE}', true)"
    told = f"set_config('pupitre.school', {named}, true), {idle}"
    if options.get("pupitre_asked"):
        told += f", set_config('lock_timeout', '{LOCK_SECONDS}s', true)"
    connection.exec_driver_sql(f"{begin}; SELECT {told}")
