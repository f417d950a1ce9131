"""The teacher's papers on this computer: identity, school, grant, and each lesson's mandate."""

import time
from collections.abc import Callable

from msgspec import Struct

from central_mdm.contract.grants import MANDATE_SECONDS_MAX, Grant, Mandate, Verb
from central_mdm.contract.names import DiscoveryKey
from central_mdm.contract.sealed import Former
from central_mdm.contract.succession import Epoch, OptionalThumbprint, Successions
from classroom_app.domain.errors import GrantEnded, NotYourClass
from classroom_app.domain.lesson import Lesson
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.floor import FLOOR_LOWEST, Floor
from device_bridge.trust.grants import read_grant, sign_mandate
from device_bridge.trust.identity import Identity, School, key_of_pem, thumbprint
from device_bridge.trust.revocation import DenyLists


class SignedPapers(Struct, frozen=True):
    """What the store keeps of the signed-in teacher. PEM as text, `grant` in JWS compact form.

    `standby`, `epoch`: see `contract.succession`. A `certificate` is empty once the school has a
    new root, until the teacher signs in again: what was held under the old one is in `former`.
    """

    server: str
    school: str
    school_name: str
    teacher: str
    teacher_name: str
    key: str
    certificate: str
    root: str
    refresh: str = ""
    grant: str = ""
    deny_list: str = ""
    discovery: DiscoveryKey = ""
    standby: OptionalThumbprint = ""
    epoch: Epoch = 0
    successions: Successions = ()
    former: tuple[Former, ...] = ()
    login: str = ""
    """By which name the teacher signed in with a password; empty: another way, or not known."""
    floor: int = 0
    """UTC seconds: it was as late as this by the floor and by the wall clock alike."""


class Papers:
    """Reads and shows the papers; `boot` is the boot clock, from which the floor goes on.

    The floor begins at the latest of what was kept: the grant alone would have it stand still for a
    teacher who has no class any more.
    """

    def __init__(
        self,
        signed: SignedPapers,
        boot: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Raise `NotPaired` where key, certificate and root do not belong together."""
        self.signed = signed
        self.school = School.pin(signed.school, signed.root.encode())
        key = key_of_pem(signed.key.encode())
        self.identity = Identity.of(key, signed.certificate.encode())
        self._boot, self._wall = boot, wall
        # What is kept was no later than this computer's clock. Where that is earlier now it was
        # ahead then, and who has a school of one's own has no other witness.
        self._floor = Floor(max(min(signed.floor, wall()), FLOOR_LOWEST), boot())
        self._grant: Grant | None = None
        self.deny_lists = DenyLists(self.school, signed.deny_list)
        self.mandate: Callable[[], str] = str
        self.unknown = False
        """The school's server, set back to a copy of itself, knows this key no more."""
        self._raise_floor(self.deny_lists.issued_at)
        if signed.grant:
            self._hold(signed, read_grant(signed.grant, self.school))

    def renew(self, signed: SignedPapers) -> None:
        """Take a newer grant.

        Raises `NotAllowed` for one that is not this school's, or for another key than the one here:
        a server of before gives it to the key that was certified last, on whichever computer. What
        is here then serves on to its end.
        """
        grant = read_grant(signed.grant, self.school)
        if grant.thumbprint != self.thumbprint:
            raise NotAllowed("grant", "another-key")
        self._hold(signed, grant)

    def _hold(self, signed: SignedPapers, grant: Grant) -> None:
        self._grant = grant
        self._raise_floor(grant.issued_at)
        self.signed = signed

    def _raise_floor(self, issued_at: float) -> None:
        self._floor = self._floor.raised(issued_at, self._boot(), self._wall())

    def deny(self, deny_list: str) -> bool:
        """Take a newer deny list, to be carried to the devices; False for an older one.

        Raises `NotAllowed` for one that is not this school's.
        """
        newer = self.deny_lists.take(deny_list)
        if newer:
            self._raise_floor(self.deny_lists.issued_at)
        return newer

    def discovery(self) -> bytes:
        """Return the key by which devices are known in mDNS; empty: not known yet."""
        return bytes.fromhex(self.signed.discovery)

    def grant(self) -> str:
        return self.signed.grant

    def still_good(self, now: float) -> bool:
        """Say whether the teacher's own certificate serves on, at `now` in UTC seconds.

        Not where the grant went to another key: a server of before gives one to the newest alone.
        """
        ended = self.unknown or self.thumbprint in self.deny_lists.denied.keys
        return self.grant_is_ours and not ended and max(now, self.floor()) < self.identity.ends_at

    @property
    def thumbprint(self) -> str:
        """Return that of the key that is here."""
        return thumbprint(self.identity.key.public_key())

    @property
    def grant_is_ours(self) -> bool:
        """Say whether the grant that is here, if there is one, is for the key that is here."""
        return self._grant is None or self._grant.thumbprint == self.thumbprint

    @property
    def grant_ends_at(self) -> int:
        """UTC seconds since 1970; 0 where there is no grant."""
        return self._grant.ends_at if self._grant else 0

    @property
    def grant_issued_at(self) -> int:
        """UTC seconds since 1970; 0 where there is no grant."""
        return self._grant.issued_at if self._grant else 0

    @property
    def grant_classes(self) -> tuple[str, ...]:
        return self._grant.classes if self._grant else ()

    @property
    def grant_outdated(self) -> bool:
        """Say whether the school has ended all grants of this one's generation."""
        return self._grant is not None and (
            self._grant.generation < self.deny_lists.denied.generation
        )

    def may(self, verb: Verb) -> bool:
        """Say whether the school's grant has this verb."""
        return self._grant is not None and verb in self._grant.verbs

    def floor(self) -> float:
        """UTC seconds at least: the wall clock of a teacher's laptop may be wrong, too."""
        return self._floor.at(self._boot())

    def sign(self, lesson: Lesson, now: int) -> str:
        """Sign the lesson's mandate with everything the grant allows for its class.

        It begins `now` (UTC seconds), or at the floor where that is later: a device trusts no clock
        and counts the mandate's length from the moment at which it first sees it, but what ended a
        day before its floor is old paper to it.

        Raises `GrantEnded` or `NotYourClass`; `NotAllowed` where there is no grant at all.
        """
        grant = self._grant
        if grant is None:
            raise NotAllowed("grant", "none")
        if self.floor() >= grant.ends_at:
            raise GrantEnded(lesson.class_name, grant.ends_at)
        if lesson.class_id not in grant.classes:
            raise NotYourClass(lesson.class_name)
        begins = max(now, int(self.floor()))
        mandate = Mandate(
            id=f"{lesson.id}:{lesson.ends_at}",
            grant=grant.id,
            school=grant.school,
            lesson=lesson.id,
            class_id=lesson.class_id,
            verbs=grant.verbs,
            issued_at=begins,
            ends_at=begins + min(lesson.ends_at - now, MANDATE_SECONDS_MAX),
        )
        return sign_mandate(mandate, self.identity.key)
