"""Reading a pushed batch item by item, so that one bad event never holds up the others."""

import re
from typing import Annotated, Final

from msgspec import DecodeError, Meta, Raw, Struct, ValidationError, json

from central_mdm.contract.journal import BATCH_MAX, Event
from central_mdm.contract.names import Count
from central_mdm.platform.errors import Malformed

BODY_BYTES_MAX: Final = 16 * 1024
UNREADABLE: Final = "unreadable"
"""Stands as the id of an item whose own id cannot be read."""
_KIND: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Item(Struct, frozen=True):
    """One item of a batch: the event as far as it can be read, and what speaks against it."""

    id: str
    event: Event | None = None
    objection: str = ""


class Batch(Struct, frozen=True):
    """Items in the order they came; `after` as in `Push`."""

    items: tuple[Item, ...]
    after: int = 0


class _Batch(Struct):
    events: Annotated[tuple[Raw, ...], Meta(max_length=BATCH_MAX)]
    after: Count = 0


class _IdOnly(Struct):
    id: str = ""


_batch: Final = json.Decoder(_Batch)
_event: Final = json.Decoder(Event)
_id_only: Final = json.Decoder(_IdOnly)
_object: Final = json.Decoder(dict[str, Raw])
_text: Final = json.Decoder(str)


def read_batch(body: bytes) -> Batch:
    """Read each item by itself. Raises Malformed for what is no batch."""
    try:
        batch = _batch.decode(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed", _why(error)) from None
    return Batch(tuple(_read(bytes(raw)) for raw in batch.events), batch.after)


def class_of(event: Event) -> str:
    """Return the class that an event speaks of, by `class_id` in its body, or ""."""
    try:
        return _text.decode(_object.decode(event.body).get("class_id", b'""'))
    except (ValueError, RecursionError):
        return ""


def _read(raw: bytes) -> Item:
    try:
        event = _event.decode(raw)
    except (ValueError, RecursionError) as error:
        return Item(_id_of(raw), objection=f"malformed: {_why(error)}"[:200])
    return Item(event.id, event, _objection(event))


def _objection(event: Event) -> str:
    if not _KIND.fullmatch(event.kind):
        return "bad-kind"
    if event.sequence < 1:
        return "bad-sequence"
    if len(bytes(event.body)) > BODY_BYTES_MAX:
        return "too-large"
    try:
        _object.decode(event.body)
    except (ValueError, RecursionError):
        return "malformed: the body is no object"
    return ""


def _id_of(raw: bytes) -> str:
    try:
        found = _id_only.decode(raw).id
    except (ValueError, RecursionError):
        return UNREADABLE
    return found if _ID.fullmatch(found) else UNREADABLE


def _why(error: Exception) -> str:
    """Return a sentence without the sender's content in it: msgspec names types and places."""
    match error:
        case ValidationError() | DecodeError():
            return str(error)[:160]
        case _:
            return type(error).__name__
