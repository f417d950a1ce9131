"""What stands of a device: all that its check-in has to know, in one indexed read."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct
from sqlalchemy import Row, Select, TextClause, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import devices, policies, releases
from central_mdm.fleet.wanted_model import groups
from central_mdm.identity.model import deny_lists, schools, successions
from central_mdm.journal.model import heads
from central_mdm.platform.database import Database
from central_mdm.platform.gathered import Gathered
from central_mdm.roster.model import devices as roster_devices

_GATHERED: Final = text(
    "SELECT * FROM fleet_standing(CAST(:schools AS text[]), CAST(:devices AS text[]))"
)
Pair = tuple[str, str]
"""A school and a device of it."""
Read = TypeVar("Read")


class Standing(Struct, frozen=True):
    """What is wanted of a device, and what it last reported.

    `token_hash`: of the newest secret given to it; a pass that was made of an older one has ended.
    `ruled`: groups of the school go by what devices tell of themselves.
    """

    token_hash: str
    inventory_hash: str
    reported: tuple[int, str, str]
    wanted_version: int
    assignment_version: int
    policy_version: int
    deny_list: int
    head_count: int
    epoch: int
    release: str
    standby: str
    ruled: bool


Standings = Gathered[Pair, Standing | None]


def standings(database: Database) -> Standings:
    """Gather the reads of one moment, over all schools; None: it is no device of ours."""
    return by_pair(database, "standing", _GATHERED, _these, _standing)


def by_pair(
    database: Database,
    work: str,
    gathered: TextClause,
    these: Callable[[Sequence[Pair]], Select[Any]],
    made: Callable[[Row[Any]], Read],
) -> Gathered[Pair, Read | None]:
    """Gather reads of devices; None for one that has no row. `made` reads a row.

    `gathered` calls the function that PostgreSQL has for it, over all schools; `these` reads the
    same of SQLite.
    """

    async def read(pairs: Sequence[Pair]) -> list[Read | None]:
        async with database.gathering() as connection:
            if database.is_sqlite:
                rows = await connection.execute(these(pairs))
            else:
                named = {"schools": [each[0] for each in pairs], "devices": [p[1] for p in pairs]}
                rows = await connection.execute(gathered, named)
            found = {(row.school, row.id): made(row) for row in rows}
        return [found.get(pair) for pair in pairs]

    return Gathered(read, work, database.spans)


async def of_token(
    connection: AsyncConnection, school: str, token_hash: str
) -> tuple[str, Standing] | None:
    """Return the device that has a token of before there were passes, and what stands of it."""
    wanted = _wanted().where(devices.c.school == school, devices.c.token_hash == token_hash)
    row = (await connection.execute(wanted)).first()
    return None if row is None else (row.id, _standing(row))


def _these(pairs: Sequence[Pair]) -> Select[Any]:
    return _wanted().where(tuple_(devices.c.school, devices.c.id).in_(pairs))


def _wanted() -> Select[Any]:
    """Read the same as the function `fleet_standing` of the migration, which PostgreSQL has."""
    school = devices.c.school
    told = {
        "standby": select(schools.c.standby).where(schools.c.school == school),
        "release": select(releases.c.statement)
        .where(releases.c.school == school, releases.c.device == devices.c.id)
        .where(releases.c.receipt == "")
        .limit(1),
        "head_count": select(heads.c.count).where(
            heads.c.school == school, heads.c.role == "device", heads.c.journal == devices.c.id
        ),
        "declared": select(func.max(policies.c.version)).where(policies.c.school == school),
        "assigned": select(roster_devices.c.assignment_version).where(
            roster_devices.c.school == school, roster_devices.c.id == devices.c.id
        ),
        "deny_list": select(func.max(deny_lists.c.number)).where(deny_lists.c.school == school),
        "ruled": select(func.count()).where(groups.c.school == school, groups.c.rule.is_not(None)),
        "epoch": select(func.max(successions.c.epoch)).where(successions.c.school == school),
    }
    return select(devices, *(each.scalar_subquery().label(name) for name, each in told.items()))


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        token_hash=row.token_hash,
        inventory_hash=row.inventory_hash,
        reported=(row.policy_version, row.policy_state, row.policy_reason),
        wanted_version=row.wanted_version,
        assignment_version=row.assigned or 0,
        policy_version=row.declared or 0,
        deny_list=row.deny_list or 0,
        head_count=row.head_count or 0,
        epoch=row.epoch or 0,
        release=row.release or "",
        standby=row.standby or "",
        ruled=bool(row.ruled),
    )
