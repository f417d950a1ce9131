"""Signing and reading the heads of journals (`central_mdm.contract.heads`), with no server.

A head comes with its signer's certificate, so whoever carries it need not have met the signer.
"""

from cryptography.hazmat.primitives.serialization import Encoding

from central_mdm.contract.heads import HEAD_TYPE, Head, SignedHead
from central_mdm.contract.names import Role
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import Identity, School


def sign_head(head: Head, identity: Identity) -> SignedHead:
    certificate = identity.certificate.public_bytes(Encoding.DER)
    return SignedHead(sign(head, HEAD_TYPE, identity.key), certificate)


def read_head(signed: SignedHead, school: School, role: Role) -> Head:
    """Read a head of our school, signed by whom it names. Raises NotAllowed("head", why).

    A certificate that has ended since is taken: what it signed while it held is what counts.
    """
    try:
        peer = accept(signed.certificate, school, 0.0, role)
    except NotPaired as error:
        raise NotAllowed("head", "another-school") from error
    head = read_statement(signed.head, "head", (Head, HEAD_TYPE), peer.key)
    if (head.school, head.role, head.party) != (school.id, role, peer.party.id):
        raise NotAllowed("head", "another-party")
    return head
