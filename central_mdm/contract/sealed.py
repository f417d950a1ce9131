"""The form of sealed files, each opened by a passphrase.

A school's authority as a backup, its standby's key for the safe, or the key of a teacher's store on
a computer without a keyring.

Either side opens what the other sealed: ChaCha20-Poly1305 (RFC 8439) under a key that scrypt
(RFC 7914, N = 2^16, r = 8, p = 1, 32 bytes) makes of the passphrase. What is authenticated beside
the box is `pupitre-sealed-1 <kind> <school>`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from central_mdm.contract.roster import Row
from central_mdm.contract.succession import Epoch, Successions

SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
COST: Final = 2**16
"""64 MiB and about 0.2 s a guess. Not read from the file, which could else ask for any memory."""
PASSPHRASE_MIN: Final = 12
"""Characters. The file may be copied and guessed at for years."""
SEALED_BYTES_MAX: Final = 4 * 1024 * 1024
Kind = Literal["authority", "standby", "store"]


class Former(Struct, frozen=True, forbid_unknown_fields=True):
    """A root that was succeeded, and what a teacher had under it; PEM as text.

    Devices that have not heard of its end are reached by it once more, to be told.
    """

    root: str
    key: str
    certificate: str


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A school's authority; PEM as text.

    `standby` is the thumbprint of the standby root's key, in hex. `rows`: classes, pupils and
    devices, where this is a backup.
    """

    school: str
    name: str
    root: str
    key: str
    standby: str
    epoch: Epoch = 0
    successions: Successions = ()
    rows: tuple[Row, ...] = ()
    former: tuple[Former, ...] = ()


class Sealed(Struct, frozen=True, forbid_unknown_fields=True):
    """A file for the safe or for another teacher: what it is can be read, what it holds cannot.

    `kind`: "authority" is the key that issues, "standby" the one that may replace it; "store" opens
    a teacher's store, and belongs to no school ("").
    """

    form: Literal["pupitre-sealed-1"]
    kind: Kind
    school: Annotated[str, Meta(max_length=64)]
    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    box: Annotated[bytes, Meta(max_length=SEALED_BYTES_MAX)]


def about(kind: Kind, school: str) -> bytes:
    """Return what is authenticated beside the box."""
    return f"pupitre-sealed-1 {kind} {school}".encode()
