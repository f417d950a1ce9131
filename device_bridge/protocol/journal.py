"""The journals' signed heads, exchanged at a lesson's end: each end keeps the other's newest."""

from typing import Annotated

from msgspec import Meta, Struct

from device_bridge.protocol.fields import OptionalId, Token, Version

Certificate = Annotated[bytes, Meta(min_length=1, max_length=2048)]


class HeadAsked(Struct, frozen=True, tag="head-asked"):
    """The teacher's signed head, for the device to keep; answered by `HeadTold`.

    `lesson`: of which the device's head shall give account. `held`: how many entries the newest
    head of this device has that the app holds; 0: it holds none.
    """

    head: Token
    certificate: Certificate
    lesson: OptionalId = ""
    held: Version = 0


class HeadTold(Struct, frozen=True, tag="head-told"):
    """The device's signed head."""

    head: Token
    certificate: Certificate
