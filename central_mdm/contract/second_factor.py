"""The second factor of who administrates: six digits that an app of theirs shows (RFC 6238)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from central_mdm.contract.names import Csr

Code = Annotated[str, Meta(min_length=6, max_length=32, pattern=r"^[A-Za-z0-9 -]+(?!\n)$")]
"""Six digits, or a recovery code of sixteen letters; spaces and hyphens do not count."""
Needed = Literal["", "enrol", "code"]
"""What a sign-in still lacks: nothing, a second factor to be chosen, or its code."""


class FactorGiven(Struct, frozen=True):
    """POST /api/second-factor -> SignedIn. The first code after an enrolment confirms it.

    `csr`: as in `SignIn`, which gives no certificate while the code is lacking.
    """

    code: Code
    csr: Csr = ""


class FactorMade(Struct, frozen=True):
    """POST /api/second-factor/enrolment: shown once and never again.

    `uri` is what authenticator apps read as a QR code; each of `recovery` stands in once for a
    code, where the app that shows them is lost.
    """

    uri: str
    recovery: tuple[str, ...]
