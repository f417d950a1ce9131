"""What a pupil asks the guard over the device's own socket: one question, one answer, the end.

Never on the network. Only the pupil's own user is answered; the kernel says who asks.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from device_bridge.protocol.fields import Name, Sentence

SEEN_MAX: Final = 5000
"""The newest of them fit into one frame: some 300 bytes each at the most."""
MomentSeconds = Annotated[int, Meta(ge=-(2**40), le=2**40)]


class Seen(Struct, frozen=True):
    """One look, lock or private time. UTC seconds by the device's wall clock.

    `until` 0: it goes on, or its end is not noted. `who` is None where the name has been erased,
    "" where nobody but the pupil did it. `class_name`: in whose lesson, "" where it is not noted.
    """

    at: MomentSeconds
    until: MomentSeconds
    what: Sentence
    who: Name | None
    lesson: Sentence = ""
    class_name: Name = ""


class SeenAsked(Struct, frozen=True, tag="seen-asked"):
    """Tell who looked at this screen."""


class SeenTold(Struct, frozen=True, tag="seen-told"):
    """Newest first. `more`: older ones are left out."""

    rows: Annotated[tuple[Seen, ...], Meta(max_length=SEEN_MAX)]
    more: bool = False


class JoinAsked(Struct, frozen=True, tag="join-asked"):
    """Be found on the networks here that are not the school's; `really` False: only say which."""

    really: bool = False


class JoinTold(Struct, frozen=True, tag="join-told"):
    """The networks, as ranges, that are joined by this or would be."""

    networks: Annotated[tuple[Sentence, ...], Meta(max_length=64)]


ToGuard = SeenAsked | JoinAsked
FromGuard = SeenTold | JoinTold
