"""A whole lesson leaves two witnesses that agree, at the school's server as well."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from classroom_app.demo.evidence import until
from classroom_app.demo.world import World
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import verify
from device_bridge.agent.guard.witness import read_heads

pytestmark = pytest.mark.real_loop


def asked(database: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_after_a_lesson_both_witnesses_have_come_and_agree(
    world: World, tmp_path: Path
) -> None:
    here = [row.device for row in world.enrolments[:-1]]
    await world.window.ask("click", name="lock")
    await world.window.ask("click", name="free")
    await world.window.ask("click", name="end")
    database = tmp_path / "mdm" / "central.db"
    compared = "SELECT device FROM journal_accounts WHERE compared ORDER BY device"

    async def both() -> bool:
        found = await asyncio.to_thread(asked, database, compared)
        return [device for (device,) in found] == sorted(here)

    await until(both, 60, "what the devices tell held against the teacher's journal")
    assert asked(database, "SELECT code, detail FROM journal_alarms") == []
    kept = asked(database, "SELECT role, count FROM journal_heads ORDER BY role")
    assert [role for role, _ in kept] == ["device"] * len(here) + ["teacher"]
    folders = await asyncio.to_thread(lambda: [at.parent for at in tmp_path.rglob("heads.json")])
    assert len(folders) == len(here)
    for folder in map(Folder, folders):
        own = [row.head.newest for row in read_heads(folder).own]
        assert own
        assert verify(folder, own).fault is None
        assert len(read_heads(folder).teachers) == 1
