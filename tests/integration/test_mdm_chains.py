"""Whoever changes a journal in the central database is found by `pupitre-mdm admin verify`."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.json import encode
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.cli import main
from central_mdm.contract.chain import BARE_KINDS
from central_mdm.contract.journal import Event, Push
from central_mdm.journal.chains import follow_chains
from central_mdm.journal.forgetting import forget_events
from classroom_app.domain.acts import AnyAct, HandInKept, LessonOver, LessonStarted
from classroom_app.domain.lesson import ClassId, LessonId
from tests.mdm import Mdm, Prepared, running
from tests.stores import NOON, lesson_acts
from tests.stores.opening import opened

pytestmark = pytest.mark.real_loop
CHANGE = "UPDATE journal_events SET"
REMOVE = "DELETE FROM journal_events WHERE"
REFUSE = "DELETE FROM journal_outcomes WHERE"
ADD = (
    "INSERT INTO journal_events SELECT school, 'act-99', origin, 99, teacher, lesson, kind,"
    " happened_at, hash, body, received_at FROM journal_events WHERE sequence = 11"
)
# `:body` is the body of event 7, "reported", with another state in it.
TOUCHED = {
    f"{CHANGE} body = :body WHERE sequence = 7": {"lesson lesson-1: event act-7 does not follow"},
    f"{CHANGE} hash = '{'ab' * 32}' WHERE sequence = 3": {
        "lesson lesson-1: event act-4 does not follow"
    },
    f"{CHANGE} happened_at = 5 WHERE sequence = 10": {
        "lesson lesson-1: event act-10 does not say what its body says"
    },
    f"{CHANGE} lesson = 'lesson-2' WHERE sequence = 10": {
        "lesson lesson-2: event act-10 does not say what its body says"
    },
    f"{CHANGE} sequence = 99 WHERE sequence = 10; {CHANGE} sequence = 10 WHERE sequence = 11;"
    f"{CHANGE} sequence = 11 WHERE sequence = 99": {
        "lesson lesson-1: event act-11 does not follow",
    },
    f"{REMOVE} id = 'act-10'": {
        "lesson lesson-1: lacks what was taken in, in journal STORE act-10"
    },
    f"{REMOVE} id = 'act-10'; {REFUSE} id = 'act-10'": {
        "lesson lesson-1: lacks what was taken in, in journal STORE"
    },
    f"{REMOVE} lesson = 'lesson-2'": {
        "lesson lesson-1: lacks what was taken in, in journal STORE act-15",
        "lesson lesson-2: has no events any more",
    },
    ADD: {
        "journal STORE: has more than was counted",
        "lesson lesson-1: event act-99 does not say what its body says",
        "lesson lesson-1: event act-99 was not taken in",
    },
    f"{CHANGE} origin = 'store-2' WHERE sequence = 10": {
        "lesson lesson-1: event act-10 is of a journal that nobody began",
        "lesson lesson-1: lacks what was taken in, in journal STORE",
    },
}


def two_lessons() -> list[AnyAct]:
    """Return what a teacher of the sample school's 5B does in one lesson, and in the next."""
    acts = [
        replace(act, class_id=ClassId("5B")) if isinstance(act, LessonStarted | HandInKept) else act
        for act in lesson_acts()
    ]
    over = LessonOver(id="act-14", lesson=LessonId("lesson-1"), at=NOON + 14, why="teacher")
    return [*acts, over, replace(over, id="act-15", lesson=LessonId("lesson-2"))]


async def push(mdm: Mdm, home: Path) -> tuple[Event, ...]:
    """Let it happen in a real store, and push what waits there."""
    async with opened(home) as store:
        for act in two_lessons():
            assert await store.remember(act)
        events = await store.waiting_events(200)
    answer = await mdm.http.post(
        "/api/journal", content=encode(Push(events)), headers=await mdm.as_teacher()
    )
    assert {each["state"] for each in answer.json()["outcomes"]} == {"applied"}, answer.text
    return events


@asynccontextmanager
async def touching(mdm: Mdm) -> AsyncGenerator[AsyncConnection]:
    """Open a transaction of which nothing stays."""
    async with mdm.ground.database.writing(mdm.school) as connection:
        undone = await connection.begin_nested()
        yield connection
        await undone.rollback()


async def faults_after(
    connection: AsyncConnection, mdm: Mdm, statements: str, facts: dict[str, Any]
) -> list[str]:
    for statement in statements.split(";"):
        bound = {"body": facts["body"]} if ":body" in statement else {}
        await connection.execute(text(statement), bound)
    found = await follow_chains(connection, mdm.school)
    return [fault.replace(facts["store"], "STORE") for fault in found]


async def test_whatever_is_done_to_a_row_is_found_by_its_lesson(mdm: Mdm, tmp_path: Path) -> None:
    events = await push(mdm, tmp_path / "app")
    seventh = bytes(events[6].body).replace(b"locked", b"free")
    facts = {"store": events[0].origin, "body": seventh}
    async with touching(mdm) as connection:
        assert await faults_after(connection, mdm, "SELECT 1", facts) == []
    for statements, wrong in TOUCHED.items():
        async with touching(mdm) as connection:
            assert set(await faults_after(connection, mdm, statements, facts)) == wrong, statements


async def test_what_was_forgotten_refused_or_has_not_come_is_no_fault(
    mdm: Mdm, tmp_path: Path
) -> None:
    await push(mdm, tmp_path)
    headers = await mdm.as_teacher()
    told: dict[str, Any] = {
        "origin": "store-2",
        "lesson": "lesson-3",
        "happened_at": 1,
        "hash": "",
        "body": {},
    }
    late = [
        told | {"id": f"late-{number}", "sequence": number, "kind": kind}
        for number, kind in ((1, "reported"), (2, "No"), (5, "reported"))
    ]
    await mdm.http.post("/api/journal", json={"events": late}, headers=headers)
    async with mdm.ground.database.writing(mdm.school) as connection:
        assert await follow_chains(connection, mdm.school) == []
    assert await forget_events(mdm.ground, mdm.school, mdm.clock.at + 1)
    async with mdm.ground.database.writing(mdm.school) as connection:
        assert await follow_chains(connection, mdm.school) == []


def test_the_kinds_that_are_computed_anew_are_those_that_speak_of_no_pupil() -> None:
    bare = {act.__struct_config__.tag for act in get_args(AnyAct) if not act.PERSONAL}
    assert bare == BARE_KINDS


async def test_the_command_names_school_and_lesson(
    tmp_path: Path, school_on: Callable[[str], Prepared], capsys: pytest.CaptureFixture[str]
) -> None:
    with school_on("sqlite").copy(tmp_path):
        async with running(tmp_path, "") as mdm:
            await push(mdm, tmp_path / "app")
    with closing(sqlite3.connect(tmp_path / "central.db")) as database, database:
        database.execute(f"{REMOVE} id = 'act-7'")
    # The command runs a loop of its own.
    code = await asyncio.to_thread(main, ["admin", "verify", "--folder", str(tmp_path)])
    assert code == 1
    assert "tilleuls: lesson lesson-1: lacks what was taken in" in capsys.readouterr().err
    shown = ["admin", "audit", "--school", "tilleuls", "--folder", str(tmp_path)]
    assert await asyncio.to_thread(main, shown) == 0
    acts = json.loads(capsys.readouterr().out)["acts"]
    assert [act["act"] for act in acts] == ["admin verify"], "whoever looks through all is named"
