"""Whom the school has told everybody to refuse: its newest deny list, which never goes back.

It comes from the MDM and with any teacher's app, and is judged by the school's signature alone.
A school that was restored from a copy no longer knows whom it had ended since: its next list is the
newest and names them no more. Whom a list has ended here stays refused all the same.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from central_mdm.contract.grants import DenyList, Grant
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.accept import LIFE_MAX
from device_bridge.trust.grants import read_deny_list
from device_bridge.trust.identity import School

ENDED_SECONDS: Final = int(LIFE_MAX.total_seconds())
"""After so long no certificate of then is any good by itself, and no grant."""


class Forgotten(Struct, frozen=True):
    """What lists before the newest have ended and the newest does not.

    `until`: thumbprints of keys and ids of grants, and up to which UTC second each is refused.
    `generation`, `number`: grants of an older generation have ended that were given before the
    list of that number. One that was given since was given by a school that knew of a newer one.
    """

    until: dict[str, int] = {}
    generation: int = 0
    number: int = 0


class Denied(Struct, frozen=True):
    """The newest list, made quick to ask, and what it has forgotten. `number` 0: there was none.

    `keys` and `grants` have in them what was forgotten.
    """

    number: int = 0
    generation: int = 0
    keys: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    forgotten: Forgotten = Forgotten()

    def check(self, grant: Grant, verb: str) -> None:
        """Refuse what the list ends. Raises NotAllowed(verb, "revoked" or "deny-list").

        "deny-list": the grant may be honoured under a newer list only, which the app must show.
        """
        if (
            grant.thumbprint in self.keys
            or grant.id in self.grants
            or grant.generation < self.generation
            or self._ended_before(grant)
        ):
            raise NotAllowed(verb, "revoked")
        if grant.deny_list > self.number:
            raise NotAllowed(verb, "deny-list")

    def _ended_before(self, grant: Grant) -> bool:
        was = self.forgotten
        return grant.generation < was.generation and grant.deny_list < was.number


NOBODY = Denied()


class DenyLists:
    """Holds the newest list of one school; `token` is that list as it came, to carry it on."""

    def __init__(self, school: School, token: str = "", forgotten: Forgotten | None = None) -> None:
        """Take up what was kept. Raises NotAllowed where that is not the school's."""
        self._school = school
        self.token = ""
        self.issued_at = 0
        self.denied = NOBODY
        if token:
            self._hold(token, read_deny_list(token, school), forgotten or Forgotten())

    def take(self, token: str) -> bool:
        """Take a newer list; False for the one that is held or an older one.

        Raises NotAllowed("deny-list", why) for one that the school has not signed.
        """
        if token == self.token:
            return False
        told = read_deny_list(token, self._school)
        if told.number <= self.denied.number:
            return False
        self._hold(token, told, self._forgotten_by(told))
        return True

    def _hold(self, token: str, told: DenyList, forgotten: Forgotten) -> None:
        self.token, self.issued_at = token, told.issued_at
        keys = forgotten.until.keys() | frozenset(told.keys)
        grants = forgotten.until.keys() | frozenset(told.grants)
        self.denied = Denied(
            told.number, told.generation, frozenset(keys), frozenset(grants), forgotten
        )

    def _forgotten_by(self, told: DenyList) -> Forgotten:
        """Return what is refused beside `told` once it is the newest."""
        held, was = self.denied, self.denied.forgotten
        named, until = {*told.keys, *told.grants}, self._until(was.until)
        until = {one: at for one, at in until.items() if one not in named and at > told.issued_at}
        generation = max(was.generation, held.generation)
        if generation <= told.generation:
            return Forgotten(until)
        fewer = held.generation > told.generation
        return Forgotten(until, generation, held.number if fewer else was.number)

    def _until(self, was: Mapping[str, int]) -> dict[str, int]:
        """Return until when each is refused that is refused now."""
        here = (self.denied.keys | self.denied.grants) - was.keys()
        return {**was, **dict.fromkeys(here, self.issued_at + ENDED_SECONDS)}
