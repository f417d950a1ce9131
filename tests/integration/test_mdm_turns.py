"""What a request costs its database: one transaction to read in, few turns, nothing kept."""

from pathlib import Path
from typing import Final, cast

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from central_mdm.platform.database import Database
from tests.mdm import Mdm

pytestmark = pytest.mark.real_loop

ROWS: Final = 250
_SERIES: Final = text(
    "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :rows) "
    "SELECT n FROM s"
)


async def test_a_request_that_only_reads_has_one_transaction_and_none_stays_open(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()
    begun: list[object] = []

    def begins(connection: Connection) -> None:
        begun.append(connection.get_execution_options().get("pupitre_school"))

    engine = mdm.ground.database.engine.sync_engine
    pool = cast(QueuePool, engine.pool)
    event.listen(engine, "begin", begins)
    for path, status in (
        ("/api/scopes", 200),
        ("/api/files/nobody/manifest", 404),
        ("/api/changes?scope=class:nobody", 403),
        ("/api/audit", 403),  # refused by the token alone: nothing is read after it
    ):
        answer = await mdm.http.get(path, headers=headers)
        assert (answer.status_code, begun) == (status, [mdm.school]), path
        assert pool.checkedout() == 0, path
        begun.clear()
    # Who brings something is not read for any longer than the token is.
    await mdm.http.put(f"/api/chunks/{'0' * 64}", content=b"other", headers=headers)
    assert (begun, pool.checkedout()) == ([mdm.school], 0)
    event.remove(engine, "begin", begins)


async def test_sqlite_tells_all_rows_at_once_or_as_they_are_asked_for(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    all_of_them = list(range(1, ROWS + 1))
    async with database.reading("s") as connection:
        found = await connection.execute(_SERIES, {"rows": ROWS})
        assert list(found.scalars()) == all_of_them
        streamed = await connection.stream_scalars(_SERIES, {"rows": ROWS})
        assert [number async for number in streamed] == all_of_them
        left = await connection.stream_scalars(_SERIES, {"rows": ROWS})
        assert await left.fetchmany(120) == all_of_them[:120]
        await left.close()
    await database.close()


async def test_an_sqlite_transaction_begins_with_its_first_statement_and_ends_with_the_block(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    async with database.writing("s") as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
        many = [{"n": 1}, {"n": 2}]
        await connection.execute(text("INSERT INTO t VALUES (:n)"), many)
    async with database.reading("s"):
        pass  # nothing was asked, so nothing was begun, and the next one is a whole one

    async def half_done() -> None:
        async with database.writing("s") as connection:
            await connection.execute(text("DELETE FROM t"))
            await connection.execute(text("DELETE FROM missing"))

    with pytest.raises(OperationalError, match="no such table"):
        await half_done()
    async with database.reading("s") as connection:
        assert (await connection.execute(text("SELECT count(*) FROM t"))).scalar() == len(many)
    await database.close()
