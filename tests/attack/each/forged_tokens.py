"""Show grants that a careless library would believe: no algorithm, our public key as a secret."""

import base64
import json
import random
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from central_mdm.contract.grants import ASSIGNMENT_TYPE, GRANT_TYPE
from device_bridge.protocol.hello import Hello, Refused
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.school import SmallSchool
from tests.teaching import now

DAY: Final = 86_400


def forgeries(target: Target) -> dict[str, str]:
    """Make each from a good grant; the attacker has the school's public key and old grants."""
    good = target.school.grant(target.teacher, issued_at=now())
    _, payload, signature = good.split(".")
    named: Mapping[str, Any] = {"alg": "Ed25519", "typ": GRANT_TYPE}
    secret = target.school.key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    hs256 = f"{_part({'alg': 'HS256', 'typ': GRANT_TYPE})}.{payload}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(hs256.encode())
    twice = _padded(b'{"alg":"none","alg":"Ed25519","typ":"' + GRANT_TYPE.encode() + b'"}')
    other = _part({**named, "typ": ASSIGNMENT_TYPE})
    return {
        "no algorithm": f"{_part({**named, 'alg': 'none'})}.{payload}.",
        "the public key as a secret": f"{hs256}.{_padded(mac.finalize())}",
        "another type": f"{other}.{payload}.{signature}",
        "a key of its own": f"{_part({**named, 'jku': 'https://10.9.0.66/k'})}.{payload}.{signature}",
        "a header said twice": f"{twice}.{payload}.{signature}",
        "an altered class": f"{good.split('.')[0]}.{_altered(payload)}.{signature}",
        "another school": SmallSchool().grant(target.teacher, issued_at=now()),
        "yesterday's": target.school.grant(target.teacher, issued_at=now() - 9 * DAY),
        "nothing": "..",
    }


def _part(header: Mapping[str, Any]) -> str:
    return _padded(json.dumps(header).encode())


def _padded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _altered(payload: str) -> str:
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return _padded(raw.replace(b"5B", b"6A"))


async def hostile(target: Target, _: random.Random) -> str:
    said: dict[str, str] = {}
    for name, grant in forgeries(target).items():
        lane = await dialled(target)
        try:
            answer = await answered(lane, Hello(1, 1, "x", grant))
        finally:
            await lane.close()
        if not isinstance(answer, Refused):
            raise LetIn(f"a grant with {name} was taken")
        said[name] = answer.reason
    # What is wrong with the form its author knows; of the signature no answer tells more.
    if not set(said.values()) <= {"malformed", "forged", "grant-ended"}:
        raise LetIn(f"the answer tells what is wrong with a forgery: {said}")
    return f"{len(said)} grants refused: {', '.join(sorted(set(said.values())))}"


ATTACK: Final = Attack(
    "forged_tokens",
    (26,),
    "shows grants with no algorithm, HS256, another type, a jku, twice-named, altered, old",
    hostile,
    every_time=False,
)
