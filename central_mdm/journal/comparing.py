"""Two witnesses of one lesson: what a device's journal tells against what the teacher's does.

Only what both must know is compared, and by names, not by times: clocks in class are wrong. What
the device tells and the teacher's journal does not is "untold"; the other way round "denied".
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, json
from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Account, Alarm
from central_mdm.journal.forgetting import FORGOTTEN
from central_mdm.journal.model import WAITS, accounts, events, lessons
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


class Compared(Struct, frozen=True):
    """Accounts that were held against the teacher's journal, and what came out.

    `held`: device, lesson and when it was issued; a newer word on the same lesson is another.
    """

    held: tuple[tuple[str, str, int], ...] = ()
    alarms: tuple[Alarm, ...] = ()


async def compare(connection: AsyncConnection, caller: Caller, now: int) -> Compared:
    """Compare each account of the caller's lessons for which the teacher's journal has come.

    Writes nothing: see `mark`.
    """
    waiting = await _waiting(connection, caller)
    read = [(row, json.decode(row.body, type=Account)) for row in waiting]
    come = await _come(connection, caller.school, [account for _, account in read])
    ready = [each for each in read if (each[1].beside, each[1].until) in come]
    told = {
        lesson: await _told(connection, caller.school, lesson)
        for lesson in dict.fromkeys(row.lesson for row, _ in ready)
    }
    found: list[Alarm] = []
    for row, account in ready:
        theirs = told[row.lesson]
        for code, detail in differences(account, theirs, row.device) if theirs is not None else ():
            facts = ("device", row.device, row.device, row.lesson, detail[:200])
            found.append(Alarm(now, code, *facts))
    held = tuple((row.device, row.lesson, row.issued_at) for row, _ in ready)
    return Compared(held, tuple(found))


async def mark(connection: AsyncConnection, school: str, compared: Compared) -> None:
    """Let what was compared wait no more."""
    if not compared.held:
        return
    key = tuple_(accounts.c.device, accounts.c.lesson, accounts.c.issued_at)
    done = update(accounts).where(accounts.c.school == school, key.in_(compared.held))
    await connection.execute(done.values(compared=True))


async def _waiting(connection: AsyncConnection, caller: Caller) -> Sequence[Row[Any]]:
    """Read accounts that wait, the newest first: those whose journal never comes hold none up."""
    mine = lessons.c.lesson == accounts.c.lesson, lessons.c.school == accounts.c.school
    wanted = (
        select(accounts)
        .join(lessons, mine[0] & mine[1])
        .where(accounts.c.school == caller.school, WAITS, lessons.c.teacher == caller.id)
        .order_by(accounts.c.issued_at.desc(), accounts.c.lesson, accounts.c.device)
        .limit(COMPARED_MAX)
    )
    return (await connection.execute(wanted)).all()


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


async def _come(
    connection: AsyncConnection, school: str, told: Iterable[Account]
) -> set[tuple[str, int]]:
    """Say as far as which of them go (journal, entry) the teacher's journal is here."""
    asked: dict[str, set[int]] = {}
    for account in told:
        asked.setdefault(account.beside, set()).add(account.until)
    come: set[tuple[str, int]] = set()
    for origin, untils in asked.items():
        wanted = select(events.c.sequence).where(
            events.c.school == school,
            events.c.origin == origin,
            events.c.sequence.in_(sorted(untils)),
        )
        come |= {(origin, each) for each in (await connection.execute(wanted)).scalars()}
    return come


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
