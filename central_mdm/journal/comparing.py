"""Two witnesses of one lesson: what a device's journal tells against what the teacher's does.

Only what both must know is compared, and by names, not by times: clocks in class are wrong. What
the device tells and the teacher's journal does not is "untold"; the other way round "denied".
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import json
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Account, Alarm
from central_mdm.journal.forgetting import FORGOTTEN
from central_mdm.journal.model import accounts, events, lessons
from central_mdm.platform.authentication import Caller

KINDS: Final = (
    "lock-asked",
    "reported",
    "looked-closely",
    "still-asked",
    "handed-out",
    "hand-out-reported",
    "collect-asked",
    "collect-done",
)
COMPARED_MAX: Final = 200
"""Accounts a turn: a school day of one teacher."""
Told = tuple[int, str, dict[str, Any]]
"""One event: its sequence, kind and body."""


async def compare(connection: AsyncConnection, caller: Caller, now: int) -> list[Alarm]:
    """Compare each account of the caller's lessons for which the teacher's journal has come."""
    mine = lessons.c.lesson == accounts.c.lesson, lessons.c.school == accounts.c.school
    waiting = await connection.execute(
        select(accounts)
        .join(lessons, mine[0] & mine[1])
        .where(
            accounts.c.school == caller.school,
            accounts.c.compared.is_(False),
            lessons.c.teacher == caller.id,
        )
        .limit(COMPARED_MAX)
    )
    found: list[Alarm] = []
    for row in waiting.all():
        account = json.decode(row.body, type=Account)
        if not await _has_come(connection, caller.school, account):
            continue
        told = await _told(connection, caller.school, row.lesson)
        for code, detail in differences(account, told, row.device) if told is not None else ():
            facts = ("device", row.device, row.device, row.lesson, detail[:200])
            found.append(Alarm(now, code, *facts))
        done = update(accounts).where(
            accounts.c.school == caller.school,
            accounts.c.device == row.device,
            accounts.c.lesson == row.lesson,
        )
        await connection.execute(done.values(compared=True))
    return found


def differences(account: Account, told: Sequence[Told], device: str) -> list[tuple[str, str]]:
    """Return codes and details of what one witness tells and the other does not.

    Reports count only up to the teacher's entry beside which the account was given.
    """
    before = [each for each in told if each[0] <= account.until]
    asked = {body.get("version") for body in _of(told, "lock-asked") if body.get("locked")}
    looks = any(body.get("device") == device for body in _of(told, "looked-closely"))
    stills = sum(body.get("device") == device for body in _of(told, "still-asked"))
    handed = {body.get("handout") for body in _of(told, "handed-out")}
    tickets = {body.get("ticket") for body in _of(told, "collect-asked")}
    found: dict[str, set[Any]] = {
        "lock-untold": set() if asked else set(account.locks),
        "look-untold": set() if looks or not account.looks else {account.looks},
        "still-untold": {account.stills} if account.stills > stills else set(),
        "hand-out-untold": set(account.handouts) - handed,
        "collect-untold": set(account.tickets) - tickets,
    }
    if not account.more:
        found |= {
            "lock-denied": (_locked(before, device) & asked) - set(account.locks),
            "hand-out-denied": (_placed(before, device) & handed) - set(account.handouts),
            "collect-denied": _collected(before, device) - set(account.tickets),
        }
    return [(code, ", ".join(sorted(map(str, names)))) for code, names in found.items() if names]


def _of(told: Iterable[Told], kind: str) -> list[dict[str, Any]]:
    return [body for _, each, body in told if each == kind]


def _locked(told: Iterable[Told], device: str) -> set[Any]:
    return {
        body.get("version")
        for body in _of(told, "reported")
        if (body.get("device"), body.get("feature"), body.get("state"))
        == (device, "attention", "locked")
    }


def _placed(told: Iterable[Told], device: str) -> set[Any]:
    return {
        body.get("handout")
        for body in _of(told, "hand-out-reported")
        if body.get("device") == device and body.get("state") in {"arrived", "opened"}
    }


def _collected(told: Iterable[Told], device: str) -> set[Any]:
    return {
        body.get("ticket")
        for body in _of(told, "collect-done")
        if body.get("device") == device and body.get("files")
    }


async def _has_come(connection: AsyncConnection, school: str, account: Account) -> bool:
    """Say whether the teacher's journal is here as far as it went when the account was given."""
    wanted = select(events.c.id).where(
        events.c.school == school,
        events.c.origin == account.beside,
        events.c.sequence == account.until,
    )
    return (await connection.execute(wanted)).first() is not None


async def _told(connection: AsyncConnection, school: str, lesson: str) -> list[Told] | None:
    """Read what the teacher's journal tells; None where some of it has been forgotten by age."""
    rows = await connection.execute(
        select(events.c.sequence, events.c.kind, events.c.body).where(
            events.c.school == school, events.c.lesson == lesson, events.c.kind.in_(KINDS)
        )
    )
    told = rows.all()
    if any(row.body == FORGOTTEN for row in told):
        return None
    return [(row.sequence, row.kind, _body(row.body)) for row in told]


def _body(raw: bytes) -> dict[str, Any]:
    """Read an event's body; it was an object when it came."""
    return json.decode(raw, type=dict[str, Any])
