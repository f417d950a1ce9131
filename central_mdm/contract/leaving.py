"""How a device leaves a school: the school's word that it may, the device's word that it has.

Signed as the statements of `grants.py`: `Release` by the school's key, `Receipt` by the device's
own, which it then destroys. Neither ever goes over the class's network.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from central_mdm.contract.grants import Seconds, Thumbprint
from central_mdm.contract.heads import Certificate, Token
from central_mdm.contract.names import Id

RELEASE_TYPE: Final = "pupitre-release+jws"
RECEIPT_TYPE: Final = "pupitre-receipt+jws"


class Release(Struct, frozen=True):
    """The school gives this device up. `thumbprint`: of the key that the device has by now.

    Where no server is, a school knows of it what a device's id is made of: its beginning, 96 bits.
    Enrolled again it has another key, so an old release ends nothing.
    """

    school: Id
    device: Id
    thumbprint: Annotated[str, Meta(pattern=r"^[0-9a-f]{24}([0-9a-f]{40})?(?!\n)$")]
    issued_at: Seconds


class Receipt(Struct, frozen=True):
    """The device has heard its release, and destroys all that it has of the school.

    `left_at`: by the device's own clock, yet not before the release.
    """

    school: Id
    device: Id
    thumbprint: Thumbprint
    left_at: Seconds


class SignedReceipt(Struct, frozen=True):
    """POST /api/receipts: a receipt in JWS compact form, and the signer's certificate (DER)."""

    receipt: Token
    certificate: Certificate


class Left(Struct, frozen=True):
    """The receipt is kept; the device's token and certificate are refused from now on."""

    device: Id
