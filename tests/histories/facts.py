"""What is there when all is quiet, read from where the programs have kept it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from blake3 import blake3
from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.grants import Assignment
from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.contract.wanted import Declaration
from central_mdm.fleet.declaring import nearest
from central_mdm.fleet.model import devices, inventories, policies
from central_mdm.fleet.orders import PENDING
from central_mdm.fleet.wanted import LOST
from central_mdm.fleet.wanted_model import declarations, orders, reports
from central_mdm.identity.model import deny_lists, revocations, teachers
from central_mdm.journal import model as journal
from central_mdm.journal.rules import gaps
from central_mdm.partage import model as partage
from central_mdm.partage.rules import read_manifest
from central_mdm.platform.ground import Ground
from central_mdm.roster import model as roster
from central_mdm.verifying import look_through
from classroom_app.storage import tables
from classroom_app.storage.acts import fields_of
from classroom_app.storage.keeping import Keeping
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import newest_count, verify
from device_bridge.agent.guard.mdm import read_fleet
from device_bridge.trust.revocation import DenyLists
from tests.histories import checker
from tests.histories.checker import Entry, Rows, Taken, Told, Work
from tests.histories.stage import SCHOOL, Template

TAUGHT: Final = select(roster.teaching).where(roster.teaching.c.ends_at == 0)
"""Who has a class now: in a history each has it for good, or has it no more."""


async def app(
    keeping: Keeping, teacher: str, deny_list: int, central: checker.Server
) -> checker.App:
    """Look through a teacher's store."""
    fault = await keeping.verify()
    acts = await keeping.write(lambda c: c.execute(select(tables.journal)).all())
    works = await keeping.write(lambda c: c.execute(select(tables.hand_ins)).all())
    held = await keeping.write(lambda c: c.execute(select(tables.rows)).all())
    rows: dict[str, Rows] = {}
    for row in held:
        rows.setdefault(row.scope, {})[row.entity, row.id] = row.sequence, row.body
    return checker.App(
        teacher,
        {row.id: Told(row.state, row.reason, _pushed(row)) for row in acts},
        {row.id: row.state for row in works},
        rows,
        deny_list,
        fault.what if fault else "",
        teacher in central.ended,
    )


def _pushed(row: Any) -> Entry:  # noqa: ANN401 - a row
    """Return an act as an app that pushes it says it."""
    body = msgspec.json.encode(fields_of(row.body, row.fields))
    return Entry(row.sequence, row.kind, row.lesson, row.at, row.hash.hex(), body)


def device(
    folder: Folder, name: str, lists: DenyLists, assignment: Assignment | None
) -> checker.Device:
    """Look through a device's folder; `lists` and `assignment` as its guard has read them."""
    kept, verdict = read_fleet(folder), verify(folder)
    return checker.Device(
        name,
        kept.policy.version if kept else -1,
        kept.policy_state if kept else "",
        lists.denied.number,
        lists.denied.keys,
        assignment.version if assignment else -1,
        assignment.classes if assignment else (),
        newest_count(folder),
        verdict.fault.what if verdict.fault else "",
    )


async def server(ground: Ground, made: Template) -> checker.Server:
    """Look through the central side's tables and files."""
    looked = await look_through(ground)
    async with ground.database.reading(SCHOOL) as connection:

        async def every(wanted: Table | Select[Any]) -> list[Any]:
            asked = select(wanted) if isinstance(wanted, Table) else wanted
            return list((await connection.execute(asked)).all())

        events = await every(journal.events)
        feed: dict[str, Rows] = {}
        for row in await every(roster.changes):
            if row.row is not None:
                feed.setdefault(row.scope, {})[row.entity, row.id] = row.sequence, row.row
        newest = max((row.number for row in await every(deny_lists)), default=0)
        told = await every(devices)
        declared = await nearest(connection, SCHOOL, [row.id for row in told])
        placed = await every(roster.placements)
        scopes = {one.id: {f"teacher:{one.id}"} for one in made.teachers}
        for row in await every(TAUGHT):
            scopes[row.teacher].add(f"class:{row.class_id}")
        return checker.Server(
            [_taken(row) for row in events],
            {row.id: await _work(ground, connection, row) for row in await every(partage.files)},
            feed,
            await _tables(every),
            {teacher: frozenset(names) for teacher, names in scopes.items()},
            max((row.version for row in await every(policies)), default=0),
            newest,
            frozenset(row.thumbprint for row in await every(revocations)),
            {row.id: (row.policy_version, row.policy_state) for row in told},
            {
                row.id: (
                    row.assignment_version,
                    tuple(sorted(p.class_id for p in placed if p.device == row.id)),
                )
                for row in await every(roster.devices)
            },
            frozenset(row.id for row in await every(teachers) if row.ended),
            [f"{row.code} {row.party} {row.detail}" for row in await every(journal.alarms)],
            [f"{gap.origin} {gap.missing}" for gap in await gaps(connection, SCHOOL)],
            {row.id: row.wanted_version for row in told},
            _told(await every(reports), declared),
            max((row.version for row in await every(declarations)), default=0),
            [
                (row.device, row.id)
                for row in await every(orders)
                # One whose time is over is shown as expired, and done by nobody: given while the
                # server's clock was behind, it may be over before a device has heard of it.
                if row.state == PENDING and row.ends_at > ground.clock()
            ],
            {row.device: row.hash for row in await every(inventories)},
            looked[SCHOOL].faults,
        )


def _taken(row: Any) -> Taken:  # noqa: ANN401 - a row
    said = (row.sequence, row.kind, row.lesson, row.happened_at, row.hash, row.body)
    return Taken(msgspec.json.decode(row.body)["id"], row.teacher, Entry(*said))


def _told(
    rows: list[Any], declared: Mapping[str, tuple[Declaration, ...]]
) -> dict[str, dict[str, checker.Report]]:
    """Return each device's reports of what is declared for it now: others are never shown."""
    shown = {device: {LOST, *(one.feature for one in each)} for device, each in declared.items()}
    found: dict[str, dict[str, checker.Report]] = {}
    for row in rows:
        if row.feature in shown[row.device]:
            found.setdefault(row.device, {})[row.feature] = row.version, row.state
    return found


async def _work(ground: Ground, connection: AsyncConnection, row: Any) -> Work:  # noqa: ANN401 - a row
    """Read a file back as whole as it is there."""
    of = partage.documents
    manifest = (
        await connection.execute(select(of.c.manifest).where(of.c.id == row.document))
    ).scalar()
    read, whole = read_manifest(manifest or b""), blake3()
    for chunk in read.chunks if read else ():
        whole.update(await ground.objects.read(SCHOOL, chunk.hash.hex()) or b"lost")
    return Work(row.teacher, row.class_id, row.pupil, row.name, whole.hexdigest())


async def _tables(
    every: Callable[[Table | Select[Any]], Awaitable[list[Any]]],
) -> dict[str, dict[tuple[str, str], bytes]]:
    """Return what the roster's own tables say, as the feed would tell it."""
    found: dict[str, dict[tuple[str, str], bytes]] = {}

    def add(scope: str, entity: str, row: ClassRow | PupilRow | DeviceRow) -> None:
        found.setdefault(scope, {})[entity, row.id] = msgspec.json.encode(row)

    rooms = {row.id: ClassRow(row.id, row.name, row.subject) for row in await every(roster.classes)}
    for room in rooms.values():
        add(f"class:{room.id}", "class", room)
    for row in await every(TAUGHT):
        add(f"teacher:{row.teacher}", "class", rooms[row.class_id])
    people = {row.id: row for row in await every(roster.pupils)}
    for row in await every(roster.memberships):
        one = people[row.pupil]
        place = (row.class_id, one.given_name, one.family_name, row.display, row.seat)
        add(f"class:{row.class_id}", "pupil", PupilRow(row.pupil, *place))
    known = {row.id: row for row in await every(roster.devices)}
    for row in await every(roster.placements):
        one = known[row.device]
        facts = DeviceRow(row.device, row.class_id, one.name, one.kind, row.pupil)
        add(f"class:{row.class_id}", "device", facts)
    return found
