"""What a provider says in an ID token, and whether it says it to us (OIDC Core, 3.1.3.7)."""

from typing import Annotated, Any, Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from msgspec import Meta, Struct, json

from central_mdm.platform.errors import NotSignedIn

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
"""All by a public key: nobody who can verify can sign."""
SKEW_SECONDS: Final = 60
CLAIM_MAX: Final = 64
TOKEN_CHARS_MAX: Final = 16 * 1024
Key = RSAKey | ECKey | OKPKey | OctKey


class KeysOf(Protocol):
    """Finds the key of an issuer by its id; None where the issuer has none such."""

    async def key(self, issuer: str, kid: str) -> Key | None: ...


class _Said(Struct, frozen=True):
    iss: str
    sub: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+(?!\n)$")]
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str = ""
    azp: str = ""


class Claims(Struct, frozen=True):
    """A token whose signature holds; `judge` says whether it is for us and of now."""

    said: _Said
    all: dict[str, Any]

    @property
    def sub(self) -> str:
        return self.said.sub

    def text(self, claim: str) -> str:
        """Return a claim that is a text; empty for any other."""
        found = self.all.get(claim) if claim else None
        return found if isinstance(found, str) else ""

    def judge(self, issuer: str, client: str, nonce: str, now: int) -> None:
        """Raise NotSignedIn, with what is wrong as its code."""
        said = self.said
        audience = [said.aud] if isinstance(said.aud, str) else said.aud
        if said.iss != issuer:
            raise NotSignedIn("openid-issuer")
        if client not in audience or (len(audience) > 1 and said.azp != client):
            raise NotSignedIn("openid-audience")
        if said.azp and said.azp != client:
            raise NotSignedIn("openid-audience")
        if said.exp + SKEW_SECONDS <= now or said.iat - SKEW_SECONDS > now:
            raise NotSignedIn("openid-expired")
        if not nonce or said.nonce != nonce:
            raise NotSignedIn("openid-nonce")


async def read_id_token(token: str, issuer: str, keys: KeysOf) -> Claims:
    """Verify a token's signature by a key of the issuer's. Raises NotSignedIn."""
    if len(token) > TOKEN_CHARS_MAX:
        raise NotSignedIn("openid-token")
    try:
        header = jws.extract_compact(token.encode()).protected
        if header.get("alg") not in ALGORITHMS or "crit" in header:
            raise NotSignedIn("openid-token")
        key = await keys.key(issuer, str(header.get("kid", "")))
        if key is None or isinstance(key, OctKey):
            raise NotSignedIn("openid-key")
        payload = jws.deserialize_compact(token, key, algorithms=list(ALGORITHMS)).payload
        return Claims(json.decode(payload, type=_Said), json.decode(payload, type=dict[str, Any]))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise NotSignedIn("openid-token") from None
