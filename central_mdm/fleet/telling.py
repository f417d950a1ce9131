"""What devices tell of themselves, of many schools in one statement: reports and inventories."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, json
from msgspec.structs import replace
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import CheckIn
from central_mdm.fleet.enrolment import keep_inventory
from central_mdm.fleet.model import devices
from central_mdm.fleet.standing import Standing
from central_mdm.platform.database import Database
from central_mdm.platform.gathered import Gathered

_TOLD: Final = text(
    "SELECT school, device FROM fleet_told_or_held("
    "CAST(:schools AS text[]), CAST(:devices AS text[]), "
    "CAST(:versions AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]), "
    "CAST(:hashes AS text[]), CAST(:bodies AS bytea[]), CAST(:ats AS bigint[]))"
)

REPORT: Final = ("policy_version", "policy_state", "policy_reason")


class Telling(Struct, frozen=True):
    """What one device tells, at `at` (UTC seconds); its inventory only where that has changed."""

    school: str
    device: str
    told: CheckIn
    at: int


def news_of(told: CheckIn, standing: Standing) -> CheckIn | None:
    """Return what is to be kept of what a device tells; None: all of it is known."""
    if told.inventory_hash == standing.inventory_hash:
        told = replace(told, inventory=None)
    reported = tuple(getattr(told, name) for name in REPORT)
    return told if told.inventory or reported != standing.reported else None


def tellings(database: Database) -> Gathered[Telling, bool]:
    """Gather what is told in one moment; it is durable when a device hears that it was.

    False: nothing of it was kept, for another transaction, an import perhaps, holds the device.
    That one is not waited for: devices of all schools would stand behind it.
    """

    async def keep_all(told: Sequence[Telling]) -> list[bool]:
        held = set[tuple[str, str]]()
        newest = {(each.school, each.device): each for each in told}
        if database.is_sqlite:
            async with database.writing("") as connection:
                for each in newest.values():
                    await keep(connection, each)
        else:
            async with database.gathering() as connection:
                rows = await connection.execute(_TOLD, _columns(list(newest.values())))
                held = {(row.school, row.device) for row in rows}
        return [(each.school, each.device) not in held for each in told]

    return Gathered(keep_all, "telling", database.spans)


async def keep(connection: AsyncConnection, telling: Telling) -> None:
    """Keep one device's report, and its inventory where it brings one."""
    told = telling.told
    report = {name: getattr(told, name) for name in REPORT}
    mine = (devices.c.school == telling.school, devices.c.id == telling.device)
    await connection.execute(update(devices).where(*mine).values(report))
    if told.inventory is not None:
        await keep_inventory(
            connection,
            telling.school,
            telling.device,
            told.inventory_hash,
            told.inventory,
            telling.at,
        )


def _columns(told: Sequence[Telling]) -> dict[str, list[object]]:
    found = [each.told for each in told]
    bodies = [json.encode(each.inventory) if each.inventory else None for each in found]
    return {
        "schools": [each.school for each in told],
        "devices": [each.device for each in told],
        "versions": [each.policy_version for each in found],
        "states": [each.policy_state for each in found],
        "reasons": [each.policy_reason for each in found],
        "hashes": [each.inventory_hash if each.inventory else None for each in found],
        "bodies": list(bodies),
        "ats": [each.at for each in told],
    }
