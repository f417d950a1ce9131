"""What an app carries between a device and the school's MDM, where the device does not meet it."""

from typing import Annotated

from msgspec import Meta, Struct

from device_bridge.protocol.fields import Token

SEALED_BYTES_MAX = 32 * 1024
Sealed = Annotated[bytes, Meta(max_length=SEALED_BYTES_MAX)]
"""By HPKE, see `central_mdm.contract.carried`: who carries it can neither read nor alter it."""


class Brought(Struct, frozen=True, tag="brought"):
    """What the MDM sends this device; said at each link, and when something new has come.

    `sealing`: the school's signed key, to write to the MDM by; `arrived`: the MDM's signed word
    that what this device has told came there; `wanted`: what is wanted of it. Each is judged by its
    own signature, and "" is none. It needs no grant. Whatever is told in return is a `BundleGiven`.
    """

    sealing: Token = ""
    arrived: Token = ""
    wanted: Sealed = b""


class BundleGiven(Struct, frozen=True, tag="bundle-given"):
    """What the device tells the MDM, for the app to bring; given to each app until it came."""

    sealed: Sealed
