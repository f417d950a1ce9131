"""The histories' checker itself: it sees a server that keeps other words, or takes a class away."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from sqlalchemy import text

from central_mdm.contract.journal import Push
from central_mdm.joining import ground_at
from central_mdm.journal import rules
from central_mdm.journal.reading import read_batch
from central_mdm.platform.authentication import Caller
from central_mdm.platform.ground import Ground
from classroom_app.domain.acts import LessonOver, LessonStarted, PupilSpoke
from classroom_app.domain.lesson import ClassId, DeviceId, LessonId, PupilId
from classroom_app.storage.keeping import Keeping
from tests.histories import facts
from tests.histories.checker import App, Entry, Ledger, Server, Taken, Told, Work, check
from tests.histories.planted import finds
from tests.histories.stage import SCHOOL, Template
from tests.histories.template import made_in
from tests.histories.told import Begun, Collected, Dropped, Kept, Moving
from tests.histories.world import BEGINS_AT
from tests.stores.opening import opened

LESSON = LessonId("lesson-1")
LIVED = (
    LessonStarted(
        id="act-1",
        lesson=LESSON,
        at=BEGINS_AT,
        class_id=ClassId("1A"),
        class_name="Class 1A",
        teacher_name="teacher1",
        ends_at=BEGINS_AT + 3600,
    ),
    PupilSpoke(
        id="act-2",
        lesson=LESSON,
        at=BEGINS_AT + 1,
        device=DeviceId("dev-1"),
        pupil=PupilId("p-3"),
        kind="words",
        text="May I open it?",
    ),
    LessonOver(id="act-3", lesson=LESSON, at=BEGINS_AT + 2, why="teacher"),
)
CHANGE = "UPDATE journal_events SET"
SPOKEN = """CAST(REPLACE(CAST(body AS TEXT), 'open', 'shut') AS BLOB) WHERE id = 'act-2'"""
LOOKED = "looked through, the server has a fault:"


class Room:
    """A lesson that is over and was taken in; `found` is what the checker says of it."""

    def __init__(self, made: Template, keeping: Keeping, ground: Ground) -> None:
        self._made, self._keeping, self.ground = made, keeping, ground
        self._ledger = Ledger(names=made.names())
        for act in LIVED:
            Begun(act.id).enter(self._ledger)
            Kept(act.id, "t-1").enter(self._ledger)

    async def teach(self) -> None:
        for act in LIVED:
            assert await self._keeping.remember(act)
        push = read_batch(json.encode(Push(await self._keeping.waiting_events(9))))
        caller = Caller(SCHOOL, "teacher", "t-1")
        await self._keeping.settled(await rules.take(self.ground, caller, push))

    async def change(self, sql: str) -> None:
        async with self.ground.database.writing(SCHOOL) as connection:
            await connection.execute(text(sql))

    async def found(self) -> list[str]:
        server = await facts.server(self.ground, self._made)
        app = await facts.app(self._keeping, "t-1", 0, server)
        app.ended = True  # it has pulled nothing, and need not
        return check(self._ledger, server, [app], [])


@asynccontextmanager
async def taught(folder: Path) -> AsyncGenerator[Room]:
    made = await made_in(folder / "made", lambda: BEGINS_AT)
    shutil.copytree(made.server, folder / "server")
    async with (
        opened(made.stores / "teacher1") as keeping,
        ground_at(folder / "server", clock=lambda: BEGINS_AT) as ground,
    ):
        room = Room(made, keeping, ground)
        await room.teach()
        yield room


@pytest.mark.real_loop
async def test_a_server_that_keeps_other_words_or_loses_its_answers_is_found(
    tmp_path: Path,
) -> None:
    async with taught(tmp_path) as room:
        assert await room.found() == []
        await room.change(f"{CHANGE} body = {SPOKEN}")
        words = "event act-2 of t-1 has another body there"
        assert await room.found() == [words]
        await room.change(f"{CHANGE} lesson = 'lesson-2' WHERE id = 'act-3'")
        assert set(await room.found()) == {
            words,
            "event act-3 of t-1 has another lesson there",
            f"{LOOKED} lesson lesson-2: event act-3 does not say what its body says",
        }
        await room.change("DELETE FROM journal_outcomes WHERE id = 'act-1'")
        assert f"{LOOKED} lesson lesson-1: event act-1 was not taken in" in await room.found()


NOTHING_ELSE: Any = (0, 0, frozenset(), {}, {}, frozenset(), (), ())
"""Of policies, lists, devices and alarms at a server."""
ENTRY = Entry(1, "said", "lesson-1", 5, "ab", b"{}")


def judged(ledger: Ledger, told: Told, works: dict[str, str]) -> list[str]:
    """Check a server that has nothing and a teacher who was told this of the one act, "act-1"."""
    server = Server((), {}, {}, {}, {}, *NOTHING_ELSE)
    app = App("t-1", {"act-1": told}, works, {}, 0, "", ended=True)
    return check(ledger, server, [app], [])


@pytest.mark.parametrize("class_id", ["1A", ""])
def test_that_a_class_is_anothers_is_believed_of_who_may_have_lost_it(class_id: str) -> None:
    ledger = Ledger()
    refused = Told("refused", "foreign-class", ENTRY)
    Kept("act-1", "t-1", class_id).enter(ledger)
    for who, left in (("t-2", "1A"), ("p-1", "1A"), ("t-1", "2B")):
        Moving(who, left).enter(ledger)
    fault = f"event act-1 of t-1 was refused: foreign-class {class_id}"
    assert judged(ledger, refused, {}) == [fault]
    Moving("t-1", "1A").enter(ledger)
    assert judged(ledger, refused, {}) == ([] if class_id else [fault])
    other = Told("refused", "foreign-lesson", ENTRY)
    assert judged(ledger, other, {}) == [
        f"event act-1 of t-1 was refused: foreign-lesson {class_id}"
    ]


def test_a_server_that_was_set_back_may_not_know_whose_a_class_was() -> None:
    ledger = Ledger()
    Kept("act-1", "t-1", "1A").enter(ledger)
    ledger.set_back()
    assert judged(ledger, Told("refused", "foreign-class", ENTRY), {}) == []


@pytest.mark.parametrize("who", ["t-1", "p-1"])
def test_a_work_may_be_refused_where_its_teacher_or_its_pupil_left_the_class(who: str) -> None:
    ledger = Ledger()
    Kept("act-1", "t-1", "1A").enter(ledger)
    Collected("act-1", Work("t-1", "1A", "p-1", "essay.txt", "00")).enter(ledger)
    applied = Told("waiting", "", ENTRY)
    for other in (("t-2", "1A"), ("p-2", "1A"), (who, "2B")):
        Moving(*other).enter(ledger)
    assert judged(ledger, applied, {"act-1": "refused"}) == [
        "work act-1 was refused, and nobody had moved"
    ]
    Moving(who, "1A").enter(ledger)
    assert judged(ledger, applied, {"act-1": "refused"}) == []


@pytest.mark.parametrize("state", ["kept", "followed", "applied"])
def test_work_that_an_app_calls_kept_and_the_server_has_not_is_found(state: str) -> None:
    ledger, work = Ledger(), Work("t-1", "1A", "p-1", "essay.txt", "00")
    Kept("act-1", "t-1", "1A").enter(ledger)
    Collected("act-1", work).enter(ledger)
    app = App("t-1", {"act-1": Told("applied", "", ENTRY)}, {"act-1": state}, {}, 0, "", ended=True)
    server = Server([Taken("act-1", "t-1", ENTRY)], {}, {}, {}, {}, *NOTHING_ELSE)
    assert f"work act-1 is kept for t-1, and the server has no such: {work}" in check(
        ledger, server, [app], []
    )


def test_rows_that_a_cursor_missed_are_found_as_the_planted_bugs_are() -> None:
    ledger, row = Ledger(), {("class", "1A"): (7, b"{}")}
    scopes = {"t-1": frozenset({"class:1A"})}
    tables = {"class:1A": {("class", "1A"): b"{}"}}
    server = Server((), {}, {"class:1A": row}, tables, scopes, *NOTHING_ELSE)
    app = App("t-1", {}, {}, {"class:1A": row}, 0, "", ended=False)
    assert check(ledger, server, [app], []) == []
    app.rows = {}
    (fault,) = check(ledger, server, [app], [])
    assert finds("cursor-by-autoincrement", [fault])
    app.rows = {"class:1A": row}
    Dropped("teacher1 class:1A").enter(ledger)
    (fault,) = check(ledger, server, [app], [])
    assert finds("cursor-by-autoincrement", [fault])
    assert not finds("cursor-by-autoincrement", [fault, "it broke: OSError()"])


def test_what_is_lost_or_there_twice_is_found_as_the_planted_bugs_are() -> None:
    ledger, app = Ledger(), App("t-1", {}, {}, {}, 0, "", ended=True)
    Begun("act-1").enter(ledger)
    Kept("act-1", "t-1").enter(ledger)
    server = Server((), {}, {}, {}, {}, *NOTHING_ELSE)
    assert finds("acknowledge-before-commit", check(ledger, server, [app], []))
    app.events = {"act-1": Told("applied", "", ENTRY)}
    server.events = [Taken("act-1", "t-1", ENTRY)]
    assert check(ledger, server, [app], []) == []
    server.events *= 2
    assert finds("retry-without-id", check(ledger, server, [app], []))
