"""One import: read, compare, and, unless it is a dry run or has to be asked for, carry out."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.register import FileRead, Imported
from central_mdm.identity.model import schools
from central_mdm.identity.passwords import hash_password
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.oneroster.applying import apply
from central_mdm.roster.oneroster.bundle import open_bundle
from central_mdm.roster.oneroster.plan import Plan, make_plan
from central_mdm.roster.oneroster.reading import Read, read_bundle
from central_mdm.roster.oneroster.report import Report
from central_mdm.roster.oneroster.staging import a_staging
from central_mdm.roster.oneroster.standing import load


class NotConfirmed(Refused):
    """The plan asks first; `told` says what it would do."""

    def __init__(self, told: Imported) -> None:
        super().__init__("confirm", f"{' '.join(told.asks)} Confirm this very plan: {told.digest}.")
        self.told = told


async def import_register(
    ground: Ground, school: str, path: Path, *, dry_run: bool, confirm: str = ""
) -> Imported:
    """Import a bundle (a zip or a folder) in one transaction. Raises Malformed or NotConfirmed.

    A dry run tells what would be done, and writes nothing.
    """
    now = ground.clock()
    today = datetime.fromtimestamp(now, UTC).date()
    report = Report()
    with a_staging() as staging:

        def reading() -> Read:
            with open_bundle(path) as bundle:
                return read_bundle(bundle, staging, report, today)

        read = await asyncio.to_thread(reading)

        async def planned(connection: AsyncConnection) -> Plan:
            await load(connection, school, staging, now)
            return await asyncio.to_thread(make_plan, staging, report, read, today.isoformat())

        if dry_run:
            async with ground.database.reading(school) as connection:
                plan = await planned(connection)
            return _told(read, plan, report, done=False)
        unknown = await ground.passwords.run(hash_password, ground.new_secret())
        async with ground.database.writing(school) as connection:
            await _one_by_one(connection, school)
            plan = await planned(connection)
            if plan.asks and confirm != plan.digest:
                raise NotConfirmed(_told(read, plan, report, done=False))
            if not plan.empty:
                await apply(connection, ground, school, staging, unknown)
        return _told(read, plan, report, done=True)


async def _one_by_one(connection: AsyncConnection, school: str) -> None:
    """Hold the school's row: two imports at once would each add what the other adds."""
    mine = select(schools.c.school).where(schools.c.school == school)
    await connection.execute(mine.with_for_update())


def _told(read: Read, plan: Plan, report: Report, *, done: bool) -> Imported:
    names = sorted(report.read | report.refused)
    files = tuple(FileRead(name, report.read[name], report.refused[name]) for name in names)
    return Imported(read.mode, plan.digest, done, plan.counts, plan.asks, files, tuple(report.rows))
