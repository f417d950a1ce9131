"""Screens: what the teacher looks at, and the frames that answer."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import (
    Bytes,
    DeadlineSeconds,
    Id,
    LeaseSeconds,
    Pixels,
    Version,
)

CLOSE_ENDED: Final = "close-ended"
"""The reason of an "on": the close look's time is up, and the picture is small again."""


class WatchingDeclared(Struct, frozen=True, tag="watching-declared"):
    """At which size and pace the teacher looks at this device.

    The picture is scaled to fit `width` x `height` and never enlarged. `look` "close" is told to
    the pupil apart from "overview"; "none" sends nothing. `pace` in frames a second at most;
    `bytes_per_second`: this device's share of what the class may take, 0: as much as it needs.
    """

    version: Version
    lease_seconds: LeaseSeconds
    look: Literal["none", "overview", "close"]
    width: Pixels = 320
    height: Pixels = 180
    pace: Annotated[float, Meta(gt=0, le=60)] = 1.0
    screen: Annotated[int, Meta(ge=0, le=15)] = 0
    bytes_per_second: Bytes = 0


class StillAsked(Struct, frozen=True, tag="still-asked"):
    """The teacher keeps one picture of what is closely looked at; a command.

    "done": the pupil's bar is proved to say so and the device's journal has it; only then is the
    picture, which the app has shown already, kept anywhere.
    """

    id: Id
    deadline_seconds: DeadlineSeconds


class Credit(Struct, frozen=True, tag="credit"):
    """On `/pictures`: the app can take `frames` more. One is in flight at most."""

    frames: Annotated[int, Meta(ge=1, le=4)] = 1
