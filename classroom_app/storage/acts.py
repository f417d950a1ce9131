"""Acts read back from the journal, with their personal fields or, where erased, without."""

import json
import logging
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, select

from classroom_app.domain.acts import AnyAct, Kept
from classroom_app.domain.lesson import LessonId
from classroom_app.storage.tables import journal, lessons

log = logging.getLogger(__name__)
# Acts are read in several threads: msgspec 0.22 crashes where two are the first to read a struct.
msgspec.json.Decoder(AnyAct)
UNREADABLE: Final = (LookupError, TypeError, ValueError, RecursionError)
"""What is raised of a row that was altered, or that lay on a damaged page."""
_KINDS = {kind.__struct_config__.tag: kind for kind in get_args(AnyAct)}


def of_lesson(lesson: LessonId) -> tuple[ColumnElement[bool], ...]:
    """Say which rows are a lesson's: SQLite then reads the journal from its first act on."""
    first = select(lessons.c.first).where(lessons.c.lesson == lesson).scalar_subquery()
    return journal.c.sequence >= first, journal.c.lesson == lesson


def read(connection: Connection, lesson: LessonId, limit: int, after: int = 0) -> list[Kept]:
    """Return the newest acts of a lesson, oldest first; without what cannot be read.

    `after`: only those of a higher sequence.
    """
    query = select(journal).where(*of_lesson(lesson), journal.c.sequence > after)
    newest = connection.execute(query.order_by(journal.c.sequence.desc()).limit(limit))
    return [Kept(row.sequence, act, row.state) for row in newest if (act := act_in(row))][::-1]


def act_in(row: Row[*tuple[Any, ...]]) -> AnyAct | None:
    """Return the act in a row of the journal; None where it cannot be read, and the log is told.

    Who altered a row, or a page that is damaged, keeps nobody out: `verifying` tells of it.
    """
    try:
        told = fields_of(row.body, row.fields)
        bytes.fromhex(told.get("document", ""))
        return msgspec.convert({**_blanks(told["type"]), **told}, AnyAct)  # pyright: ignore[reportArgumentType]
    except UNREADABLE as error:
        tell_unreadable(row.sequence, error)
        return None


def tell_unreadable(sequence: int, error: Exception) -> None:
    facts = {"sequence": sequence, "why": type(error).__name__}
    log.warning("an act cannot be read", extra=facts)


def fields_of(body: bytes, fields: bytes | None) -> dict[str, Any]:
    """Return what an act says, `body` and `fields` as they lie in its row. Raises `UNREADABLE`."""
    return {**json.loads(body), **json.loads(fields or b"{}")}


@cache
def _blanks(kind: str) -> dict[str, Any]:
    """Return what stands where personal fields were: nobody, no text."""
    known = {field.name: field.type for field in msgspec.structs.fields(_KINDS[kind])}
    return {name: () if get_origin(known[name]) is tuple else "" for name in _KINDS[kind].PERSONAL}
