"""PostgreSQL hangs, fails over or is full: who asks hears so soon, and all goes on after it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import text

from central_mdm.app import join
from central_mdm.fleet.standing import standings
from central_mdm.platform import database, migrate
from central_mdm.platform.database import DEAD_LINE, Database
from central_mdm.platform.readiness import Readiness
from tests import postgres
from tests.mdm import Mdm, Prepared, running

pytestmark = pytest.mark.real_loop
IDLE: Final = text("SELECT current_setting('idle_in_transaction_session_timeout')")


@pytest.fixture
async def mdm(
    tmp_path: Path, school_on: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Mdm]:
    monkeypatch.setattr(database, "POOL_SECONDS", 0.1)
    with school_on("postgresql").copy(tmp_path) as url:
        async with running(tmp_path, url) as made:
            yield made


async def test_a_process_that_is_cut_off_keeps_no_lock_for_hours(mdm: Mdm) -> None:
    held = mdm.ground.database
    async with held.reading(mdm.school) as connection:
        assert await connection.scalar(IDLE) == "10min"
    async with held.writing(mdm.school) as connection:
        assert await connection.scalar(IDLE) == "10min"
    async with held.gathering() as connection:
        assert await connection.scalar(IDLE) == "0", "the connection itself is as it was"


async def test_a_server_that_died_without_a_word_is_not_waited_for(mdm: Mdm) -> None:
    async with mdm.ground.database.gathering() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        told = raw.driver_connection.info.get_parameters()
    assert {name: int(told[name]) for name in DEAD_LINE} == DEAD_LINE


async def test_a_gathered_read_that_hangs_ends_and_the_next_one_is_answered(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "GATHERING_SECONDS", 0.1)
    asked, gathered = (
        (mdm.school, mdm.sample["devices"][0]["device"]),
        standings(mdm.ground.database),
    )
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(gathered.run())
        async with mdm.ground.database.writing(mdm.school) as other:
            await other.execute(text("LOCK TABLE fleet_devices IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(TimeoutError):
                await gathered.ask(asked)
        monkeypatch.undo()
        assert await gathered.ask(asked) is None, "it was never enrolled"
        work.cancel()


async def test_what_another_transaction_holds_is_not_waited_for_by_who_asks(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    account = mdm.sample["teachers"][0] | {"school": mdm.school}
    told = {name: account[name] for name in ("school", "login", "password")}
    async with mdm.ground.database.writing(mdm.school) as command:
        assert await command.scalar(text("SHOW lock_timeout")) == "0", "it waits as long as it must"
        await command.execute(text("LOCK TABLE teacher_tokens IN SHARE MODE"))
        assert said(await mdm.http.post("/api/sign-in", json=told)) == (503, "busy")
    assert (await mdm.http.post("/api/sign-in", json=told)).is_success


async def test_a_full_house_is_busy_yet_ready(mdm: Mdm) -> None:
    teacher = await mdm.as_teacher()
    held = mdm.ground.database
    async with AsyncExitStack() as ends:
        for _ in range(held.connections_max):
            await ends.enter_async_context(held.gathering())
        assert said(await mdm.http.get("/api/scopes", headers=teacher)) == (503, "busy")
        assert (await mdm.http.get("/ready")).status_code == 200, "the database is there"
    assert (await mdm.http.get("/api/scopes", headers=teacher)).status_code == 200


async def test_a_primary_that_is_one_no_more_is_busy_and_no_fault_of_ours(mdm: Mdm) -> None:
    teacher = mdm.sample["teachers"][0]
    asked = {"school": mdm.school, "login": teacher["login"], "password": teacher["password"]}
    assert (await mdm.http.post("/api/sign-in", json=asked)).status_code == 200
    engine = mdm.ground.database.engine
    async with mdm.ground.database.gathering() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(
            text(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        )
    await engine.dispose()
    assert said(await mdm.http.post("/api/sign-in", json=asked)) == (503, "busy")


async def test_a_server_whose_database_is_away_ends_all_the_same(mdm: Mdm) -> None:
    app, door = join(mdm.ground, Readiness(mdm.ground))
    async with app.lifespan():
        door.seen.touch(mdm.school, "device", 1)
        async with mdm.ground.database.gathering() as connection:
            name = await connection.scalar(text("SELECT current_database()"))
            await connection.execute(text(f"ALTER DATABASE {name} CONNECTION LIMIT 0"))
        await mdm.ground.database.engine.dispose()


def test_a_migration_lets_all_go_that_a_backup_holds_and_comes_again(
    a_cluster: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(migrate, "AGAIN_SPREAD_SECONDS", 1)

    async def story(url: str) -> None:
        held = Database(url)
        async with held.engine.begin() as connection:
            await connection.run_sync(migrate.upgrade, "0018")
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, held.reading("") as backup:
            await backup.execute(text("LOCK TABLE journal_origins IN ACCESS SHARE MODE"))
            migrating = tasks.create_task(migrate.migrate(held))
            while "migration waits" not in caplog.text:  # noqa: ASYNC110 - it is looked at
                await asyncio.sleep(0.01)
            async with held.reading("") as other:
                assert (await other.execute(text("SELECT * FROM journal_origins"))).all() == []
            assert not migrating.done()
        async with held.reading("") as connection:
            assert await connection.run_sync(migrate.version_of) == migrate.NEWEST
        await held.close()

    with postgres.database(a_cluster(), "test_locked") as url:
        asyncio.run(story(url))
    caplog.clear()


def test_a_migration_that_a_deadlock_ends_comes_again(
    a_cluster: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migrate, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(migrate, "AGAIN_SPREAD_SECONDS", 1)
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def story(url: str) -> None:
        held = Database(url)
        async with held.engine.begin() as connection:
            await connection.run_sync(migrate.upgrade, "0020")
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, held.writing("") as lesson:
            await lesson.execute(text("LOCK TABLE journal_events IN ROW EXCLUSIVE MODE"))
            migrating = tasks.create_task(migrate.migrate(held))
            async with held.engine.connect() as looking:
                while not await looking.scalar(waits):  # noqa: ASYNC110 - it is looked at
                    await asyncio.sleep(0.01)
            # Which the migration holds by now, and it waits for ours: it ends, for we look later.
            await lesson.execute(text("SET LOCAL deadlock_timeout = '15s'"))
            await lesson.execute(text("LOCK TABLE journal_accounts IN ROW EXCLUSIVE MODE"))
            assert not migrating.done()
        async with held.reading("") as connection:
            assert await connection.run_sync(migrate.version_of) == migrate.NEWEST
        await held.close()

    with postgres.database(a_cluster(), "test_deadlocked") as url:
        with postgres.superuser(a_cluster(), "postgres") as connection:
            connection.execute(f"GRANT SET ON PARAMETER deadlock_timeout TO {postgres.ROLE}")
        asyncio.run(story(url))
    assert "migration waits" in caplog.text
    caplog.clear()


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")
