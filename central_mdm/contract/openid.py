"""Signing in with an account that is kept elsewhere, by OpenID Connect.

The app makes a PKCE pair (RFC 7636), listens on loopback (RFC 8252) and opens the address that it
is given in the browser. What comes back there goes to the server, with the secret half of the pair.
"""

from typing import Annotated

from msgspec import Meta, Struct

from central_mdm.contract.names import Csr, Id, OptionalId

CODE_MAX = 2048
STATE_MAX = 1024
Challenge = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}(?!\n)$")]
Verifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~-]{43,128}(?!\n)$")]
Loopback = Annotated[
    str, Meta(max_length=64, pattern=r"^http://(127\.0\.0\.1|\[::1\]):[0-9]{1,5}/signed-in(?!\n)$")
]


class SignInWays(Struct, frozen=True):
    """GET /api/sign-in-ways?school=: `openid` names the account; empty: passwords only."""

    openid: str = ""


class OpenIdAsked(Struct, frozen=True):
    """POST /api/openid. `returns` is where the app listens, `challenge` S256 of its verifier."""

    school: Id
    returns: Loopback
    challenge: Challenge


class OpenIdBegun(Struct, frozen=True):
    """`address` is for the browser; good for ten minutes and once."""

    address: str
    state: str


class OpenIdDone(Struct, frozen=True):
    """POST /api/openid/code -> SignedIn. `teacher`: as in `SignIn`."""

    school: Id
    code: Annotated[str, Meta(min_length=1, max_length=CODE_MAX, pattern=r"^[\x20-\x7e]+(?!\n)$")]
    state: Annotated[
        str, Meta(min_length=1, max_length=STATE_MAX, pattern=r"^[A-Za-z0-9_-]+(?!\n)$")
    ]
    verifier: Verifier
    csr: Csr = ""
    teacher: OptionalId = ""
