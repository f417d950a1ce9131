"""A certificate that comes to its end is followed by another: the same key, the same name."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.names import Party, Role
from central_mdm.identity.certificates import LEAF, ends_at_of, key_of_request, thumbprint_of
from central_mdm.identity.model import RANK, certificates
from central_mdm.identity.revocation import is_ended
from central_mdm.identity.rules import register, school_row
from central_mdm.platform.ahead import ends_by
from central_mdm.platform.answers import Answer, Asked, find, keep
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Missing, NotAllowed, Refused, TryAgain
from central_mdm.platform.ground import Ground

DAY_SECONDS: Final = 24 * 3600
EARLY_SECONDS: Final = 90 * DAY_SECONDS
"""Devices ask sixty days ahead; by a clock that is a month wrong they are served as well."""
LEAF_SECONDS: Final = int(LEAF.total_seconds())
ONCE_SECONDS: Final = LEAF_SECONDS - EARLY_SECONDS
"""So long a device that asks again is given the same: until it is time for the next."""
LOST_SECONDS: Final = 2 * DAY_SECONDS
"""An answer that was lost is asked for again."""
LOST_MAX: Final = 4
"""Of one key in that time: what somebody gains who asks without end."""


async def renew_carried(ground: Ground, caller: Caller, csr: str) -> str:
    """Renew a teacher's own certificate, or a device's that the teacher's app has met."""
    key = key_of_request(csr)
    async with ground.database.writing(caller.school) as connection:
        party = await party_of(connection, caller.school, key)
        if party.role == "teacher" and party.id != caller.id:
            raise NotAllowed("another-teacher")
        way = renew_once if party.role == "device" else renew
        return await way(connection, ground, party, key)


async def party_of(connection: AsyncConnection, school: str, key: Ed25519PublicKey) -> Party:
    """Return whose key this is. Raises Missing for one that the school has never certified."""
    wanted = select(certificates.c.role, certificates.c.party).where(
        certificates.c.school == school, certificates.c.thumbprint == thumbprint_of(key)
    )
    row = (await connection.execute(wanted.limit(1))).first()
    if row is None:
        raise Missing("no-such-key")
    return Party(school, row.role, row.party)


async def renew(
    connection: AsyncConnection, ground: Ground, party: Party, key: Ed25519PublicKey
) -> str:
    """Certify a key that `party` has, once more; return the certificate in PEM.

    A device has one, and a teacher one on each computer.

    It is time from some weeks before its end, and at once where the root has been succeeded.
    Raises NotAllowed for any other key and one that was ended, Refused where it is not time yet,
    TryAgain where it was asked too often.
    """
    now = ground.clock()
    thumbprint = thumbprint_of(key)
    ends_at = await _ends_at(connection, party, thumbprint)
    if await is_ended(connection, party.school, thumbprint):
        raise NotAllowed("ended")
    lately = now - LOST_SECONDS + LEAF_SECONDS
    epoch = (await school_row(connection, party.school)).succession
    mine = (certificates.c.school == party.school, certificates.c.thumbprint == thumbprint)
    under = select(certificates.c.serial).where(*mine, certificates.c.epoch == epoch)
    outdated = (await connection.execute(under.limit(1))).first() is None
    if not outdated and ends_at < lately and ends_at - now > EARLY_SECONDS:
        raise Refused("not-yet")
    # Of those that were made by a clock ahead none is good yet.
    made = certificates.c.ends_at.between(lately, ends_by(now, LEAF_SECONDS))
    wanted = select(certificates.c.serial).where(*mine, made)
    if len((await connection.execute(wanted)).all()) >= LOST_MAX:
        raise TryAgain("too-often", DAY_SECONDS)
    return (await register(connection, ground, party, key)).pem


async def renew_once(
    connection: AsyncConnection, ground: Ground, party: Party, key: Ed25519PublicKey
) -> str:
    """Renew as `renew` does, once until it is time again: asked again, it is the same certificate.

    For a device, whose answer may be weeks on its way, or be lost on it, whoever carries it.
    """
    now = ground.clock()
    held = await renewed_last(connection, party, now)
    if held is not None and held.fingerprint == thumbprint_of(key):
        return held.body.decode()
    renewed = await renew(connection, ground, party, key)
    answer = Answer(thumbprint_of(key), HTTPStatus.OK, renewed.encode())
    await keep(connection, await _asked(connection, party), answer, now, ONCE_SECONDS)
    return renewed


async def renewed_last(connection: AsyncConnection, party: Party, now: int) -> Answer | None:
    """Return what `renew_once` has answered under the root of now, by its key's thumbprint.

    None where that key was ended, or another was certified since, and for what was made by a clock
    ahead: that is not good yet.
    """
    held = await find(connection, await _asked(connection, party), now)
    if held is None or await is_ended(connection, party.school, held.fingerprint):
        return None
    if ends_at_of(held.body.decode()) > ends_by(now, LEAF_SECONDS):
        return None
    newest, _ = await newest_key(connection, party.school, party.role, party.id)
    return held if newest == held.fingerprint else None


async def _asked(connection: AsyncConnection, party: Party) -> Asked:
    epoch = (await school_row(connection, party.school)).succession
    return Asked(party.school, f"{party.role}:{party.id}", f"renewal {epoch}")


async def _ends_at(connection: AsyncConnection, party: Party, thumbprint: str) -> int:
    """Return when the newest certificate of a key ends. Raises NotAllowed for a key not `party`'s.

    A device that has another one since has laid this one down; a teacher's other computer has not.
    """
    if party.role == "device":
        newest, ends_at = await newest_key(connection, party.school, party.role, party.id)
        if newest != thumbprint:
            raise NotAllowed("another-key")
        return ends_at
    wanted = select(func.max(certificates.c.ends_at)).where(
        certificates.c.school == party.school,
        certificates.c.role == party.role,
        certificates.c.party == party.id,
        certificates.c.thumbprint == thumbprint,
    )
    ends_at = await connection.scalar(wanted)
    if ends_at is None:
        raise NotAllowed("another-key")
    return int(ends_at)


async def newest_key(
    connection: AsyncConnection, school: str, role: Role, party: str
) -> tuple[str, int]:
    """Return the thumbprint of the key that was certified last, and when that ends; ("", 0)."""
    wanted = select(certificates.c.thumbprint, certificates.c.ends_at).where(
        certificates.c.school == school,
        certificates.c.role == role,
        certificates.c.party == party,
    )
    row = (await connection.execute(wanted.order_by(RANK.desc()))).first()
    return (row.thumbprint, row.ends_at) if row else ("", 0)


async def newest_keys(
    connection: AsyncConnection, school: str, role: Role, parties: Sequence[str]
) -> dict[str, str]:
    """Return the thumbprint of each one's newest key; who never had one is not in it."""
    wanted = select(certificates.c.party, certificates.c.thumbprint).where(
        certificates.c.school == school,
        certificates.c.role == role,
        certificates.c.party.in_(parties),
    )
    rows = await connection.execute(wanted.order_by(RANK))
    return {row.party: row.thumbprint for row in rows}
