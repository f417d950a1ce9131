"""Taking up a school's new root where the pinned standby says so, and saying so as that standby.

Whoever brings a statement proves nothing by it: its own signature does. It never goes back.
"""

from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from msgspec import Struct

from central_mdm.contract.succession import (
    STANDBY_TYPE,
    SUCCESSION_TYPE,
    StandbyNamed,
    Succession,
)
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import School, thumbprint

KIND = "succession"


class Line(Struct, frozen=True):
    """What is pinned of a school: its root now, the standby that may end it, and the epoch."""

    school: School
    standby: str
    epoch: int = 0

    def after(self, token: str) -> "Line":
        """Return what is pinned after `token`; this same line for one of this epoch or before.

        Raises NotAllowed("succession", why): "no-standby", "malformed", "forged",
        "another-school", "no-root".
        """
        signer = self._signer(token)
        told = read_statement(token, KIND, (Succession, SUCCESSION_TYPE), signer)
        if told.school != self.school.id:
            raise NotAllowed(KIND, "another-school")
        if told.epoch <= self.epoch:
            return self
        if thumbprint(signer) != self.standby:
            raise NotAllowed(KIND, "forged")
        try:
            school = School.pin(told.school, told.root.encode())
        except NotPaired as error:
            raise NotAllowed(KIND, "no-root") from error
        return Line(school, told.standby, told.epoch)

    def after_all(self, tokens: Sequence[str]) -> "Line":
        """Take statements in their order, oldest first. Raises as `after`; then nothing is new."""
        line = self
        for token in tokens:
            line = line.after(token)
        return line

    def named(self, token: str) -> "Line":
        """Return what is pinned once the root of now has named a standby, where there was none.

        Raises NotAllowed("standby", why): else whoever has the root would choose who may end it.
        """
        kind = (StandbyNamed, STANDBY_TYPE)
        told = read_statement(token, "standby", kind, self.school.key)
        if (told.school, told.epoch) != (self.school.id, self.epoch):
            raise NotAllowed("standby", "another-school")
        if self.standby:
            raise NotAllowed("standby", "pinned")
        return Line(self.school, told.standby, self.epoch)

    def _signer(self, token: str) -> Ed25519PublicKey:
        """Read whose signature it claims; that counts only where it is the pinned standby's."""
        if not self.standby:
            raise NotAllowed(KIND, "no-standby")
        try:
            claimed = jws.extract_compact(token.encode()).payload
            told = msgspec.json.decode(claimed, type=Succession)
            return Ed25519PublicKey.from_public_bytes(bytes.fromhex(told.signer))
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise NotAllowed(KIND, "malformed") from error


def succeed(line: Line, standby: Ed25519PrivateKey, root: str, next_standby: str, now: int) -> str:
    """Say as the pinned `standby` that `root` (PEM) is the school's from `now` (UTC seconds).

    Raises NotPaired where it is another school's standby.
    """
    public = standby.public_key()
    if thumbprint(public) != line.standby:
        raise NotPaired("another school's standby")
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    told = Succession(line.school.id, line.epoch + 1, root, next_standby, raw.hex(), now)
    return sign(told, SUCCESSION_TYPE, standby)
