"""Signing what a device checks with no server: JWS compact, alg `Ed25519` (RFC 9864)."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import OKPKey
from msgspec import Struct, json


def sign(key: Ed25519PrivateKey, kind: str, statement: Struct) -> str:
    """Sign `statement` as JSON under `{"alg": "Ed25519", "typ": kind}`."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    header = {"alg": "Ed25519", "typ": kind}
    return jws.serialize_compact(
        header, json.encode(statement), OKPKey.import_key(pem), algorithms=["Ed25519"]
    )
