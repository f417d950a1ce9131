"""How each entry of a teacher's journal is chained to the one before.

hash = BLAKE3 over `link_bytes_of(hash before, sequence, apart, body)`. `body` is the act as a JSON
object without what it says of a pupil; `apart` is a salted BLAKE3 hash over that part, and
`NOTHING_APART` where an act has none. The salt never leaves the app: of an event that speaks of a
pupil, whoever has only what was pushed cannot compute the hash.
"""

from typing import Final

NOTHING_APART: Final = bytes(32)
BEFORE_ALL: Final = b""
"""The hash before the first entry."""
BARE_KINDS: Final = frozenset(
    {
        "collect-asked",
        "collect-done",
        "device-came",
        "hand-out-reported",
        "hand-out-withdrawn",
        "lesson-extended",
        "lesson-over",
        "lesson-shared",
        "lesson-started",
        "overruled",
        "page-opened",
        "reported",
        "show-over",
        "shown",
    }
)
"""What has nothing apart, and never will: an act that comes to speak of a pupil is a new kind."""


def link_bytes_of(before: bytes, sequence: int, apart: bytes, body: bytes) -> bytes:
    """Return the bytes that are hashed for one entry; `sequence` counts from 1."""
    return before + sequence.to_bytes(8, "big") + apart + body
