"""Who administrated what: one chain of acts a school, each written in the act's own transaction."""

import os
import pwd
from collections.abc import Mapping, Sequence
from typing import Any, Final

from blake3 import blake3
from msgspec import Struct, json
from sqlalchemy import Row, RowMapping, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.audit import Act, Acts
from central_mdm.identity.model import audit_acts as acts
from central_mdm.identity.model import schools
from central_mdm.platform.acting import several
from central_mdm.platform.authentication import Caller

PAGE: Final = 100
_READ_AT_ONCE: Final = 1000


class By(Struct, frozen=True):
    """On whose word something is done, and from where."""

    who: str
    role: str
    session: str = ""


class Verified(Struct, frozen=True):
    """`fault`: the first act that is not as it was written; 0: all are.

    A chain that was cut at its end is whole. So keep `newest` and `mark` elsewhere, and compare.
    """

    acts: int
    newest: int
    mark: str
    fault: int = 0


def by(caller: Caller) -> By:
    who = f"visitor:{caller.visitor}" if caller.visitor else f"person:{caller.id}"
    return By(who, caller.duty, caller.session)


def by_console() -> By:
    """Name the user of this machine who runs a command on it, and whose sudo it is.

    The system says who that is: `LOGNAME` says what somebody has written there.
    """
    uid, sudo = os.getuid(), os.environ.get("SUDO_UID", "")
    whose = f" by sudo of {_user(int(sudo))}" if uid == 0 and sudo.isdecimal() else ""
    return By(f"console:{_user(uid)}{whose}", "console")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):  # a number without a name, in a container
        return str(uid)


async def record(  # noqa: PLR0913, PLR0917 - what an act is
    connection: AsyncConnection,
    now: int,
    school: str,
    by: By,
    act: str,
    object_: str,
    detail: str = "",
) -> None:
    """Write an act into the caller's transaction: both or neither. No names of pupils in it.

    `object_`: what was acted on, by its id.
    """
    # The school's row is held, so that two acts at once have two numbers.
    held = select(schools.c.school).where(schools.c.school == school).with_for_update()
    await connection.execute(held)
    last = select(acts.c.number, acts.c.mark).where(acts.c.school == school)
    row = (await connection.execute(last.order_by(acts.c.number.desc()).limit(1))).first()
    number, previous = (row.number + 1, row.mark) if row else (1, "")
    facts = {
        "school": school,
        "number": number,
        "at": now,
        "who": _cut(by.who, 160),
        "role": by.role,
        "session": by.session,
        "act": act,
        "object": _cut(object_, 160),
        "detail": _cut(detail, 500),
        "previous": previous,
    }
    await connection.execute(insert(acts).values(facts | {"mark": _mark(facts)}))


async def acts_before(connection: AsyncConnection, school: str, before: int) -> Acts:
    """Return a page, the newest first; `before` 0: from the last act on."""
    wanted = select(acts).where(acts.c.school == school)
    if before:
        wanted = wanted.where(acts.c.number < before)
    rows = (await connection.execute(wanted.order_by(acts.c.number.desc()).limit(PAGE + 1))).all()
    return Acts(tuple(_act(row) for row in rows[:PAGE]), len(rows) > PAGE)


async def verify(connection: AsyncConnection, school: str) -> Verified:
    """Go through all acts from the oldest that is kept."""
    count, number, mark = 0, 0, ""
    while rows := await _after(connection, school, number):
        for row in rows:
            facts = {name: row[name] for name in row if name != "mark"}
            follows = not count or (row["number"] == number + 1 and row["previous"] == mark)
            begins = row["number"] > 1 or not row["previous"]
            if not (follows and begins) or row["mark"] != _mark(facts):
                return Verified(count, number, mark, row["number"])
            count, number, mark = count + 1, row["number"], row["mark"]
    return Verified(count, number, mark)


async def forget_acts(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget the oldest acts up to the first of `before` or later, UTC seconds; return how many."""
    mine = acts.c.school == school
    kept = select(func.min(acts.c.number)).where(mine, acts.c.at >= before)
    first = (await connection.execute(kept)).scalar()
    old = delete(acts).where(mine, acts.c.at < before)
    if first is not None:
        old = old.where(acts.c.number < first)
    return (await connection.execute(old)).rowcount


async def _after(connection: AsyncConnection, school: str, number: int) -> Sequence[RowMapping]:
    wanted = select(acts).where(acts.c.school == school, acts.c.number > number)
    wanted = wanted.order_by(acts.c.number).limit(_READ_AT_ONCE)
    return (await connection.execute(wanted)).mappings().all()


def _act(row: Row[Any]) -> Act:
    return Act(
        row.number,
        row.at,
        row.who,
        row.role,
        row.session,
        row.act,
        row.object,
        row.detail,
        row.mark,
    )


def _mark(facts: Mapping[str, Any]) -> str:
    return blake3(json.encode(facts, order="deterministic")).hexdigest()


def _cut(text: str, length: int) -> str:
    return several(text.replace("\0", "").split(" "), length)
