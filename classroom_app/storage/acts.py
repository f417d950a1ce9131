"""Acts read back from the journal, with their personal fields or, where erased, without."""

import json
from typing import Any, Final, get_args, get_origin

import msgspec
from sqlalchemy import Connection, Select, and_, select

from classroom_app.domain.acts import AnyAct, Kept
from classroom_app.domain.lesson import LessonId
from classroom_app.storage.tables import journal, personal

# All of it, so that SQLite may come from either side: a range of the journal, or a lesson.
BESIDE: Final = and_(
    personal.c.sequence == journal.c.sequence,
    personal.c.lesson == journal.c.lesson,
    personal.c.id == journal.c.id,
)
_KINDS = {kind.__struct_config__.tag: kind for kind in get_args(AnyAct)}


def entries() -> Select[Any]:
    """Select the journal's rows; `fields` is None where nothing is personal or it was erased."""
    return select(journal, personal.c.fields).join(personal, BESIDE)


def read(connection: Connection, lesson: LessonId, limit: int) -> list[Kept]:
    """Return the newest acts of a lesson, oldest first."""
    query = entries().where(personal.c.lesson == lesson)
    newest = connection.execute(query.order_by(journal.c.sequence.desc()).limit(limit))
    return [Kept(row.sequence, act_of(row.body, row.fields), row.state) for row in newest][::-1]


def act_of(body: bytes, fields: bytes | None) -> AnyAct:
    told = fields_of(body, fields)
    return msgspec.convert({**_blanks(told["type"]), **told}, AnyAct)  # pyright: ignore[reportArgumentType]


def fields_of(body: bytes, fields: bytes | None) -> dict[str, Any]:
    return {**json.loads(body), **json.loads(fields or b"{}")}


def _blanks(kind: str) -> dict[str, Any]:
    """Return what stands where personal fields were: nobody, no text."""
    known = {field.name: field.type for field in msgspec.structs.fields(_KINDS[kind])}
    return {name: () if get_origin(known[name]) is tuple else "" for name in _KINDS[kind].PERSONAL}
