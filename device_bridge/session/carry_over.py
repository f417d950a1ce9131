"""Reaching a device that has not heard of the school's new root, once, to tell it.

Under the old root nobody is believed any more: what is said on such a lane is only what anybody
may hear, and the device takes it by its signatures alone.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.hello import Carried
from device_bridge.protocol.messages import encode
from device_bridge.session.dial import Address, dial, judge_device
from device_bridge.trust.identity import Identity, School, dialler_context

LONG_AGO: Final = 0.0
"""At no time floor: a certificate that has ended serves to be told of its end."""


class Heir(Struct, frozen=True):
    """Who we were under a root that was succeeded."""

    identity: Identity
    school: School


class Inherits(Protocol):
    """What an app knows of the roots before this one; asked anew at each dial.

    `successions` are carried to each device that knows fewer than `epoch` of them.
    """

    @property
    def epoch(self) -> int: ...
    @property
    def successions(self) -> tuple[str, ...]: ...
    def heirs(self) -> Sequence[Heir]:
        """Return who we were, newest first; nobody where nothing was ever succeeded."""
        ...

    def papers_for(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        """Return certificate (PEM) and assignment for a device's key; "" where we are no CA.

        The key was shown under an old root, so whoever signs must know it by other means.
        """
        ...


class Nothing:
    """An `Inherits` of a school whose first root holds."""

    epoch = 0
    successions: tuple[str, ...] = ()

    def heirs(self) -> Sequence[Heir]:
        return ()

    def papers_for(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        del device, key
        return "", ""


async def carry_over(
    addresses: Sequence[Address], device: str, identity: Identity, inherits: Inherits
) -> bool:
    """Tell a device of the school's new root; return whether it may be linked to now.

    A device that knows the root and lacks its papers takes `identity`, ours of now, and shows a
    certificate of before: without papers for it there is nothing new to say.
    """
    for heir in inherits.heirs():
        judge = judge_device(device, heir.school, LONG_AGO)
        for ours in (heir.identity, identity):
            context = dialler_context(ours, heir.school)
            try:
                lane, _ = await dial(addresses, "/control", context, judge)
            except (DeviceError, OSError):
                continue
            try:
                papers = inherits.papers_for(device, lane.peer.key)
                await lane.send(encode(Carried("", inherits.successions, *papers)))
            except OSError:
                continue
            finally:
                await lane.close()
            return bool(papers[0]) or ours is heir.identity
    return False
