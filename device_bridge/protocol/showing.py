"""Showing: the teacher's screen, or one pupil's, on the screens of the class."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import LeaseSeconds, Name, Pixels, Version

LEFT: Final = "left"
"""The reason of an "off": the pupil has closed the window."""
NO_LESSON: Final = "no-lesson"
STILL_SECONDS: Final = 1.0
"""How often a device hears on `/showing` that the show goes on, however still its picture."""
LATE_SECONDS: Final = 3.0
"""A picture of which nothing was heard for so long is said to be old, on the picture itself."""
LOST_SECONDS: Final = 5.0
"""Who has heard nothing for so long shows an old picture: it says so and takes it away."""


class ShowingDeclared(Struct, frozen=True, tag="showing-declared"):
    """Whose screen this device shows, or that it shows none any more (`on` False).

    `mode` "full": over the whole main monitor; "window": in a window that its pupil may move and
    leave; "source": it is this device's own screen that the class is shown, and its bar says so.
    `whose` names whose screen it is, "": the teacher's. `stream` is the `version` of its frames on
    `/showing`, `width` x `height` their size.
    """

    version: Version
    lease_seconds: LeaseSeconds
    on: bool
    mode: Literal["full", "window", "source"] = "full"
    whose: Name = ""
    stream: Version = 0
    width: Pixels = 0
    height: Pixels = 0


class StillShowing(Struct, frozen=True, tag="still-showing"):
    """On `/showing`: the show goes on. It needs no credit.

    `late_seconds`: for so long the app has heard nothing of the pupil's screen that it shows; 0: it
    has, or it is the teacher's. A device of before shows the picture without a word.
    """

    late_seconds: Annotated[int, Meta(ge=0, le=3600)] = 0
