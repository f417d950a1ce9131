"""Erasing a pupil from the journal, as the law wants it, without breaking its chain."""

import json
from typing import Any

from sqlalchemy import Connection, delete, select

from classroom_app.domain.lesson import PupilId
from classroom_app.storage.tables import hand_ins, personal


def erase(pupil: PupilId, connection: Connection) -> int:
    """Drop the personal fields of each act that names `pupil`, with their salt.

    What an act says of others goes with it: a list of names without one would tell who is gone.
    Collected work that waits for the central side is not sent any more.
    """
    named = [
        row.sequence
        for row in connection.execute(select(personal.c.sequence, personal.c.fields))
        if _names(json.loads(row.fields), pupil)
    ]
    for table in (personal, hand_ins):
        for sequence in named:
            connection.execute(delete(table).where(table.c.sequence == sequence))
    return len(named)


def _names(fields: dict[str, Any], pupil: PupilId) -> bool:
    return fields.get("pupil") == pupil or pupil in fields.get("pupils", ())
