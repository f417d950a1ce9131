"""Telling a change: each scope's counter is raised last in the transaction.

The counter's row stays locked until the commit, so the order of sequences is the order of commits
and no reader at 11 ever misses a 10 that commits later (an autoincrement id lost 27 % of rows in
a trial). Only the newest change of a row is kept; a deleted row stays as a tombstone.

Each transaction takes a whole stretch of a scope's numbers, and what it tells says where in it its
rows lie. A server that was put back to a copy, and nobody said so, counts on from there: by ones it
would give the numbers of before to other news, and an app that has the first never ask for these.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from blake3 import blake3
from msgspec import Struct, ValidationError, json
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow, Row
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed
from central_mdm.roster.model import changes, scopes

ROWS_A_STATEMENT = 500
SCOPES_A_STATEMENT = 200
STRETCH: Final = 2**24
"""So many numbers one transaction takes of a scope: more than it has rows, and of the contract's
2^53 enough for a change each second of 17 years."""


class Told(Struct, frozen=True):
    """One row of one scope as it is now; `row` None: it is gone."""

    scope: str
    entity: str
    id: str
    row: Row | None


def check(row: Row) -> None:
    """Hold a row to the contract: what no app can read would cost each app the whole class.

    Raises Malformed.
    """
    try:
        json.decode(json.encode(row), type=Row)
    except ValidationError as error:
        raise Malformed("row", str(error)) from error


def told(scope: str, row: Row) -> Told:
    match row:
        case ClassRow():
            return Told(scope, "class", row.id, row)
        case PupilRow():
            return Told(scope, "pupil", row.id, row)
        case DeviceRow():
            return Told(scope, "device", row.id, row)


async def publish(connection: AsyncConnection, school: str, news: Iterable[Told]) -> None:
    """Write `news` into the feed. Call it last: it holds each scope's counter until the commit."""
    by_scope: defaultdict[str, dict[tuple[str, str], Told]] = defaultdict(dict)
    for each in news:
        by_scope[each.scope][each.entity, each.id] = each
    # In one order for all writers, or two would wait for each other for ever.
    ordered = sorted(by_scope)
    for start in range(0, len(ordered), SCOPES_A_STATEMENT):
        some = ordered[start : start + SCOPES_A_STATEMENT]
        await _publish(
            connection, school, {scope: tuple(by_scope[scope].values()) for scope in some}
        )


async def _publish(
    connection: AsyncConnection, school: str, news: dict[str, tuple[Told, ...]]
) -> None:
    raised = upsert(connection, scopes)
    counter = raised.on_conflict_do_update(
        index_elements=["school", "scope"],
        set_={"sequence": scopes.c.sequence + raised.excluded.sequence},
    ).returning(scopes.c.scope, scopes.c.sequence)
    values = [{"school": school, "scope": scope, "sequence": STRETCH} for scope in news]
    last = {row.scope: row.sequence for row in await connection.execute(counter.values(values))}
    rows = [
        {
            "school": school,
            "scope": scope,
            "entity": each.entity,
            "id": each.id,
            "sequence": sequence,
            "row": json.encode(each.row) if each.row else None,
        }
        for scope, told in news.items()
        for sequence, each in enumerate(told, start=last[scope] - STRETCH + place_of(told))
    ]
    newest = upsert(connection, changes)
    newest = newest.on_conflict_do_update(
        index_elements=["school", "scope", "entity", "id"],
        set_={"sequence": newest.excluded.sequence, "row": newest.excluded.row},
    )
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        await connection.execute(newest, rows[start : start + ROWS_A_STATEMENT])


def place_of(told: tuple[Told, ...]) -> int:
    """Return where in a scope's stretch the first of these lies, from 1; the last is below its end.

    Other news lie elsewhere, but for one in 16 million.
    """
    drawn = int.from_bytes(blake3(json.encode(told)).digest(8), "big")
    return 1 + drawn % (STRETCH - len(told))
