"""The papers of a teacher who signs in: certificate, root, and the right to do something in class.

A teacher without a class comes in as well, and sees none: an account may be older than its classes,
or they were taken away, and what is written here still has to reach the school.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_mdm.contract.identity import GrantIssued, SignedIn
from classroom_app.cloud.errors import Refused
from classroom_app.cloud.trust import AsksTrust, trust_since
from classroom_app.domain.errors import AnotherTeacher
from classroom_app.papers import Papers, SignedPapers
from device_bridge.trust.identity import School, key_to_pem, thumbprint
from device_bridge.trust.revocation import DenyLists

log = logging.getLogger(__name__)
RIGHTLESS: Final = frozenset({"no-class", "no-verbs"})
"""Why a school gives a teacher whom it knows no grant; `renewing` asks for one again."""

UNKNOWN: Final = "no-certificate"
ANOTHER: Final = "another-teacher"


class Grants(Protocol):
    async def grant(self, key: str) -> GrantIssued: ...


async def bring_held(cloud: AsksTrust, held: SignedPapers | None, signed: SignedIn) -> None:
    """Bring the deny list whose place the next papers take, where the server has lost it.

    Raises CloudError.
    """
    if held is None or (held.school, held.root) != (signed.school, signed.root):
        return
    if held.deny_list:
        school = School.pin(held.school, held.root.encode())
        number = DenyLists(school, held.deny_list).denied.number
        await trust_since(cloud, number, held.deny_list, held.epoch)


@contextmanager
def for_owner(held: SignedPapers | None, school: str) -> Generator[str]:
    """Yield whom the store's papers name, for a sign-in at `school`; "" where it has none.

    Raises AnotherTeacher for another school, before it is asked, and where the school refuses
    whoever signs in as another.
    """
    if held and held.school != school:
        raise AnotherTeacher(held.teacher_name)
    try:
        yield held.teacher if held else ""
    except Refused as error:
        if held and error.code == ANOTHER:
            raise AnotherTeacher(held.teacher_name) from error
        raise


def want_same(held: SignedPapers | None, signed: SignedIn) -> None:
    """Let nobody into another teacher's store, by whatever server. Raises AnotherTeacher.

    What is unsent there would go out as written by who has signed in. A server of before does not
    ask whose store it is (`for_owner`): there is a certificate then, which nobody has.
    """
    if held and (held.school, held.teacher) != (signed.school, signed.teacher):
        raise AnotherTeacher(held.teacher_name)


async def want_known(cloud: Grants, papers: Papers) -> None:
    """See that the school knows the key that is here, which goes on by a new sign-in's tokens.

    Raises Refused where it does not: the next sign-in then brings a new key. Raises CloudError.
    """
    try:
        await cloud.grant(papers.thumbprint)
    except Refused as error:
        papers.unknown = error.code == UNKNOWN
        if papers.unknown:
            raise


async def papers_of(
    cloud: Grants, server: str, key: Ed25519PrivateKey, signed: SignedIn
) -> SignedPapers:
    """Ask for the teacher's grant and put all together. Raises CloudError."""
    try:
        granted = await cloud.grant(thumbprint(key.public_key()))
    except Refused as error:
        if error.code not in RIGHTLESS:
            raise
        log.info("signed in without a grant", extra={"why": error.code})
        granted = GrantIssued("", 0)
    return SignedPapers(
        server=server,
        school=signed.school,
        school_name=signed.school_name,
        teacher=signed.teacher,
        teacher_name=signed.teacher_name,
        key=key_to_pem(key).decode(),
        certificate=signed.certificate,
        root=signed.root,
        refresh=signed.refresh,
        grant=granted.grant,
        deny_list=granted.deny_list,
        discovery=granted.discovery,
        standby=signed.standby,
        epoch=signed.epoch,
    )
