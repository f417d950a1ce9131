"""Remote control: a teacher's keys and pointer on one pupil's desktop, for half a minute at a time.

What is declared is of one link and ends with it; no device holds it over a restart. Events arrive
in the order in which they were made. There is no clipboard.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import Pixels, Version

CONTROL_LEASE_SECONDS: Final = 30
CONTROL_LEASE_SECONDS_MAX: Final = 60
EVENTS_MAX: Final = 64
"""In one message."""
TEXT_MAX: Final = 200
"""Characters of one event."""
TEXT_TOGETHER_MAX: Final = 400
"""Characters of one message: each may need a key that the pupil's keyboard has not."""
WHEEL_MAX: Final = 20

NOT_CLOSE: Final = "not-close"
LOCKED: Final = "locked"
NO_VERB: Final = "verb"
TOO_SOON: Final = "too-soon"
"""The pupil has just taken back."""
TOO_FAST: Final = "too-fast"
NOT_DRIVING: Final = "not-driving"
LINK_LOST: Final = "link-lost"
GIVEN_BACK: Final = "given-back"


class ControlDeclared(Struct, frozen=True, tag="control-declared"):
    """Whether this app's teacher drives monitor `screen`. Renewed with the same version.

    A version that this lesson has used up here begins nothing: who lost it asks anew.
    """

    version: Version
    lease_seconds: Annotated[int, Meta(ge=0, le=CONTROL_LEASE_SECONDS_MAX)]
    on: bool
    screen: Annotated[int, Meta(ge=0, le=15)] = 0


class PointerMoved(Struct, frozen=True, tag="pointer"):
    """To this place, in the driven monitor's own pixels."""

    x: Pixels
    y: Pixels


class ButtonPressed(Struct, frozen=True, tag="button"):
    """1 left, 2 middle, 3 right, 8 back, 9 forward; `down` False lets go."""

    button: Literal[1, 2, 3, 8, 9]
    down: bool


class WheelTurned(Struct, frozen=True, tag="wheel"):
    """Steps to the right and downwards; below zero: to the left and upwards."""

    across: Annotated[int, Meta(ge=-WHEEL_MAX, le=WHEEL_MAX)] = 0
    down: Annotated[int, Meta(ge=-WHEEL_MAX, le=WHEEL_MAX)] = 0


class KeyPressed(Struct, frozen=True, tag="key"):
    """A key by the name of its X keysym ("Return", "Control_L", "c"), as its layout has it there.

    For shortcuts and keys that write nothing; what is written is `TextTyped`.
    """

    key: Annotated[str, Meta(max_length=40, pattern=r"^[A-Za-z0-9_]+(?!\n)$")]
    down: bool


class TextTyped(Struct, frozen=True, tag="text"):
    """Characters to be there as they stand, whatever keyboard the device has."""

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]


ControlEvent = PointerMoved | ButtonPressed | WheelTurned | KeyPressed | TextTyped


class ControlInput(Struct, frozen=True, tag="control-input"):
    """What the teacher did, in this order; `version` is the declaration's that the device runs."""

    version: Version
    events: Annotated[tuple[ControlEvent, ...], Meta(min_length=1, max_length=EVENTS_MAX)]

    def __post_init__(self) -> None:
        """Refuse more text than one message may bring: ValueError."""
        if sum(len(one.text) for one in self.events if isinstance(one, TextTyped)) > (
            TEXT_TOGETHER_MAX
        ):
            raise ValueError("too much text")


class ControlOrdered(Struct, frozen=True, tag="control-ordered"):
    """To the seat: let the teacher drive, or no more; answered by `ControlAnswered`."""

    version: Version
    on: bool
    lease_seconds: Annotated[int, Meta(ge=0, le=CONTROL_LEASE_SECONDS_MAX)] = 0
    screen: Annotated[int, Meta(ge=0, le=15)] = 0


class ControlAnswered(Struct, frozen=True, tag="control-answered"):
    """From the seat: "off" and the rest are said when every key and button is let go."""

    version: Version
    state: Literal["on", "off", "taken-back", "failed"]
    reason: Annotated[str, Meta(max_length=200)] = ""
