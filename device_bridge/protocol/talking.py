"""Words both ways: the teacher's message, the pupil's hand, words and reply."""

from typing import Literal

from msgspec import Struct

from device_bridge.protocol.fields import DeadlineSeconds, Id, OptionalId, Words


class MessageSaid(Struct, frozen=True, tag="message-said"):
    """The teacher says something to the pupil; a command, so it ends with an `Answer`.

    "done" means shown on the pupil's screen.
    """

    id: Id
    deadline_seconds: DeadlineSeconds
    text: Words


class HandAnswered(Struct, frozen=True, tag="hand-answered"):
    """The teacher has seen to the pupil's hand: it goes down."""

    id: Id
    deadline_seconds: DeadlineSeconds


class PupilSaid(Struct, frozen=True, tag="pupil-said"):
    """The pupil says something. Sent again on each link until `Heard`."""

    id: Id
    kind: Literal["hand-up", "hand-down", "words", "reply"]
    text: Words = ""
    reply_to: OptionalId = ""


class Heard(Struct, frozen=True, tag="heard"):
    """The app has written this down; the device need not say it again."""

    id: Id
