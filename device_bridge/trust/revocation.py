"""Whom the school has told everybody to refuse: its newest deny list, which never goes back.

It comes from the MDM and with any teacher's app, and is judged by the school's signature alone.
"""

from msgspec import Struct

from central_mdm.contract.grants import Grant
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.grants import read_deny_list
from device_bridge.trust.identity import School


class Denied(Struct, frozen=True):
    """The newest list, made quick to ask. `number` 0: there was none yet."""

    number: int = 0
    generation: int = 0
    keys: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()

    def check(self, grant: Grant, verb: str) -> None:
        """Refuse what the list ends. Raises NotAllowed(verb, "revoked" or "deny-list").

        "deny-list": the grant may be honoured under a newer list only, which the app must show.
        """
        if (
            grant.thumbprint in self.keys
            or grant.id in self.grants
            or grant.generation < self.generation
        ):
            raise NotAllowed(verb, "revoked")
        if grant.deny_list > self.number:
            raise NotAllowed(verb, "deny-list")


NOBODY = Denied()


class DenyLists:
    """Holds the newest list of one school; `token` is that list as it came, to carry it on."""

    def __init__(self, school: School, token: str = "") -> None:
        """Take up what was kept. Raises NotAllowed where that is not the school's."""
        self._school = school
        self.token = ""
        self.issued_at = 0
        self.denied = NOBODY
        if token:
            self.take(token)

    def take(self, token: str) -> bool:
        """Take a newer list; False for the one that is held or an older one.

        Raises NotAllowed("deny-list", why) for one that the school has not signed.
        """
        if token == self.token:
            return False
        told = read_deny_list(token, self._school)
        if told.number <= self.denied.number:
            return False
        self.token, self.issued_at = token, told.issued_at
        keys, grants = frozenset(told.keys), frozenset(told.grants)
        self.denied = Denied(told.number, told.generation, keys, grants)
        return True
