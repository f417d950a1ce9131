"""Documents that stand ready for a class: chosen, and kept here, before they are handed out."""

from typing import Annotated, Final

from msgspec import Meta, Struct

READY_MAX: Final = 30
"""Of one class: a list that a person still overlooks."""
NAME_MAX: Final = 255


class ReadyDocument(Struct, frozen=True):
    """`document` is its id in hex, `size` its bytes, `chosen_at` UTC seconds since 1970."""

    document: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    name: Annotated[str, Meta(max_length=NAME_MAX)]
    size: Annotated[int, Meta(ge=0)]
    chosen_at: int


class Offered(Struct, frozen=True):
    """One of the list; `here`: its bytes are on this computer, so it can be handed out."""

    ready: ReadyDocument
    here: bool
