"""Erasing a pupil from the journal, as the law wants it, without breaking its chain."""

import json
from typing import Any

from sqlalchemy import Connection, delete, select

from classroom_app.domain.lesson import PupilId
from classroom_app.storage.tables import hand_ins, journal, personal


def erase(pupil: PupilId, connection: Connection) -> int:
    """Drop the personal fields of each act that names `pupil`, with their salt.

    What an act says of others goes with it: a list of names without one would tell who is gone.
    Collected work that waits for the central side is not sent any more.
    """
    query = select(personal.c.sequence, personal.c.fields)
    naming = [
        {"gone": row.sequence}
        for row in connection.execute(query)
        if _names(json.loads(row.fields), pupil)
    ]
    for each in naming:
        connection.execute(delete(personal).where(personal.c.sequence == each["gone"]))
        act = select(journal.c.id).where(journal.c.sequence == each["gone"])
        connection.execute(delete(hand_ins).where(hand_ins.c.id == act.scalar_subquery()))
    return len(naming)


def _names(fields: dict[str, Any], pupil: PupilId) -> bool:
    return fields.get("pupil") == pupil or pupil in fields.get("pupils", ())
