"""One import: read, compare, and, unless it is a dry run or has to be asked for, carry out."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.register import FileRead, Imported, RowRefused
from central_mdm.identity.passwords import hash_password
from central_mdm.platform.errors import Refusal, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.oneroster.applying import apply
from central_mdm.roster.oneroster.bundle import open_bundle
from central_mdm.roster.oneroster.plan import Plan, make_plan, who_goes
from central_mdm.roster.oneroster.reading import Read, read_bundle
from central_mdm.roster.oneroster.report import Report
from central_mdm.roster.oneroster.splitting import part_of, schools_in, want_one, want_schools
from central_mdm.roster.oneroster.staging import Staging, a_staging
from central_mdm.roster.oneroster.standing import load

log = logging.getLogger(__name__)
_TURN: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:turn, 0))")


class NotConfirmed(Refused):
    """The plan asks first; `told` says what it would do, `gone` names whom it would let go."""

    def __init__(self, told: Imported, gone: str = "") -> None:
        super().__init__("confirm", f"{' '.join(told.asks)} Confirm this very plan: {told.digest}.")
        self.told = told
        self.gone = gone


class Region(Struct, frozen=True):
    """What an import of several schools does, or did: by each school's tenant here.

    `files` and `refused`: of reading; each school tells of what is refused in its own plan.
    `left_out`: the register's schools that were not named. `failed` says why one was not read in:
    nothing of it is done, and it stops no other.
    """

    files: tuple[FileRead, ...]
    refused: tuple[RowRefused, ...]
    left_out: tuple[str, ...]
    schools: dict[str, Imported]
    failed: dict[str, str]


class _Bundle(Struct, frozen=True):
    """What was read of one, as far as one school is concerned."""

    staging: Staging
    read: Read
    report: Report


async def import_register(
    ground: Ground, school: str, path: Path, *, dry_run: bool, confirm: str = ""
) -> Imported:
    """Import a bundle (a zip or a folder) in one transaction. Raises Malformed or NotConfirmed.

    A dry run tells what would be done, and writes nothing but that it was asked. Raises Refused for
    a bundle of several schools, and names them.
    """
    report = Report()
    with a_staging() as staging:
        read = await asyncio.to_thread(_read, path, staging, report, _today(ground))
        want_one(await asyncio.to_thread(schools_in, staging))
        bundle = _Bundle(staging, read, report)
        return await _import(ground, school, bundle, dry_run=dry_run, confirms=(confirm,))


async def import_region(
    ground: Ground,
    orgs: Mapping[str, str],
    path: Path,
    *,
    dry_run: bool,
    confirms: Collection[str] = (),
) -> Region:
    """Import a bundle of several schools: each in its own transaction, by its own plan.

    `orgs`: the register's name of each school, by its tenant. What has to be asked for first is
    not done unless its digest is among `confirms`, and stops no other school, nor does one that is
    refused. Raises Malformed, or Refused for a school that the bundle does not have.
    """
    report = Report()
    told: dict[str, Imported] = {}
    failed: dict[str, str] = {}
    with a_staging() as whole:
        read = await asyncio.to_thread(_read, path, whole, report, _today(ground))
        here = await asyncio.to_thread(schools_in, whole)
        want_schools(here, orgs.values())
        for school, org in orgs.items():
            with a_staging() as part:
                await asyncio.to_thread(part_of, whole, part, org)
                bundle = _Bundle(part, read, Report())
                try:
                    told[school] = await _import(
                        ground, school, bundle, dry_run=dry_run, confirms=confirms
                    )
                except NotConfirmed as asks:
                    told[school] = asks.told
                except Refusal as refused:
                    failed[school] = refused.detail or refused.code
                except DBAPIError:  # a deadlock's victim, say
                    log.exception("not imported", extra={"school": school})
                    failed[school] = "The database gave this one up. The same import once more."
    left = tuple(sorted(set(here) - set(orgs.values())))
    return Region(_files(report), tuple(report.rows), left, told, failed)


def _today(ground: Ground) -> date:
    return datetime.fromtimestamp(ground.clock(), UTC).date()


def _read(path: Path, staging: Staging, report: Report, today: date) -> Read:
    with open_bundle(path) as bundle:
        return read_bundle(bundle, staging, report, today)


async def _import(
    ground: Ground, school: str, bundle: _Bundle, *, dry_run: bool, confirms: Collection[str]
) -> Imported:
    staging, today = bundle.staging, _today(ground).isoformat()

    async def planned(connection: AsyncConnection) -> Plan:
        await load(connection, school, staging, ground.clock())
        return await asyncio.to_thread(make_plan, staging, bundle.report, bundle.read, today)

    if dry_run:
        async with ground.database.reading(school) as connection:
            plan = await planned(connection)
        async with ground.database.writing(school):
            pass  # it tells who is here and who is not: an act
        return _told(bundle, plan, done=False)
    unknown = await ground.passwords.run(hash_password, ground.new_secret())
    async with ground.database.writing(school) as connection:
        await _take_turn(connection, school)
        plan = await planned(connection)
        if plan.asks and plan.digest not in confirms:
            gone = await asyncio.to_thread(who_goes, staging)
            raise NotConfirmed(_told(bundle, plan, done=False), gone)
        if not plan.empty:
            await apply(connection, ground, school, staging, unknown)
    return _told(bundle, plan, done=True)


async def _take_turn(connection: AsyncConnection, school: str) -> None:
    """Wait for another import of this school: two at once would each add what the other adds.

    Not by the school's row, which each act of an administrator wants at its end, when it holds
    what we come to want. SQLite has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_TURN, {"turn": f"import {school}"})


def _told(bundle: _Bundle, plan: Plan, *, done: bool) -> Imported:
    told = (bundle.read.mode, plan.digest, done, plan.counts, plan.asks)
    return Imported(*told, _files(bundle.report), tuple(bundle.report.rows))


def _files(report: Report) -> tuple[FileRead, ...]:
    names = sorted(report.read | report.refused)
    return tuple(FileRead(name, report.read[name], report.refused[name]) for name in names)
