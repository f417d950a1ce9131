"""The cursor of a pull: one text that only the server makes and reads; an app keeps it as it is.

It holds no secret and is not signed: rights are asked at each pull, so whoever alters one is told
what they may pull anyway.
"""

from base64 import b64decode, urlsafe_b64encode
from typing import Final, Literal

from msgspec import DecodeError, Struct, msgpack

from central_mdm.contract.names import Count

Why = Literal["", "unreadable", "another-scope", "another-epoch", "ahead"]
"""Why a scope is told from its start in spite of a cursor; "" where there is no reason."""


class Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Of this scope all is told up to `sequence`, as the school's server counts since `epoch`."""

    epoch: str
    scope: str
    sequence: Count


_cursor: Final = msgpack.Decoder(Cursor)


def text_of(cursor: Cursor) -> str:
    """Write a cursor as base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(msgpack.encode(cursor)).rstrip(b"=").decode()


def resumed(text: str, end: Cursor) -> tuple[int, Why]:
    """Return the sequence after which to go on, and why it is 0, the start; no text needs no why.

    `end` is the scope as it stands. An app that knows another scope's or epoch's numbers, or more
    than we do, is told all.
    """
    known = _read(text)
    if known is None:
        return 0, "unreadable" if text else ""
    if known.scope != end.scope:
        return 0, "another-scope"
    if known.epoch != end.epoch:
        return 0, "another-epoch"
    if known.sequence > end.sequence:
        return 0, "ahead"
    return known.sequence, ""


def _read(text: str) -> Cursor | None:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return _cursor.decode(b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, DecodeError, RecursionError):
        return None
