"""One history, from its seed to its verdict: faults, then quiet, then what is there."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from blake3 import blake3
from msgspec import Struct
from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.fleet.model import devices, policies
from central_mdm.identity.model import deny_lists, revocations, teachers
from central_mdm.identity.rules import add_teacher, open_school
from central_mdm.joining import ground_at
from central_mdm.journal import model as journal
from central_mdm.journal.rules import gaps
from central_mdm.partage import model as partage
from central_mdm.partage.rules import read_manifest
from central_mdm.platform.ground import Ground
from central_mdm.roster import model as roster
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import give_class, put_class, put_device, put_pupil
from classroom_app.cloud.errors import CloudError, NotSignedIn
from classroom_app.domain.errors import NotKept
from classroom_app.storage import tables
from classroom_app.storage.keeping import open_keeping
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import newest_count, verify
from device_bridge.agent.guard.mdm import read_fleet
from device_bridge.protocol.errors import NotPaired
from tests.histories import checker
from tests.histories.actors import (
    SCHOOL,
    Administrator,
    Agent,
    Desk,
    Person,
    Pupil,
    Scene,
    ServerHere,
    Teacher,
    Template,
)
from tests.histories.checker import Rows, Work
from tests.histories.network import STORM, Weather
from tests.histories.planted import planted
from tests.histories.world import BEGINS_AT, World
from tests.mdm import QUICK
from tests.rings import NoRing

CHAOS_SECONDS: Final = 2400.0
QUIET_SECONDS: Final = 400.0
"""After the last fault: what was on its way has come or is lost."""
TURNS_MAX: Final = 12
CODE_DAYS: Final = 400


class Verdict(Struct, frozen=True):
    """`faults`: what does not hold. `trace` is the same for the same seed."""

    seed: int
    faults: tuple[str, ...]
    trace: str
    points: int
    crashes: int
    requests: int


@contextmanager
def template() -> Generator[Template]:
    """Make what all histories are copied from, in memory where the system has such a folder."""
    with tempfile.TemporaryDirectory(prefix="histories-", dir=_memory()) as folder:
        yield asyncio.run(_made(Path(folder)))


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the name inside is drawn


async def _made(folder: Path) -> Template:
    people = tuple(Person(f"t-{n}", f"teacher{n}", f"password {n}") for n in range(1, 4))
    classes = ("1A", "2B", "3C")
    pupils = tuple(
        PupilRow(f"p-{n}", classes[n % 3], f"Given{n}", f"Family{n}", f"Given{n}", n)
        for n in range(1, 8)
    )
    rows = tuple(
        DeviceRow(f"dev-{n}", classes[n % 3], f"laptop {n}", "laptop", f"p-{n}") for n in (1, 2, 3)
    )
    made = Template(
        folder / "server",
        folder / "stores",
        people,
        classes,
        pupils,
        rows,
        tuple(f"CODE-000{n}-ABCD" for n in (1, 2, 3)),
    )
    numbers = count(1)
    at = ground_at(made.server, clock=lambda: BEGINS_AT, new_id=lambda: f"made-{next(numbers)}")
    async with at as ground:
        await _school(ground, made)
    for one in people:  # each journal has an id of its own
        keeping = await open_keeping(made.stores / one.login, NoRing)
        await keeping.close()
    return made


async def _school(ground: Ground, made: Template) -> None:
    await open_school(ground, SCHOOL, "School of the histories")
    for one in made.teachers:
        row = {"id": one.id, "login": one.login, "name": one.login}
        await add_teacher(ground, SCHOOL, row, one.password)
    async with ground.database.writing(SCHOOL) as connection:
        for one in made.teachers:
            cheap = teachers.update().where(teachers.c.id == one.id)
            await connection.execute(cheap.values(password_hash=QUICK.hash(one.password)))
        news = [
            told
            for one in made.classes
            for told in await put_class(connection, SCHOOL, ClassRow(one, f"Class {one}"))
        ]
        for number, one in enumerate(made.teachers):
            for class_id in (made.classes[number], made.classes[number - 1]):
                news += await give_class(connection, SCHOOL, one.id, class_id)
        for pupil in made.pupils:
            news += await put_pupil(connection, SCHOOL, pupil)
        for row, code in zip(made.devices, made.codes, strict=True):
            news += await put_device(connection, SCHOOL, row, BEGINS_AT)
            ends_at = BEGINS_AT + CODE_DAYS * 86_400
            await make_code(connection, SCHOOL, code, Code(row.class_id, ends_at, 1, row.id))
        await publish(connection, SCHOOL, news)


def run(made: Template, seed: int, plant: str = "") -> Verdict:
    """Play one history; `plant` names a bug of `planted` that is in the programs meanwhile."""
    with tempfile.TemporaryDirectory(prefix=f"history-{seed}-", dir=_memory()) as folder:
        world = World(seed, Path(folder))
        with world.entered(), planted(plant, world) if plant else nullcontext():
            scene = Scene(world, made)
            shutil.copytree(made.server, world.folder / "server")
            for one in made.teachers:
                shutil.copytree(made.stores / one.login, world.folder / one.login)
            for row in made.devices:
                (world.folder / row.id).mkdir()
            faults = world.loop.run_until_complete(_history(scene))
        requests = scene.network.carried
        return Verdict(seed, tuple(faults), world.trace(), world.points, world.crashes, requests)


async def _history(scene: Scene) -> list[str]:
    made, world = scene.template, scene.world
    server = ServerHere(scene)
    pupils = [Pupil(scene, row, code) for row, code in zip(made.devices, made.codes, strict=True)]
    people = [Teacher(scene, one, pupils) for one in made.teachers]
    scene.network.weather = STORM
    async with asyncio.TaskGroup() as tasks:
        for one in (server, Administrator(scene, server, people), *people, *pupils):
            tasks.create_task(one.live())
        await asyncio.sleep(CHAOS_SECONDS)
        scene.over = True
        scene.network.weather = Weather()
        scene.network.away.clear()
        for one in (server, *people, *pupils):
            one.stop()
    await asyncio.sleep(QUIET_SECONDS)
    world.tell("all is quiet")
    server.start()
    await server.up.wait()
    return await _settled(scene, server, people, pupils)


async def _settled(
    scene: Scene, server: ServerHere, people: list[Teacher], pupils: list[Pupil]
) -> list[str]:
    """Let everybody come until nothing changes, then look."""
    desks = [Desk(one, one.start()) for one in people]
    agents = [Agent(one, one.start()) for one in pupils]
    for desk in desks:
        await _calmly(desk, desk.open)
    for agent in agents:
        await _calmly(agent, lambda agent=agent: _opened(agent))
    for _ in range(2):  # what the first brought, the second hears of
        for desk in desks:
            await _calmly(desk, lambda desk=desk: _in_step(desk))
        for agent in agents:
            await _calmly(agent, lambda agent=agent: _checked_in(agent))
    assert server.process is not None
    assert server.ground is not None
    central = await server.process.start(_server(server.ground, scene))
    apps = [await desk.process.start(_app(desk, central)) for desk in desks]
    inside = [agent for agent in agents if not agent.sent_away]
    here = [await agent.process.start(_device(agent)) for agent in inside]
    faults = checker.check(scene.ledger, central, apps, here)
    return faults + [f"unforeseen: {one}" for one in scene.world.complaints]


async def _calmly(who: Desk | Agent, work: Callable[[], Awaitable[Any]]) -> None:
    async def done() -> None:
        await work()

    await who.process.start(done())


async def _in_step(desk: Desk) -> None:
    """Take turns until one changes nothing; a teacher whom the school has ended cannot."""
    for _ in range(TURNS_MAX):
        await asyncio.sleep(30.0)
        try:
            if desk.sync is None:
                await desk.sign_in()
            assert desk.sync is not None
            await desk.sync.once()
        except NotSignedIn:
            if desk.sync is None:
                return
            desk.sync = None
        except (CloudError, NotKept) as error:
            desk.world.tell(desk.process.name, "still", type(error).__name__, *error.args)
        else:
            if desk.sync.state.in_step and not desk.sync.state.restored:
                return


async def _opened(agent: Agent) -> None:
    """Open it; a device whose key the school has ended before it had enrolled stays outside."""
    try:
        await agent.open()
    except NotPaired as error:
        agent.sent_away = True
        if error.args[0] != "ended" or agent.pupil.row.id not in agent.scene.ledger.lost:
            raise


async def _checked_in(agent: Agent) -> None:
    """Check in some times. After a restore, one that enrolled since the copy has to do so anew."""
    for _ in range(0 if agent.sent_away else 4):
        await asyncio.sleep(5.0)
        try:
            await agent.check_ins.once()
        except NotPaired:
            agent.sent_away = True
            if (
                not agent.scene.ledger.restored
                and agent.pupil.row.id not in agent.scene.ledger.lost
            ):
                raise
            return


async def _device(agent: Agent) -> checker.Device:
    kept, assignment = read_fleet(agent.folder), agent.ground.assignment
    verdict = verify(agent.folder)
    return checker.Device(
        agent.pupil.row.id,
        kept.policy.version if kept else -1,
        kept.policy_state if kept else "",
        agent.lists.denied.number,
        agent.lists.denied.keys,
        assignment.version if assignment else -1,
        assignment.classes if assignment else (),
        newest_count(Folder(agent.process.folder)),
        verdict.fault.what if verdict.fault else "",
    )


async def _app(desk: Desk, central: checker.Server) -> checker.App:
    keeping = desk.keeping
    fault = await keeping.verify()
    acts = await keeping.write(lambda c: c.execute(select(tables.journal)).all())
    works = await keeping.write(lambda c: c.execute(select(tables.hand_ins)).all())
    held = await keeping.write(lambda c: c.execute(select(tables.rows)).all())
    rows: dict[str, Rows] = {}
    for row in held:
        rows.setdefault(row.scope, {})[row.entity, row.id] = row.sequence, row.body
    teacher = desk.teacher.person.id
    return checker.App(
        teacher,
        {row.id: (row.state, row.reason) for row in acts},
        {row.id: row.state for row in works},
        rows,
        desk.papers.deny_lists.denied.number if desk.papers else 0,
        fault.what if fault else "",
        teacher in central.ended,
    )


async def _server(ground: Ground, scene: Scene) -> checker.Server:
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
        placed = await every(roster.placements)
        scopes = {one.id: {f"teacher:{one.id}"} for one in scene.template.teachers}
        for row in await every(roster.teaching):
            scopes[row.teacher].add(f"class:{row.class_id}")
        return checker.Server(
            [(msgspec.json.decode(row.body)["id"], row.teacher) for row in events],
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
        )


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
    every: Callable[[Table], Awaitable[list[Any]]],
) -> dict[str, dict[tuple[str, str], bytes]]:
    """Return what the roster's own tables say, as the feed would tell it."""
    found: dict[str, dict[tuple[str, str], bytes]] = {}

    def add(scope: str, entity: str, row: ClassRow | PupilRow | DeviceRow) -> None:
        found.setdefault(scope, {})[entity, row.id] = msgspec.json.encode(row)

    rooms = {row.id: ClassRow(row.id, row.name, row.subject) for row in await every(roster.classes)}
    for room in rooms.values():
        add(f"class:{room.id}", "class", room)
    for row in await every(roster.teaching):
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
