"""Events are kept exactly once, and a bad one never holds up the others."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from central_mdm.contract.register import Teaching
from central_mdm.journal.chains import follow_chains
from central_mdm.journal.model import events
from central_mdm.journal.rules import gaps
from central_mdm.roster.administering import teach
from tests.mdm import Mdm

pytestmark = pytest.mark.real_loop


def an_event(number: int, **changed: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": f"event-{number}",
        "origin": "store-1",
        "sequence": number,
        "lesson": "lesson-1",
        "kind": "lock-asked",
        "happened_at": 1_795_500_000,
        "hash": "ab" * 32,
        "body": {"devices": ["dev-1"], "class_id": "5B"},
    }
    return made | changed


async def push(mdm: Mdm, *items: object, login: str = "lambert") -> list[tuple[str, str, str]]:
    headers = await mdm.as_teacher(login)
    answer = await mdm.http.post("/api/journal", json={"events": items}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [(each["id"], each["state"], each["reason"]) for each in answer.json()["outcomes"]]


async def kept(mdm: Mdm) -> list[str]:
    async with mdm.ground.database.reading(mdm.school) as connection:
        mine = select(events.c.id).where(events.c.school == mdm.school)
        return sorted((await connection.execute(mine)).scalars())


async def test_sent_twice_is_kept_once_and_answered_alike(mdm: Mdm) -> None:
    batch = [an_event(number) for number in range(1, 6)]
    first = await push(mdm, *batch)
    assert first == [(f"event-{n}", "applied", "") for n in range(1, 6)]
    assert await push(mdm, *batch[2:], an_event(6)) == [*first[2:], ("event-6", "applied", "")]
    assert await push(mdm, an_event(1, kind="changed")) == first[:1]
    assert await kept(mdm) == [f"event-{number}" for number in range(1, 7)]


async def test_the_same_batch_from_two_connections_at_once_is_kept_once(mdm: Mdm) -> None:
    batch = [an_event(number) for number in range(1, 21)]
    answers = await asyncio.gather(*(push(mdm, *batch) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await kept(mdm)) == 20


async def test_a_refused_event_is_answered_and_the_rest_is_kept(mdm: Mdm) -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    answers = await push(
        mdm,
        an_event(1, kind="DROP TABLE"),
        an_event(2, body={"text": "x" * 17000}),
        an_event(3, body={"class_id": "3C"}),
        an_event(4, body=[1]),
        {"id": "event-5", "origin": "store-1"},
        {"id": "../etc", "nothing": True},
        "not an event",
        an_event(8, body={"deep": deep}),
        an_event(9, lesson="a\0b"),
        an_event(10, sequence=0),
        an_event(11, sequence=2**63),
        an_event(12),
    )
    reasons = [reason.partition(":")[0] for _, _, reason in answers]
    assert reasons == [
        "bad-kind", "too-large", "foreign-class", "malformed", "malformed", "malformed",
        "malformed", "", "malformed", "bad-sequence", "malformed", "",
    ]  # fmt: skip
    assert [name for name, _, _ in answers][4:7] == ["event-5", "unreadable", "unreadable"]
    assert await kept(mdm) == ["event-12", "event-8"]


async def test_a_refusal_is_replayed_as_it_was(mdm: Mdm) -> None:
    refused = await push(mdm, an_event(1, kind="No"))
    assert await push(mdm, an_event(1)) == refused


async def test_a_lesson_a_journal_and_an_id_belong_to_the_teacher_who_began_them(
    mdm: Mdm,
) -> None:
    await push(mdm, an_event(1))
    other = an_event(2, origin="store-2")
    assert await push(mdm, other, login="keller") == [("event-2", "refused", "foreign-lesson")]
    same_store = an_event(3, lesson="lesson-3")
    assert await push(mdm, same_store, login="keller") == [("event-3", "refused", "foreign-origin")]
    same_id = an_event(1, origin="store-2", lesson="lesson-3")
    assert await push(mdm, same_id, login="keller") == [("event-1", "refused", "id-taken")]
    assert await push(mdm, an_event(9, sequence=1)) == [("event-9", "refused", "sequence-taken")]
    assert await kept(mdm) == ["event-1"]


async def test_a_gap_in_a_journal_is_noted_until_it_is_filled(mdm: Mdm) -> None:
    await push(mdm, an_event(1), an_event(4))
    async with mdm.ground.database.reading(mdm.school) as connection:
        (gap,) = await gaps(connection, mdm.school)
    assert (gap.origin, gap.missing, gap.since) == ("store-1", 2, mdm.clock.at)
    await push(mdm, an_event(3), an_event(2, kind="No"))  # refused is answered too
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await gaps(connection, mdm.school) == ()


async def test_what_was_another_journals_is_missing_nowhere_and_hides_no_gap(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()

    async def sent(*numbers: int) -> tuple[int, ...]:
        told = {"events": [an_event(number, origin="store-2") for number in numbers], "after": 3}
        answer = await mdm.http.post("/api/journal", json=told, headers=headers)
        assert {each["state"] for each in answer.json()["outcomes"]} == {"applied"}
        async with mdm.ground.database.reading(mdm.school) as connection:
            return tuple(gap.missing for gap in await gaps(connection, mdm.school))

    assert await sent(4, 6) == (1,)
    assert await sent(2, 3) == (1,), "a server that was set back is given these again"
    assert await sent(5) == ()
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert not await follow_chains(connection, mdm.school)


async def test_more_than_a_batch_is_malformed_as_a_whole(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()
    for content in (b"", b"[]", b"null", b'{"events": [' + b"1," * 200 + b"1]}"):
        answer = await mdm.http.post("/api/journal", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=st.lists(st.lists(st.integers(1, 12), max_size=6), max_size=6))
async def test_in_whatever_order_and_however_often_each_is_kept_once(
    mdm: Mdm, batches: list[list[int]]
) -> None:
    before = set(await kept(mdm))
    for batch in batches:
        answers = await push(mdm, *(an_event(number) for number in batch))
        assert answers == [(f"event-{number}", "applied", "") for number in batch]
    sent = {f"event-{number}" for batch in batches for number in batch}
    assert await kept(mdm) == sorted(before | sent)


async def test_each_event_of_a_batch_is_judged_by_those_before_it(mdm: Mdm) -> None:
    answers = await push(
        mdm,
        an_event(1),
        an_event(1, kind="changed"),
        an_event(2, sequence=1),
        an_event(3, kind="No"),
        an_event(3),
        an_event(4, origin="store-2", sequence=1),
    )
    assert answers == [
        ("event-1", "applied", ""),
        ("event-1", "applied", ""),
        ("event-2", "refused", "sequence-taken"),
        # What follows is of that other journal, too: of neither is anything noted.
        ("event-3", "refused", "sequence-taken"),
        ("event-3", "refused", "sequence-taken"),
        ("event-4", "applied", ""),
    ]
    assert await push(mdm, an_event(3, kind="No"), an_event(3)) == [
        ("event-3", "refused", "bad-kind"),
        ("event-3", "refused", "bad-kind"),
    ]
    assert await kept(mdm) == ["event-1", "event-4"]


async def test_a_full_batch_costs_a_handful_of_statements(mdm: Mdm) -> None:
    await push(mdm, an_event(1))
    said: list[str] = []

    def heard(_: Connection, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    event.listen(mdm.ground.database.engine.sync_engine, "before_cursor_execute", heard)
    answers = await push(mdm, *(an_event(number) for number in range(2, 201)))
    assert {state for _, state, _ in answers} == {"applied"}
    assert len(said) < 20, said


async def test_lessons_of_a_class_that_was_handed_over_are_taken_from_who_held_them(
    mdm: Mdm,
) -> None:
    await teach(mdm.ground, mdm.school, Teaching("t-lambert", "5B", teaches=False))
    answers = await push(mdm, an_event(1), an_event(2))
    assert [state for _, state, _ in answers] == ["applied"] * 2
