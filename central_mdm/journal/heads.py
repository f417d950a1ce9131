"""Signed heads of journals: kept where each goes on from the last, else an alarm."""

from collections.abc import Sequence
from typing import Any

from msgspec import json
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import (
    HEAD_TYPE,
    Alarm,
    Head,
    HeadOutcome,
    HeadsHeard,
    HeadsTold,
    SignedHead,
    fault_of,
)
from central_mdm.identity.certificates import bearer_of
from central_mdm.identity.rules import lock_teacher, school_row
from central_mdm.identity.statements import read
from central_mdm.journal.alarms import alarms_of, raise_alarm
from central_mdm.journal.comparing import compare, mark
from central_mdm.journal.model import accounts, events, heads, lessons, origins
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.ground import Ground


async def hear(ground: Ground, caller: Caller, told: HeadsTold) -> HeadsHeard:
    """Take what a teacher's app brings, and hold devices' accounts of its lessons against it."""
    # Most turns bring nothing, and nothing has come of what waits: they keep no writer waiting.
    if not told.heads:
        async with ground.database.reading(caller.school) as connection:
            if not (await compare(connection, caller, ground.clock())).held:
                return await _heard(connection, caller, told, ())
    async with ground.database.writing(caller.school) as connection:
        await lock_teacher(connection, caller.school, caller.id)
        outcomes = await take(connection, caller, told.heads, ground.clock())
        compared = await compare(connection, caller, ground.clock())
        for alarm in compared.alarms:
            await raise_alarm(connection, caller.school, caller.id, alarm)
        await mark(connection, caller.school, compared)
        return await _heard(connection, caller, told, outcomes)


async def _heard(
    connection: AsyncConnection,
    caller: Caller,
    told: HeadsTold,
    outcomes: tuple[HeadOutcome, ...],
) -> HeadsHeard:
    highest = select(func.max(origins.c.highest)).where(
        origins.c.school == caller.school,
        origins.c.origin == told.journal,
        origins.c.teacher == caller.id,
    )
    held = int((await connection.execute(highest)).scalar() or 0)
    return HeadsHeard(outcomes, held, await alarms_of(connection, caller))


async def take(
    connection: AsyncConnection, caller: Caller, told: Sequence[SignedHead], now: int
) -> tuple[HeadOutcome, ...]:
    """Keep each head or say why not, in the order they came; one never holds up another."""
    root = (await school_row(connection, caller.school)).root if told else ""
    return tuple([await _take(connection, caller, (root, signed), now) for signed in told])


async def newest_count(connection: AsyncConnection, school: str, device: str) -> int:
    wanted = select(heads.c.count).where(
        heads.c.school == school, heads.c.role == "device", heads.c.journal == device
    )
    return int((await connection.execute(wanted)).scalar() or 0)


async def _take(
    connection: AsyncConnection, caller: Caller, told: tuple[str, SignedHead], now: int
) -> HeadOutcome:
    root, signed = told
    head = _read(root, signed, caller.school)
    if head is None:
        return HeadOutcome("forged")
    held = await _held(connection, head)
    own = head.party == caller.id if head.role == caller.role else True
    if not own or (held and held.party != head.party) or await _anothers(connection, head):
        return HeadOutcome("foreign")
    count = held.newest.count if held else 0
    fault = fault_of(held, head) or await _against_events(connection, head)
    if fault:
        detail = f"{head.newest.count} after {count}"
        alarm = Alarm(now, fault, head.role, head.party, head.journal, head.lesson, detail)
        teacher = caller.id if caller.role == "teacher" else await _teacher_of(connection, head)
        await raise_alarm(connection, head.school, teacher, alarm)
        return HeadOutcome(fault, count)
    if head.newest.count >= count:
        await _keep(connection, head, signed, now)
    if head.role == "device" and head.account is not None and head.lesson:
        await _keep_account(connection, head)
    return HeadOutcome("", max(count, head.newest.count))


def _read(root: str, signed: SignedHead, school: str) -> Head | None:
    """Return a head that was signed by whom it names, under a certificate of this school."""
    bearer = bearer_of(signed.certificate, root)
    if bearer is None:
        return None
    party, key = bearer
    head = read(signed.head, HEAD_TYPE, Head, key)
    if head is None or (head.school, head.role, head.party) != (school, party.role, party.id):
        return None
    if party.school != school or (head.role == "device" and head.journal != head.party):
        return None
    return head


async def _held(connection: AsyncConnection, head: Head) -> Head | None:
    wanted = select(heads.c.body).where(
        heads.c.school == head.school, heads.c.role == head.role, heads.c.journal == head.journal
    )
    body = (await connection.execute(wanted)).scalar()
    return json.decode(body, type=Head) if body else None


async def _anothers(connection: AsyncConnection, head: Head) -> bool:
    """Say whether the events of this teacher's journal came from another teacher."""
    wanted = select(origins.c.teacher).where(
        origins.c.school == head.school, origins.c.origin == head.journal
    )
    owner = (await connection.execute(wanted)).scalar()
    return head.role == "teacher" and owner is not None and owner != head.party


async def _against_events(connection: AsyncConnection, head: Head) -> str:
    """Hold a teacher's head against the event at which it ends, where that has come."""
    wanted = select(events.c.hash).where(
        events.c.school == head.school,
        events.c.origin == head.journal,
        events.c.sequence == head.newest.count,
    )
    kept = (await connection.execute(wanted)).scalar() if head.role == "teacher" else None
    return "forked-head" if kept not in {None, "", head.newest.hash} else ""


async def _teacher_of(connection: AsyncConnection, head: Head) -> str:
    if head.role == "teacher":
        return head.party
    wanted = select(lessons.c.teacher).where(
        lessons.c.school == head.school, lessons.c.lesson == head.lesson
    )
    return (await connection.execute(wanted)).scalar() or ""


async def _keep(connection: AsyncConnection, head: Head, signed: SignedHead, now: int) -> None:
    facts: dict[str, Any] = {
        "party": head.party,
        "count": head.newest.count,
        "body": json.encode(head),
        "token": signed.head,
        "certificate": signed.certificate,
        "received_at": now,
    }
    key = {"school": head.school, "role": head.role, "journal": head.journal}
    kept = upsert(connection, heads).values(key | facts)
    await connection.execute(
        kept.on_conflict_do_update(index_elements=["school", "role", "journal"], set_=facts)
    )


async def _keep_account(connection: AsyncConnection, head: Head) -> None:
    """Keep what a device tells of a lesson; a newer word on the same lesson is compared anew."""
    facts: dict[str, Any] = {
        "issued_at": head.issued_at,
        "body": json.encode(head.account),
        "compared": False,
    }
    key = {"school": head.school, "device": head.party, "lesson": head.lesson}
    kept = upsert(connection, accounts).values(key | facts)
    await connection.execute(
        kept.on_conflict_do_update(
            index_elements=["school", "device", "lesson"],
            set_=facts,
            where=accounts.c.issued_at < kept.excluded.issued_at,
        )
    )
