"""Two witnesses at the central side: what is kept, what raises an alarm, how far it goes."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from central_mdm.contract.heads import Account, HeadsHeard, Mark, SignedHead
from central_mdm.identity.rules import lock_teacher
from central_mdm.journal.comparing import COMPARED_MAX
from central_mdm.journal.model import accounts
from device_bridge.trust.identity import Identity, csr, new_key
from tests.heads import head, mark
from tests.mdm import Mdm, bearer
from tests.plans import asking, know_sizes, plan_of
from tests.school import spoilt

pytestmark = pytest.mark.real_loop
STORE, LESSON = "store-1", "lesson-1"
TEACHER = "t-lambert"


async def teacher_of(mdm: Mdm, login: str = "lambert") -> Identity:
    key = new_key()
    signed = await mdm.sign_in(login, csr(key, login))
    mdm.tokens[login] = signed["token"]
    return Identity.of(key, signed["certificate"].encode())


async def device_of(mdm: Mdm, number: int = 0) -> tuple[str, Identity, str]:
    """Enrol a device; return its id, identity and token."""
    key, entry = new_key(), mdm.sample["devices"][number]
    asked = {"code": entry["code"], "csr": csr(key, "dev"), "inventory": {"kind": "laptop"}}
    told = (await mdm.http.post("/api/enrolments", json=asked)).json()
    return told["device"], Identity.of(key, told["certificate"].encode()), told["token"]


async def bring(mdm: Mdm, *heads: SignedHead, login: str = "lambert") -> HeadsHeard:
    told = {"journal": STORE, "heads": msgspec.to_builtins(heads)}
    headers = await mdm.as_teacher(login)
    answer = await mdm.http.post("/api/journal/heads", json=told, headers=headers)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=HeadsHeard)


async def check_in(mdm: Mdm, token: str, *heads: SignedHead) -> int:
    told = {"heads": msgspec.to_builtins(heads)}
    answer = await mdm.http.post("/api/check-in", json=told, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()["head_count"]


async def push(mdm: Mdm, *told: tuple[str, dict[str, Any]]) -> None:
    """Push a lesson of so many events, numbered from one; each one's hash is `mark`'s."""
    events = [
        {
            "id": f"event-{number}",
            "origin": STORE,
            "sequence": number,
            "lesson": LESSON,
            "kind": kind,
            "happened_at": 1_795_500_000,
            "hash": mark(number).hash,
            "body": body,
        }
        for number, (kind, body) in enumerate(told, 1)
    ]
    headers = await mdm.as_teacher()
    answer = await mdm.http.post("/api/journal", json={"events": events}, headers=headers)
    assert {one["state"] for one in answer.json()["outcomes"]} == {"applied"}


def codes(heard: HeadsHeard) -> list[str]:
    return [outcome.code for outcome in heard.outcomes]


async def test_a_head_that_goes_on_is_kept_and_a_shorter_or_forked_one_raises_an_alarm(
    mdm: Mdm,
) -> None:
    device, identity, _ = await device_of(mdm)

    def by(newest: Mark, earlier: Mark | None = None, at: int = 1_795_500_000) -> SignedHead:
        return head(identity, device, newest, earlier, school=mdm.school, at=at)

    heard = await bring(mdm, by(mark(5)), by(mark(9), mark(5)), by(mark(5), at=1_795_400_000))
    assert codes(heard) == ["", "", ""]  # the last was signed before and only came late
    assert [outcome.count for outcome in heard.outcomes] == [5, 9, 9]
    assert heard.alarms == ()
    heard = await bring(
        mdm, by(mark(7)), by(mark(9, "b")), by(mark(12), mark(9, "b")), by(mark(12))
    )
    assert codes(heard) == ["shorter-head", "forked-head", "forked-head", ""]
    assert sorted(alarm.code for alarm in heard.alarms) == ["forked-head", "shorter-head"]
    assert {(alarm.role, alarm.party) for alarm in heard.alarms} == {("device", device)}
    again = await bring(mdm, by(mark(7)))
    assert codes(again) == ["shorter-head"]
    assert len(again.alarms) == 2  # one row for one thing, however often it is brought


async def test_a_head_counts_by_its_signature_and_its_bearer(mdm: Mdm) -> None:
    device, identity, token = await device_of(mdm)
    other, _, _ = await device_of(mdm, 1)
    teacher = await teacher_of(mdm)
    mine = head(identity, device, mark(5), school=mdm.school)
    stranger = Identity(new_key(), identity.certificate)
    forged = (
        head(stranger, device, mark(5), school=mdm.school),
        head(identity, other, mark(5), school=mdm.school),
        head(identity, device, mark(5), school="another"),
        head(identity, device, mark(5), school=mdm.school, journal=other),
        head(identity, device, mark(5), school=mdm.school, role="teacher"),
        SignedHead(mine.head, b"no certificate"),
        SignedHead(spoilt(mine.head), mine.certificate),
    )
    assert codes(await bring(mdm, *forged)) == ["forged"] * len(forged)
    theirs = head(teacher, TEACHER, mark(5), role="teacher", school=mdm.school, journal=STORE)
    assert codes(await bring(mdm, theirs, login="keller")) == ["foreign"]
    assert codes(await bring(mdm, theirs)) == [""]
    assert await check_in(mdm, token, theirs, mine) == 5  # a device carries teachers' heads
    _, _, second = await device_of(mdm, 2)
    assert await check_in(mdm, second, head(identity, device, mark(6), school=mdm.school)) == 0


async def test_a_teachers_head_is_held_against_the_events_that_came(mdm: Mdm) -> None:
    teacher = await teacher_of(mdm)
    await push(mdm, ("lesson-started", {}), ("lesson-over", {}))
    heard = await bring(
        mdm,
        head(teacher, TEACHER, mark(2, "b"), role="teacher", school=mdm.school, journal=STORE),
        head(teacher, TEACHER, mark(2), role="teacher", school=mdm.school, journal=STORE),
    )
    assert codes(heard) == ["forked-head", ""]
    assert heard.held == 2
    (alarm,) = heard.alarms
    assert (alarm.role, alarm.journal, alarm.code) == ("teacher", STORE, "forked-head")


async def test_a_central_side_that_lacks_what_it_had_says_how_far_it_goes(mdm: Mdm) -> None:
    assert (await bring(mdm)).held == 0
    await push(mdm, ("lesson-started", {}), ("lesson-over", {}))
    assert (await bring(mdm)).held == 2
    assert (await bring(mdm, login="keller")).held == 0  # it is not theirs to know


LESSON_TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lock-asked", {"version": 7, "locked": True, "everybody": True, "devices": []}),
    ("reported", {"device": "DEV", "feature": "attention", "version": 7, "state": "locked"}),
    ("looked-closely", {"device": "DEV"}),
    ("handed-out", {"handout": "h-1"}),
    ("hand-out-reported", {"handout": "h-1", "device": "DEV", "state": "arrived"}),
    ("collect-asked", {"ticket": "c-1"}),
    ("collect-done", {"ticket": "c-1", "device": "DEV", "files": 2}),
    ("lesson-over", {}),
)
SAME = Account(STORE, 8, locks=(7,), looks=1, handouts=("h-1",), tickets=("c-1",))


@pytest.mark.parametrize(
    ("account", "left_out", "alarms"),
    [
        (SAME, "", []),
        (SAME, "lock-asked", ["lock-untold"]),
        (SAME, "looked-closely", ["look-untold"]),
        (SAME, "handed-out", ["hand-out-untold"]),
        (SAME, "collect-asked", ["collect-untold"]),
        (Account(STORE, 8), "", ["collect-denied", "hand-out-denied", "lock-denied"]),
        (Account(STORE, 8, more=True), "", []),
        (Account(STORE, 1), "", []),  # all that was reported came after it was given
    ],
)
async def test_two_witnesses_of_a_lesson_are_compared_once_both_have_come(
    mdm: Mdm, account: Account, left_out: str, alarms: list[str]
) -> None:
    device, identity, token = await device_of(mdm)
    told = head(identity, device, mark(30), school=mdm.school, lesson=LESSON, account=account)
    assert await check_in(mdm, token, told) == 30
    assert (await bring(mdm)).alarms == ()  # the teacher's journal has not come
    raw = msgspec.json.encode(LESSON_TOLD).replace(b"DEV", device.encode())
    named = msgspec.json.decode(raw, type=list[tuple[str, dict[str, Any]]])
    noted: tuple[str, dict[str, Any]] = ("noted", {})
    await push(mdm, *(noted if each[0] == left_out else each for each in named))
    heard = await bring(mdm)
    assert sorted(alarm.code for alarm in heard.alarms) == alarms
    assert {alarm.lesson for alarm in heard.alarms} <= {LESSON}
    assert (await bring(mdm)).alarms == heard.alarms


async def keep_accounts(
    mdm: Mdm, told: Sequence[tuple[str, Account]], *, at: int, lesson: str = LESSON, waits: bool
) -> None:
    """Keep what each of these devices tells of a lesson, as check-ins of one moment do."""
    rows = [
        {"school": mdm.school, "device": device, "lesson": lesson, "issued_at": at}
        | {"body": msgspec.json.encode(account), "compared": not waits}
        for device, account in told
    ]
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(accounts), rows)


async def test_a_turn_finds_what_waits_among_a_years_accounts_and_reads_each_lesson_once(
    mdm: Mdm,
) -> None:
    await push(mdm, ("handed-out", {"handout": "h-1"}), ("lesson-over", {}))
    past = [(f"past-{number}", Account(STORE, 1)) for number in range(3000)]
    await keep_accounts(mdm, past, at=1, waits=False)
    told = [(f"dev-{n}", Account(STORE, 1 + n % 2, handouts=("h-1",))) for n in range(28)]
    told += [("liar", Account(STORE, 2, handouts=("h-2",)))]
    await keep_accounts(mdm, told, at=2, waits=True)
    await know_sizes(mdm.ground.database, mdm.school, "journal_accounts")
    await mdm.as_teacher()
    with asking(mdm.ground.database) as asked:
        heard = await bring(mdm)
    assert [(alarm.party, alarm.code) for alarm in heard.alarms] == [("liar", "hand-out-untold")]
    lessons_read = [each for each in asked if "journal_events.body" in each[0]]
    assert len(lessons_read) == 2, "to see whether anything has come, and to write it"
    looked = next(each for each in asked if "FROM journal_accounts" in each[0])
    assert "ix_journal_accounts_waiting" in await plan_of(mdm.ground.database, mdm.school, looked)
    (marked,) = [each for each in asked if each[0].startswith("UPDATE journal_accounts")]
    plan = await plan_of(mdm.ground.database, mdm.school, marked)
    assert "SCAN journal_accounts" not in plan
    assert "Seq Scan on journal_accounts" not in plan
    with asking(mdm.ground.database) as asked:
        assert (await bring(mdm)).alarms == heard.alarms
    assert not [each for each in asked if "journal_events.body" in each[0]], "none waits any more"


async def test_a_turn_that_brings_nothing_waits_for_no_writer(mdm: Mdm) -> None:
    await push(mdm, ("lesson-over", {}))
    await keep_accounts(mdm, [("dev-1", Account(STORE, 9))], at=2, waits=True)
    await mdm.as_teacher()
    async with asyncio.timeout(20), mdm.ground.database.writing(mdm.school) as connection:
        await lock_teacher(connection, mdm.school, TEACHER)
        assert (await bring(mdm)).held == 1, "what waits has not come yet"


async def test_accounts_whose_journal_never_comes_keep_no_later_one_waiting(mdm: Mdm) -> None:
    await push(mdm, ("lesson-over", {}))
    lost = [(f"a-{number}", Account("a-lost-store", 1)) for number in range(COMPARED_MAX)]
    await keep_accounts(mdm, lost, at=1, waits=True)
    await keep_accounts(mdm, [("z", Account(STORE, 1, tickets=("c-9",)))], at=2, waits=True)
    assert [alarm.party for alarm in (await bring(mdm)).alarms] == ["z"]


async def test_a_body_that_is_no_head_is_malformed(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()
    bad = {"head": "a b", "certificate": base64.b64encode(b"x").decode()}
    for body in ({"journal": STORE, "heads": [bad]}, {"journal": STORE, "heads": [bad] * 51}, {}):
        answer = await mdm.http.post("/api/journal/heads", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
