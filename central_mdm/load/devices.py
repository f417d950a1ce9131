"""Devices of a load: each with its own key, which it shows for a pass, and what it was told."""

from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct, json
from msgspec.structs import replace

from central_mdm.contract.fleet import (
    PROOF_TYPE,
    CheckedIn,
    CheckIn,
    Inventory,
    KeyShown,
    Passed,
    Proof,
)
from central_mdm.identity.statements import sign
from central_mdm.load.tally import OK
from central_mdm.load.wire import Answer, Lines, request

TELLS_EVERY: Final = 20
"""One check-in in so many tells another inventory."""
UNPROVEN: Final = 401
FIRST: Final = CheckIn(wanted=0)
INVENTORY: Final = Inventory("laptop", "Debian 12", "ThinkPad T14")


class _Versioned(Struct):
    version: int


_checked_in: Final = json.Decoder(CheckedIn)
_passed: Final = json.Decoder(Passed)
_versioned: Final = json.Decoder(_Versioned)


@dataclass
class Device:
    """`told`: what its next check-in says of itself, when nothing changes."""

    school: str
    id: str
    key: Ed25519PrivateKey
    token: str
    told: CheckIn = FIRST
    _idle: bytes = b""

    async def check_in(self, lines: Lines, number: int = 1) -> Answer:
        """Check in, the pass renewed where it has ended. Raises OSError."""
        fresh = None if number % TELLS_EVERY else _another(number)
        answer = await lines.ask(self._asked(fresh))
        if answer.status == UNPROVEN and (nonce := answer.field("replay-nonce")):
            answer = await self.prove(lines, nonce)
            if answer.status == OK:
                answer = await lines.ask(self._asked(fresh))
        if answer.status == OK:
            self._hear(_checked_in.decode(answer.body), fresh)
        return answer

    async def prove(self, lines: Lines, nonce: str) -> Answer:
        """Show the key for a new pass."""
        shown = sign(self.key, PROOF_TYPE, KeyShown(self.school, self.id, nonce))
        public = self.key.public_key().public_bytes_raw().hex()
        body = json.encode(Proof(self.school, public, shown))
        answer = await lines.ask(request("POST", "/api/proofs", body=body))
        if answer.status == OK:
            self.token, self._idle = _passed.decode(answer.body).token, b""
        return answer

    def _asked(self, fresh: tuple[str, Inventory] | None) -> bytes:
        if fresh is None:
            self._idle = self._idle or self._request(self.told)
            return self._idle
        return self._request(replace(self.told, inventory_hash=fresh[0], inventory=fresh[1]))

    def _request(self, told: CheckIn) -> bytes:
        return request("POST", "/api/check-in", self.token, json.encode(told))

    def _hear(self, heard: CheckedIn, fresh: tuple[str, Inventory] | None) -> None:
        """Take what is new as a device does: from then on it says that it has it."""
        news: dict[str, int | str] = {}
        if fresh is not None:
            news["inventory_hash"] = fresh[0]
        if heard.assignment:
            news["assignment_version"] = _version_of(heard.assignment)
        if heard.wanted:
            news["wanted"] = _version_of(heard.wanted)
        if news:
            self.told, self._idle = replace(self.told, **news), b""


def _another(number: int) -> tuple[str, Inventory]:
    return f"load-{number}", replace(INVENTORY, disk_free_bytes=number)


def _version_of(statement: str) -> int:
    """Read the number out of a signed statement (JWS compact, RFC 7515, 7.1), believing it."""
    content = statement.split(".")[1]
    return _versioned.decode(urlsafe_b64decode(content + "=" * (-len(content) % 4))).version
