"""What stands of a device: all that its check-in has to know, in one indexed read.

The reads of one moment are gathered: while one statement is on its way, whoever comes waits for the
next, which asks for all of them. So a statement carries one device in a small school and dozens
where a region wakes up.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, Select, func, select, text, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import devices, policies, releases
from central_mdm.identity.model import deny_lists, schools, successions
from central_mdm.journal.model import heads
from central_mdm.platform.database import Database
from central_mdm.platform.errors import Busy
from central_mdm.roster.model import devices as roster_devices

AT_ONCE: Final = 2
"""So many statements at a time: one is read while the next is on its way."""
BUSY_SECONDS: Final = 30
ROWS_A_READ: Final = 64
WAITING_MAX: Final = 512
_GATHERED: Final = text(
    "SELECT * FROM fleet_standing(CAST(:schools AS text[]), CAST(:devices AS text[]))"
)
Pair = tuple[str, str]
"""A school and a device of it."""


class Standing(Struct, frozen=True):
    """What is wanted of a device, and what it last reported.

    `token_hash`: of the newest secret given to it; a pass that was made of an older one has ended.
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


Answer = asyncio.Future[Standing | None]


class Standings:
    """The reads that wait, and `run`, which carries them out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Pair, Answer] = {}
        self._came = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many devices wait to be read."""
        return len(self._waiting)

    async def of(self, school: str, device: str) -> Standing | None:
        """Read what stands of a device; None: it is none of ours. Raises what the database raises.

        Raises Busy where so many wait that it would take too long.
        """
        pair = (school, device)
        future = self._waiting.get(pair)
        if future is None:
            if len(self._waiting) >= WAITING_MAX:
                raise Busy("busy", BUSY_SECONDS)
            future = asyncio.get_running_loop().create_future()
            self._waiting[pair] = future
            self._came.set()
        # Shielded, for a second request of the same device may wait for the same read.
        return await asyncio.shield(future)

    async def run(self) -> None:
        """Read for ever; each who runs it has one statement on its way at a time."""
        while True:
            await self._came.wait()
            asked = {pair: self._waiting[pair] for pair in islice(self._waiting, ROWS_A_READ)}
            for pair in asked:
                del self._waiting[pair]
            if not self._waiting:
                self._came.clear()
            if not asked:
                continue  # another was quicker
            try:
                _tell(asked, await self.read(list(asked)))
            except (SQLAlchemyError, OSError) as error:
                _refuse(asked.values(), error)
            except asyncio.CancelledError:
                _refuse(asked.values(), Busy("ending", BUSY_SECONDS))
                raise

    async def read(self, pairs: Sequence[Pair]) -> dict[Pair, Standing]:
        """Read what stands of all of them; who is none of ours is not in it."""
        async with self._database.gathering() as connection:
            if self._database.is_sqlite:
                rows = await connection.execute(_these(pairs))
            else:
                named = {"schools": [each[0] for each in pairs], "devices": [p[1] for p in pairs]}
                rows = await connection.execute(_GATHERED, named)
            return {(row.school, row.id): _standing(row) for row in rows}


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
    )


def _tell(asked: dict[Pair, Answer], found: dict[Pair, Standing]) -> None:
    for pair, answer in asked.items():
        if not answer.done():
            answer.set_result(found.get(pair))


def _refuse(answers: Iterable[Answer], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
