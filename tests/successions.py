"""Standbys for tests: keys that name a school's next root, also where nobody honest would."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_mdm.contract.succession import SUCCESSION_TYPE, Succession
from device_bridge.trust.grants import sign
from device_bridge.trust.identity import new_key, thumbprint
from device_bridge.trust.succession import Line, succeed
from tests.school import NOW, SmallSchool


@dataclass
class Standby:
    key: Ed25519PrivateKey = field(default_factory=new_key)

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.key.public_key())

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def names(
        self, line: Line, school: SmallSchool, following: "Standby", *, force: bool = False
    ) -> str:
        """Name the root of `school` next after `line`; by `force` also as nobody's standby."""
        root = school.school.root_pem.decode()
        if not force:
            return succeed(line, self.key, root, following.thumbprint, NOW)
        told = Succession(
            line.school.id, line.epoch + 1, root, following.thumbprint, self.public, NOW
        )
        return sign(told, SUCCESSION_TYPE, self.key)
