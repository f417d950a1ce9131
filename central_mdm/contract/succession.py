"""A school's new root, said by the standby: what ends all that was signed under the old one.

JWS as the statements of `grants.py`, but signed by the standby's key, of which everybody pinned
the thumbprint when they joined the school.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from central_mdm.contract.grants import Seconds, Thumbprint
from central_mdm.contract.names import Id

SUCCESSION_TYPE: Final = "pupitre-succession+jws"
STANDBY_TYPE: Final = "pupitre-standby+jws"
SUCCESSIONS_MAX: Final = 8
"""Carried at once, oldest first: each names the standby that the next one is signed by."""
Token = Annotated[str, Meta(max_length=4096)]
Successions = Annotated[tuple[Token, ...], Meta(max_length=SUCCESSIONS_MAX)]
OptionalThumbprint = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$")]
"""Of the standby that is pinned; empty: none, so nobody can succeed this root."""
Epoch = Annotated[int, Meta(ge=0, le=2**31)]
"""0 under the root that a school began with, one more with each succession."""


class Succession(Struct, frozen=True):
    """From now on `root` (PEM) is the school's, and `standby` the thumbprint of the next standby.

    `signer` is the public key (Ed25519, hex) of the standby that signs this; it counts only where
    its thumbprint is the pinned one. `epoch` is the highest yet.
    """

    school: Id
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    root: Annotated[str, Meta(min_length=1, max_length=2000)]
    standby: Thumbprint
    signer: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    issued_at: Seconds


class StandbyNamed(Struct, frozen=True):
    """By the root of now: the school has got a standby, for those who joined while it had none.

    Taken where none is pinned and by nobody else; what is pinned changes by a `Succession` only.
    """

    school: Id
    epoch: Epoch
    standby: Thumbprint
    issued_at: Seconds
