"""By which key a device is known: read for many that show theirs at once, over all schools."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, Select, exists, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import devices
from central_mdm.fleet.standing import Pair, by_pair
from central_mdm.identity.model import RANK, certificates, revocations
from central_mdm.platform.database import Database
from central_mdm.platform.gathered import Gathered

_GATHERED: Final = text(
    "SELECT * FROM fleet_certified(CAST(:schools AS text[]), CAST(:devices AS text[]))"
)


class Certified(Struct, frozen=True):
    """The key that was certified last for an enrolled device, "" for none, and whether it is ended.

    `token_hash`: of the newest secret given to it.
    """

    token_hash: str
    thumbprint: str
    ended: bool

    def is_known_by(self, thumbprint: str) -> bool:
        return self.thumbprint == thumbprint and not self.ended


Certificates = Gathered[Pair, Certified | None]


def certificates_of(database: Database) -> Certificates:
    """Gather the reads of one moment, over all schools; None: it is no device of ours."""
    return by_pair(database, "certified", _GATHERED, _these, _certified)


async def certified(connection: AsyncConnection, school: str, device: str) -> Certified | None:
    """Read the same of one device in the caller's transaction."""
    row = (await connection.execute(_these([(school, device)]))).first()
    return _certified(row) if row else None


def _these(pairs: Sequence[Pair]) -> Select[Any]:
    """Read the same as the function `fleet_certified` of the migration, which PostgreSQL has."""
    newest = (
        select(certificates.c.thumbprint)
        .where(
            certificates.c.school == devices.c.school,
            certificates.c.role == "device",
            certificates.c.party == devices.c.id,
        )
        .order_by(RANK.desc())
        .limit(1)
    )
    asked = tuple_(devices.c.school, devices.c.id).in_(pairs)
    held = select(
        devices.c.school,
        devices.c.id,
        devices.c.token_hash,
        newest.scalar_subquery().label("thumbprint"),
    )
    known = held.where(asked).subquery()
    ended = exists().where(
        revocations.c.school == known.c.school, revocations.c.thumbprint == known.c.thumbprint
    )
    return select(known, ended.label("ended"))


def _certified(row: Row[Any]) -> Certified:
    return Certified(row.token_hash, row.thumbprint or "", bool(row.ended))
