"""Reading and signing the statements of `central_mdm.contract.grants`, with no server.

JWS compact (RFC 7515), alg `Ed25519` (RFC 9864) and nothing else; the header is exactly `alg` and
`typ`, so no key, address or curve in it is ever looked at. What was signed is the bytes read here.
"""

from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from central_mdm.contract.grants import (
    ASSIGNMENT_TYPE,
    GRANT_SECONDS_MAX,
    GRANT_TYPE,
    MANDATE_SECONDS_MAX,
    MANDATE_TYPE,
    Assignment,
    Grant,
    Mandate,
)
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.identity import School

ALGORITHM: Final = "Ed25519"  # "EdDSA" would admit Ed448 as well and is deprecated (RFC 9864)
TOKEN_BYTES_MAX: Final = 4096
_Statement = TypeVar("_Statement", Grant, Mandate, Assignment)


def read_grant(token: str, school: School) -> Grant:
    """Read what the school allows a teacher. Raises NotAllowed("grant", why).

    Whether it has ended is for `allow` to say, at each message.
    """
    grant = _read(token, "grant", (Grant, GRANT_TYPE), school.key)
    if grant.school != school.id:
        raise NotAllowed("grant", "another-school")
    if not 0 < grant.ends_at - grant.issued_at <= GRANT_SECONDS_MAX:
        raise NotAllowed("grant", "too-long")
    return grant


def read_mandate(token: str, teacher: Ed25519PublicKey) -> Mandate:
    """Read a lesson's mandate, signed by the teacher. Raises NotAllowed("mandate", why)."""
    mandate = _read(token, "mandate", (Mandate, MANDATE_TYPE), teacher)
    if not 0 < mandate.ends_at - mandate.issued_at <= MANDATE_SECONDS_MAX:
        raise NotAllowed("mandate", "too-long")
    return mandate


def read_assignment(token: str, school: School, device: str) -> Assignment:
    """Read which classes `device` serves. Raises NotAllowed("assignment", why)."""
    assignment = _read(token, "assignment", (Assignment, ASSIGNMENT_TYPE), school.key)
    if assignment.school != school.id or assignment.device != device:
        raise NotAllowed("assignment", "another-device")
    return assignment


def sign_mandate(mandate: Mandate, key: Ed25519PrivateKey) -> str:
    """Sign a lesson with the teacher's own key."""
    return sign(mandate, MANDATE_TYPE, key)


def sign(statement: Grant | Mandate | Assignment, kind: str, key: Ed25519PrivateKey) -> str:
    """Write a statement in JWS compact form; the first teacher of a school without MDM does."""
    payload = msgspec.json.encode(statement)
    header = {"alg": ALGORITHM, "typ": kind}
    return jws.serialize_compact(header, payload, _jwk(key), algorithms=[ALGORITHM])


def _read(
    token: str, verb: str, kind: tuple[type[_Statement], str], key: Ed25519PublicKey
) -> _Statement:
    struct, typ = kind
    if len(token) > TOKEN_BYTES_MAX or not token.isascii():
        raise NotAllowed(verb, "malformed")
    if not token:
        raise NotAllowed(verb, "none")
    try:
        # What decides is the signature; the header is compared before it is believed.
        _check_header(jws.extract_compact(token.encode()).protected, typ, verb)
        payload = jws.deserialize_compact(token, _jwk(key), algorithms=[ALGORITHM]).payload
        return msgspec.json.decode(payload, type=struct)
    except msgspec.MsgspecError as error:
        raise NotAllowed(verb, "malformed") from error
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotAllowed(verb, "forged") from error


def _check_header(header: dict[str, Any], typ: str, verb: str) -> None:
    if header != {"alg": ALGORITHM, "typ": typ}:
        raise NotAllowed(verb, "malformed")


def _jwk(key: Ed25519PublicKey | Ed25519PrivateKey) -> OKPKey:
    return OKPKey(key, key)
