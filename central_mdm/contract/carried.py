"""What teachers' apps carry between a device and the MDM, sealed on both ways.

Sealed by HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305), with `up_info` or
`down_info`, so that what is for one device or way opens for no other. Who carries can neither read
nor alter it, only leave it lying; then another brings it, and the highest counter or version wins.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from central_mdm.contract.fleet import Inventory
from central_mdm.contract.grants import Seconds
from central_mdm.contract.heads import SignedHead
from central_mdm.contract.names import TEXT, Count, Csr, HeldVersion, Id
from central_mdm.contract.wanted import Reports

SEALING_TYPE: Final = "pupitre-sealing+jws"
TOLD_TYPE: Final = "pupitre-told+jws"
ARRIVED_TYPE: Final = "pupitre-arrived+jws"
SEALED_BYTES_MAX: Final = 32 * 1024
BUNDLES_MAX: Final = 16
CARRIED_HEADS_MAX: Final = 2
HELD_MAX: Final = 500
BROUGHT_MAX: Final = 40
PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
"""X25519 or Ed25519, in hex."""
Digest = Annotated[str, Meta(max_length=64, pattern=r"^[0-9a-f]*(?!\n)$")]
Sealed = Annotated[bytes, Meta(min_length=1, max_length=SEALED_BYTES_MAX)]
SignedShort = Annotated[str, Meta(max_length=4096)]


class Sealing(Struct, frozen=True):
    """By which key (X25519) the school's MDM is written to. Signed by the school's issuing key."""

    school: Id
    key: PublicKey
    issued_at: Seconds


class Told(Struct, frozen=True):
    """What a device tells that does not meet the MDM. Signed by the device's own key.

    `counter` rises with each that says something new. `wanted`: the version it holds. `box`: by
    which key (X25519) it is written to. `heads`: how far its own journal goes. `csr`: PKCS#10 in
    PEM by the key it has, when its certificate, which ends at `certificate_ends_at`, is to be
    renewed; the next comes with what is wanted.
    """

    device: Id
    school: Id
    counter: Count
    issued_at: Seconds
    wanted: HeldVersion
    box: PublicKey
    inventory_hash: Annotated[str, Meta(max_length=64, pattern=TEXT)]
    inventory: Inventory
    reports: Reports = Reports()
    heads: Annotated[tuple[SignedHead, ...], Meta(max_length=CARRIED_HEADS_MAX)] = ()
    csr: Csr = ""
    certificate_ends_at: Seconds = 0


class Signed(Struct, frozen=True):
    """What is sealed on the way up. `key`: the device's public key (Ed25519); `told`: a `Told`."""

    key: PublicKey
    told: Annotated[str, Meta(max_length=SEALED_BYTES_MAX)]


class Arrived(Struct, frozen=True):
    """The MDM holds what `device` has told, up to `counter`; signed by the school's issuing key.

    `digest`: SHA-256 of that `Signed.told`, in hex. `head_count`: how far the newest head of its
    journal goes that the MDM holds, whoever brought it.
    """

    device: Id
    school: Id
    counter: Count
    digest: Digest
    issued_at: Seconds
    head_count: Count = 0


class Bundle(Struct, frozen=True):
    """What a device has given to be carried; opens for the MDM alone."""

    device: Id
    sealed: Sealed


class Held(Struct, frozen=True):
    """Which version of what is wanted an app has for a device, or has brought it; 0: none."""

    device: Id
    version: Count


class Carry(Struct, frozen=True):
    """POST /api/carried: what a teacher's app brings, and for which devices it would carry."""

    bundles: Annotated[tuple[Bundle, ...], Meta(max_length=BUNDLES_MAX)] = ()
    held: Annotated[tuple[Held, ...], Meta(max_length=HELD_MAX)] = ()


class Answered(Struct, frozen=True, omit_defaults=True):
    """What became of a bundle: an `Arrived`, to be brought back; `refused`: why there is none."""

    device: Id
    arrived: SignedShort = ""
    refused: Annotated[str, Meta(max_length=64)] = ""


class WantedSealed(Struct, frozen=True):
    """A `wanted.Wanted`, signed as ever, that opens for its device alone."""

    device: Id
    version: Count
    sealed: Sealed


class Carried(Struct, frozen=True):
    """`sealing`: a `Sealing`, to be shown to devices. The next turn brings what is too much."""

    sealing: SignedShort
    answers: Annotated[tuple[Answered, ...], Meta(max_length=BUNDLES_MAX)] = ()
    wanted: Annotated[tuple[WantedSealed, ...], Meta(max_length=BROUGHT_MAX)] = ()


def up_info(school: str, device: str) -> bytes:
    """Say what a bundle is sealed for."""
    return f"pupitre up 1 {school} {device}".encode()


def down_info(school: str, device: str) -> bytes:
    """Say what a carried `Wanted` is sealed for."""
    return f"pupitre down 1 {school} {device}".encode()
