"""Signing what a device checks with no server, and reading what devices and teachers signed.

JWS compact, alg `Ed25519` (RFC 9864) and nothing else.
"""

from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from msgspec import Struct, json

ALGORITHM: Final = "Ed25519"
Statement = TypeVar("Statement", bound=Struct)


def sign(key: Ed25519PrivateKey, kind: str, statement: Struct) -> str:
    """Sign `statement` as JSON under `{"alg": "Ed25519", "typ": kind}`."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    header = {"alg": ALGORITHM, "typ": kind}
    return jws.serialize_compact(
        header, json.encode(statement), OKPKey.import_key(pem), algorithms=[ALGORITHM]
    )


def read(token: str, kind: str, struct: type[Statement], key: Ed25519PublicKey) -> Statement | None:
    """Return what `key` has signed as `kind`; None for anything else."""
    header = {"alg": ALGORITHM, "typ": kind}
    try:
        # The header is compared before anything in it is believed.
        if jws.extract_compact(token.encode()).protected != header:
            return None
        found = jws.deserialize_compact(token, OKPKey(key, key), algorithms=[ALGORITHM])
        return json.decode(found.payload, type=struct)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return None
