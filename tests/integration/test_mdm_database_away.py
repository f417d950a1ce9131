"""PostgreSQL hangs, fails over or is full: who asks hears so soon, and all goes on after it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import text

from central_mdm.fleet.standing import standings
from central_mdm.platform import database
from central_mdm.platform.database import DEAD_LINE
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


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")
