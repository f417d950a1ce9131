"""Erasing a pupil from the journal, as the law wants it, without breaking its chain."""

import json
from typing import Any

from sqlalchemy import Connection, delete, select, update

from classroom_app.domain.lesson import PupilId
from classroom_app.storage.tables import hand_ins, journal


def erase(pupil: PupilId, connection: Connection) -> int:
    """Blank the personal fields of each act that names `pupil`, with their salt.

    What an act says of others goes with it: a list of names without one would tell who is gone.
    Collected work that waits for the central side is not sent any more.
    """
    columns = select(journal.c.sequence, journal.c.fields)
    told = connection.execute(columns.where(journal.c.fields.is_not(None)))
    naming = [row for row in told if _names(json.loads(row.fields), pupil)]
    for row in naming:
        here = journal.c.sequence == row.sequence
        connection.execute(update(journal).where(here).values(salt=None, fields=None))
        connection.execute(delete(hand_ins).where(hand_ins.c.sequence == row.sequence))
    return len(naming)


def forget_before(at: int, connection: Connection) -> int:
    """Blank the personal fields of all acts older than `at`, UTC seconds; return how many.

    The rest of each stays, and so does the chain. Work that waits to be sent so long is not sent.
    """
    old = journal.c.at < at, journal.c.fields.is_not(None)
    sequences = select(journal.c.sequence).where(*old)
    connection.execute(delete(hand_ins).where(hand_ins.c.sequence.in_(sequences)))
    return connection.execute(update(journal).where(*old).values(salt=None, fields=None)).rowcount


def _names(fields: dict[str, Any], pupil: PupilId) -> bool:
    return fields.get("pupil") == pupil or pupil in fields.get("pupils", ())
