"""Reading and signing the statements of `central_mdm.contract.grants`, with no server.

JWS compact (RFC 7515), alg `Ed25519` (RFC 9864) and nothing else; the header is exactly `alg` and
`typ`, so no key, address or curve in it is ever looked at. What was signed is the bytes read here.
"""

from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

from central_mdm.contract.grants import (
    ASSIGNMENT_TYPE,
    DENY_TYPE,
    GRANT_SECONDS_MAX,
    GRANT_TYPE,
    MANDATE_SECONDS_MAX,
    MANDATE_TYPE,
    Assignment,
    DenyList,
    Grant,
    Mandate,
)
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.identity import School

ALGORITHM: Final = "Ed25519"  # "EdDSA" would admit Ed448 as well and is deprecated (RFC 9864)
TOKEN_BYTES_MAX: Final = 4096
DENY_BYTES_MAX: Final = 48 * 1024
Statement = TypeVar("Statement", bound=Struct)
# Read now: msgspec 0.22 crashes where two threads are the first to read a struct.
for _kind in (Assignment, DenyList, Grant, Mandate):
    msgspec.json.Decoder(_kind)


def read_grant(token: str, school: School) -> Grant:
    """Read what the school allows a teacher. Raises NotAllowed("grant", why).

    Whether it has ended is for `allow` to say, at each message.
    """
    grant = read_statement(token, "grant", (Grant, GRANT_TYPE), school.key)
    if grant.school != school.id:
        raise NotAllowed("grant", "another-school")
    if not 0 < grant.ends_at - grant.issued_at <= GRANT_SECONDS_MAX:
        raise NotAllowed("grant", "too-long")
    return grant


def read_mandate(token: str, teacher: Ed25519PublicKey) -> Mandate:
    """Read a lesson's mandate, signed by the teacher. Raises NotAllowed("mandate", why)."""
    mandate = read_statement(token, "mandate", (Mandate, MANDATE_TYPE), teacher)
    if not 0 < mandate.ends_at - mandate.issued_at <= MANDATE_SECONDS_MAX:
        raise NotAllowed("mandate", "too-long")
    return mandate


def read_assignment(token: str, school: School, device: str) -> Assignment:
    """Read which classes `device` serves. Raises NotAllowed("assignment", why)."""
    assignment = read_statement(token, "assignment", (Assignment, ASSIGNMENT_TYPE), school.key)
    if assignment.school != school.id or assignment.device != device:
        raise NotAllowed("assignment", "another-device")
    return assignment


def read_deny_list(token: str, school: School) -> DenyList:
    """Read whom the school has ended. Raises NotAllowed("deny-list", why).

    Whether it is newer than the one that is held is for `trust.revocation` to say.
    """
    kind = (DenyList, DENY_TYPE)
    denied = read_statement(token, "deny-list", kind, school.key, DENY_BYTES_MAX)
    if denied.school != school.id:
        raise NotAllowed("deny-list", "another-school")
    return denied


def mandate_id(token: str) -> str:
    """Read the id of a mandate of our own, which needs no proof; "" where there is none.

    Raises ValueError or `JoseError` for what is no statement.
    """
    if not token:
        return ""
    return msgspec.json.decode(jws.extract_compact(token.encode()).payload, type=Mandate).id


def sign_mandate(mandate: Mandate, key: Ed25519PrivateKey) -> str:
    """Sign a lesson with the teacher's own key."""
    return sign(mandate, MANDATE_TYPE, key)


def sign(statement: Struct, kind: str, key: Ed25519PrivateKey) -> str:
    """Write a statement of type `kind` in JWS compact form."""
    payload = msgspec.json.encode(statement)
    header = {"alg": ALGORITHM, "typ": kind}
    return jws.serialize_compact(header, payload, OKPKey(key, key), algorithms=[ALGORITHM])


def read_statement(
    token: str,
    verb: str,
    kind: tuple[type[Statement], str],
    key: Ed25519PublicKey,
    bytes_max: int = TOKEN_BYTES_MAX,
) -> Statement:
    """Read what `key` has signed as `kind`: struct and type. Raises NotAllowed(verb, why)."""
    struct, typ = kind
    if len(token) > bytes_max or not token.isascii():
        raise NotAllowed(verb, "malformed")
    if not token:
        raise NotAllowed(verb, "none")
    try:
        # What decides is the signature; the header is compared before it is believed.
        raw = token.encode()
        signed = jws.extract_compact(raw)
        _check_header(signed.protected, typ, verb)
        # RFC 7515, 5.2, step 8, with the one algorithm there is. Through the library's own key and
        # registry it took half as long again, and 40 devices wait for it at once.
        header, payload, signature = raw.split(b".")
        key.verify(urlsafe_b64decode(signature), header + b"." + payload)
        return msgspec.json.decode(signed.payload, type=struct)
    except msgspec.MsgspecError as error:
        raise NotAllowed(verb, "malformed") from error
    except (
        InvalidSignature,
        JoseError,
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
    ) as error:
        raise NotAllowed(verb, "forged") from error


def _check_header(header: dict[str, Any], typ: str, verb: str) -> None:
    if header != {"alg": ALGORITHM, "typ": typ}:
        raise NotAllowed(verb, "malformed")
