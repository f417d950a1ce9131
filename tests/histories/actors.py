"""Who is at work: the server with its administrators, teachers' apps, devices."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
from blake3 import blake3
from litestar import Litestar
from msgspec import Struct, json
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.app import application
from central_mdm.contract.fleet import Inventory, Policy
from central_mdm.contract.grants import DenyList
from central_mdm.contract.register import Placing
from central_mdm.contract.roster import ClassRow, DeviceRow
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.ended import end_person
from central_mdm.fleet.placing import place
from central_mdm.identity.revocation import end_device, end_grants
from central_mdm.identity.rules import begin_epoch
from central_mdm.joining import ground_at
from central_mdm.platform.database import Database
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import (
    give_class,
    put_class,
    put_pupil,
    remove_pupil,
    take_class,
)
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import CloudError
from classroom_app.cloud.sync import Sync, SyncState, carry_nothing
from classroom_app.domain.acts import Act, HandInKept, LessonOver, LessonStarted, PupilSpoke
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId, Roster
from classroom_app.papers import Papers, SignedPapers
from classroom_app.signing_in import bring_held, papers_of
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.witness import Witness as TeachersWitness
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.journal import DeviceJournal, Noted
from device_bridge.agent.guard.mdm import CheckIns, Duties, enrol
from device_bridge.agent.guard.witness import Witness
from device_bridge.protocol.errors import DeviceError, NotAllowed
from device_bridge.protocol.journal import HeadAsked
from device_bridge.session.keeper import retry_pauses
from device_bridge.trust.grants import read_deny_list, read_grant
from device_bridge.trust.identity import School, csr, new_key, write_private
from device_bridge.trust.revocation import DenyLists, Forgotten
from tests.histories.checker import Ledger, Work
from tests.histories.network import URL, Network
from tests.histories.stage import DAY_SECONDS, SCHOOL, Here, Owner, Person, Sees, Stage, Template
from tests.histories.told import (
    Begun,
    Collected,
    Declared,
    Dropped,
    Ended,
    Enrolled,
    Fact,
    Honoured,
    Kept,
    Losing,
    Moving,
    Named,
    Naming,
    Written,
)
from tests.histories.world import Crashed, Process, World
from tests.rings import NoRing

FUSE_POINTS: Final = 40
"""Who is to die dies within so many commits and renames."""
GATHERED_DIES: Final = 0.04


class Scene:
    """What the actors of one history share."""

    def __init__(self, world: World, template: Template) -> None:
        self.world, self.template = world, template
        self.network, self.ledger = Network(world), Ledger(names=template.names())
        self.over = False
        """No more work and no more faults: all is let settle."""

    def maybe(self, share: float) -> bool:
        return not self.over and self.world.chance.random() < share

    async def while_(self, low: float, high: float) -> None:
        await asyncio.sleep(self.world.chance.uniform(low, high))

    def client(self, process: Process) -> httpx.AsyncClient:
        return self.network.client(process)

    def hear(self, fact: Fact) -> None:
        fact.enter(self.ledger)


class ServerHere:
    """The central side: a process over one folder, started again, set back, its clock set."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.world = scene, scene.world
        self.process: Process | None = None
        self.ground: Ground | None = None
        self.folder = self.world.folder / "server"
        self.backup: Path | None = None
        self.up = asyncio.Event()

    def start(self) -> Process:
        process = Process(self.world, "server", self.folder)
        self.process = process
        task = process.start(self._serve(process))
        task.add_done_callback(lambda done: process.ended.set() if _failed(done) else None)
        return process

    async def _serve(self, process: Process) -> None:
        def clock() -> int:
            return int(process.clock())

        # Entered and never left: it ends as by kill -9, and no clean-up may run.
        at = ground_at(
            process.folder,
            clock=clock,
            new_id=self.world.new_id,
            ticks=lambda: float(self.world.now),
        )
        ground = await self.world.entered_for_good(at)
        self._endanger(ground.database, process)
        app: Litestar = application(ground)
        await self.world.entered_for_good(app.lifespan())
        self.ground = ground
        self.scene.network.serving = process, app
        self.up.set()

    def _endanger(self, database: Database, process: Process) -> None:
        """Let it die more often around the commits that are many devices' at once (school "")."""
        writing = database.writing

        def gathered(school: str) -> AbstractAsyncContextManager[AsyncConnection]:
            if not school and self.scene.maybe(GATHERED_DIES):
                process.arm(self.world.chance.randint(1, 2))
            return writing(school)

        database.writing = gathered  # pyright: ignore[reportAttributeAccessIssue] - for this run

    def stop(self) -> None:
        """Kill it; its folder is then what it left."""
        if self.process is not None:
            self.process.kill()
            assert self.process.left is not None
            self.folder = self.process.left
        self.process, self.ground, self.scene.network.serving = None, None, None
        self.up.clear()

    async def live(self) -> None:
        """Serve until the end, through whatever happens to servers."""
        while not self.scene.over:
            process = self.start()
            await self._goes_on(process)
            self.stop()
            await self.scene.while_(1.0, 400.0)
            if self.backup is not None and self.scene.maybe(0.25):
                self._set_back(self.backup)
                await self._restored(told=self.scene.maybe(0.5))

    async def _goes_on(self, process: Process) -> None:
        scene = self.scene
        if scene.maybe(0.7):
            process.arm(scene.world.chance.randint(1, 4 * FUSE_POINTS))
        while process.alive and not process.ended.is_set() and not scene.over:
            await scene.while_(20.0, 300.0)
            if process.alive and scene.maybe(0.1):
                process.ahead_seconds = scene.world.chance.uniform(-2.0, 2.0) * DAY_SECONDS
                scene.ledger.clock_set(process.ahead_seconds)
            if process.alive and scene.maybe(0.1):
                process.fill()
                await scene.while_(5.0, 200.0)
                process.free()
            if process.alive and self.up.is_set() and scene.maybe(0.15):
                self._back_up(process)

    def _back_up(self, process: Process) -> None:
        self.backup = self.world.folder / f"backup-{self.world.chance.getrandbits(32)}"
        self.backup.mkdir()
        with sqlite3.connect(process.folder / "central.db") as live:
            live.execute("VACUUM INTO ?", (str(self.backup / "central.db"),))
        live.close()
        self.scene.ledger.back_up()
        self.world.tell("server", "backed up")

    def _set_back(self, backup: Path) -> None:
        """Put the copy of the database in the place of the live one; files stay where they are."""
        for old in self.folder.glob("central.db*"):
            old.unlink()
        shutil.copy(backup / "central.db", self.folder / "central.db")
        self.scene.ledger.set_back()
        self.world.tell("server", "set back")

    async def _restored(self, *, told: bool) -> None:
        if told:
            process = Process(self.world, "administrator", self.folder)

            async def say() -> None:
                at = ground_at(
                    self.folder, clock=lambda: int(self.world.now), new_id=self.world.new_id
                )
                async with at as ground:
                    await begin_epoch(ground, SCHOOL)

            await process.start(say())


def _failed(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is not None


class Administrator:
    """Acts on the server's ground, as it happens to be there."""

    def __init__(self, scene: Scene, server: ServerHere, people: "list[Teacher]") -> None:
        self.scene, self.server, self.people = scene, server, people
        self.acts = Acts(scene)

    async def live(self) -> None:
        while not self.scene.over:
            await self.scene.while_(5.0, 300.0)
            process, ground = self.server.process, self.server.ground
            if process is None or ground is None or not process.alive or self.scene.over:
                continue
            # Others of the office change the same rows in the same second, now and then.
            drawn = self.scene.world.chance.choices(ACTS, k=3 if self.scene.maybe(0.6) else 1)
            async with asyncio.TaskGroup() as office:
                for name in dict.fromkeys(drawn):
                    office.create_task(self._act(process, ground, name))

    async def _act(self, process: Process, ground: Ground, name: str) -> None:
        task = process.start(getattr(self.acts, name)(ground))
        await asyncio.wait({task})
        self.scene.world.tell("administrator", name, "failed" if _failed(task) else "done")
        if self.scene.maybe(0.8):  # "look, it is done": in that moment others are still at it
            for one in self.people:
                one.look()


class Acts:
    """Moves pupils, gives and takes classes, ends people and grants, declares policies."""

    def __init__(self, scene: Stage) -> None:
        self.scene = scene

    async def move_pupil(self, ground: Ground) -> None:
        chance = self.scene.world.chance
        row = chance.choice(self.scene.template.pupils)
        left, joined = chance.sample(self.scene.template.classes, 2)
        self.scene.hear(Moving(row.id, left))
        async with ground.database.writing(SCHOOL) as connection:
            news = await remove_pupil(connection, SCHOOL, left, row.id)
            news += await put_pupil(connection, SCHOOL, replace(row, class_id=joined))
            await publish(connection, SCHOOL, news)

    async def move_device(self, ground: Ground) -> None:
        chance = self.scene.world.chance
        row = chance.choice(self.scene.template.devices)
        left, joined = chance.sample(self.scene.template.classes, 2)
        await place(ground, SCHOOL, Placing((row.id,), left, joined))

    async def give_class(self, ground: Ground) -> None:
        chance = self.scene.world.chance
        teacher = chance.choice(self.scene.template.teachers).id
        async with ground.database.writing(SCHOOL) as connection:
            class_id = chance.choice(self.scene.template.classes)
            news = await give_class(connection, SCHOOL, teacher, class_id)
            await publish(connection, SCHOOL, news)

    async def take_class(self, ground: Ground) -> None:
        chance = self.scene.world.chance
        teacher = chance.choice(self.scene.template.teachers).id
        class_id = chance.choice(self.scene.template.classes)
        self.scene.hear(Moving(teacher, class_id))
        async with ground.database.writing(SCHOOL) as connection:
            news = await take_class(connection, SCHOOL, teacher, class_id)
            await publish(connection, SCHOOL, news)

    async def name_class(self, ground: Ground) -> None:
        chance = self.scene.world.chance
        row = ClassRow(chance.choice(self.scene.template.classes), f"Class {chance.randint(1, 99)}")
        self.scene.hear(Naming(row.id, row.name))
        async with ground.database.writing(SCHOOL) as connection:
            news = await put_class(connection, SCHOOL, row, ground.clock())
            await publish(connection, SCHOOL, news)
        self.scene.hear(Named(row.id, row.name))

    async def declare_policy(self, ground: Ground) -> None:
        seconds = self.scene.world.chance.randint(60, 900)
        declared = await declare_policy(ground, SCHOOL, seconds, "")
        self.scene.hear(Declared(declared.version))

    async def end_grants(self, ground: Ground) -> None:
        await end_grants(ground, SCHOOL)

    async def end_device(self, ground: Ground) -> None:
        device = self.scene.template.devices[-1].id
        self.scene.hear(Losing(device))
        await end_device(ground, SCHOOL, device)

    async def end_teacher(self, ground: Ground) -> None:
        teacher = self.scene.template.teachers[-1].id
        await end_person(ground, SCHOOL, teacher)
        self.scene.hear(Ended(teacher))


ACTS: Final = (
    *("move_pupil", "move_device", "give_class", "take_class", "name_class") * 3,
    *("declare_policy",) * 3,
    *("end_grants", "end_device", "end_teacher"),
)


class TakesTrust:
    """As `classroom_app.school.School` takes it: judged by the papers, kept, carried on."""

    def __init__(self, papers: Papers, keeping: Keeping) -> None:
        self.papers, self._keeping = papers, keeping

    def deny_list_number(self) -> int:
        return self.papers.deny_lists.denied.number

    def deny_list(self) -> str:
        return self.papers.deny_lists.token

    def epoch(self) -> int:
        return 0

    async def follow(self, successions: tuple[str, ...]) -> None:
        raise AssertionError(successions)

    async def deny(self, deny_list: str) -> None:
        if self.papers.deny(deny_list):
            await self._keeping.keep_deny_list(deny_list)


class _NobodyThere:
    """Of the devices in class none is asked for its head: they tell theirs at their check-ins."""

    def tell(self, device: str, message: HeadAsked) -> None:
        raise AssertionError(device, message)


class Teacher:
    """A person with an app that is opened, dies, and is opened again."""

    def __init__(self, scene: Scene, person: Person, devices: "list[Pupil]") -> None:
        self.scene, self.world, self.person = scene, scene.world, person
        self.devices = devices
        self.folder = self.world.folder / person.login
        self.process: Process | None = None
        self.desk: Desk | None = None
        self.ended = False

    def look(self) -> None:
        """Press "Sync now", if the app is open."""
        if self.desk is not None and self.desk.process.alive:
            self.desk.process.start(self.desk.sync_now())

    def start(self) -> Process:
        process = Process(self.world, self.person.login, self.folder)
        self.process = process
        return process

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            assert self.process.left is not None
            self.folder = self.process.left
        self.process = None

    async def live(self) -> None:
        scene = self.scene
        while not scene.over:
            await scene.while_(0.0, 600.0)
            if scene.over:
                break
            process = self.start()
            if scene.maybe(0.6):
                process.arm(self.world.chance.randint(1, FUSE_POINTS))
            if scene.maybe(0.3):
                process.ahead_seconds = self.world.chance.uniform(-3.0, 3.0) * DAY_SECONDS
            if scene.maybe(0.3):
                until = self.world.loop.time() + self.world.chance.uniform(60.0, 2000.0)
                scene.network.away[self.person.login] = until
            task = process.start(self._session(process))
            await asyncio.wait({task})
            self.stop()

    async def _session(self, process: Process) -> None:
        desk = Desk(self, process)
        with suppress(NotKept):
            await desk.open()
            self.desk = desk
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(desk.run())
                if self.scene.maybe(0.2):
                    tasks.create_task(self._disk_fills(process))
                await desk.teach()
                await self.scene.while_(10.0, 150.0)
                running.cancel()

    async def _disk_fills(self, process: Process) -> None:
        await self.scene.while_(0.0, 60.0)
        process.fill()
        await self.scene.while_(5.0, 60.0)
        process.free()


class Desk:
    """One run of a teacher's app: store, client and sync, joined as the app joins them."""

    def __init__(self, teacher: Owner, process: Here) -> None:
        self.teacher, self.process, self.scene = teacher, process, teacher.scene
        self.world = teacher.scene.world
        self._renewing: set[asyncio.Task[None]] = set()
        self.carry: Callable[[], Awaitable[None]] = carry_nothing

    async def open(self) -> None:
        self.keeping = await open_keeping(self.process.folder, NoRing)
        self.process.descriptors.append(self.keeping._lock)  # pyright: ignore[reportPrivateUsage]
        self.cloud = Cloud(self._renewed, self.process.clock, verify=False)
        self.cloud._http = self.scene.client(self.process)  # pyright: ignore[reportPrivateUsage]
        self.sync: Sync | None = None
        self.papers: Papers | None = None
        signed = await self.keeping.papers()
        if signed is not None:
            self.cloud.resume(URL, signed.refresh)
            self._join(signed)

    def _renewed(self, signed: object) -> None:
        """Keep a refresh token at once, as the app does: in a task that nobody waits for."""
        task = self.process.start(self._keep_refresh(getattr(signed, "refresh", "")))
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)

    async def _keep_refresh(self, refresh: str) -> None:
        try:
            await self.keeping.keep_refresh(refresh)
        except NotKept as error:  # the app says it; the one before can still be renewed
            self.world.tell("refresh not kept", type(error).__name__)

    def _join(self, signed: SignedPapers) -> None:
        self.papers = Papers(signed, self.process.clock)
        self.takes = TakesTrust(self.papers, self.keeping)
        self.sync = Sync(
            self.cloud,
            Counting(self.keeping, self),  # pyright: ignore[reportArgumentType] - it is the store
            self.takes,
            self._changed,
            self.process.clock,
            self.world.chance.random,
            carry=self.carry,
        )

    def _changed(self, state: SyncState) -> None:
        if not state.busy:
            told = (state.waiting, state.refused, state.why, state.restored, state.doubts)
            self.world.tell(self.process.name, "sync", *told)

    async def sign_in(self) -> None:
        """Have the teacher type the password. Raises CloudError or NotKept."""
        person, key = self.teacher.person, new_key()
        asked = csr(key, person.login)
        signed = await self.cloud.sign_in(URL, SCHOOL, person.login, person.password, asked)
        await bring_held(self.cloud, await self.keeping.papers(), signed)
        papers = await papers_of(self.cloud, URL, key, signed)
        await self.keeping.keep_papers(papers)
        self._join(papers)

    async def run(self) -> None:
        """Sign in where that is wanted, then exchange for ever, as the app does."""
        while True:
            try:
                if self.sync is None:
                    await self.sign_in()
                assert self.sync is not None
                async with asyncio.timeout(600.0):
                    await self.sync.run()
            except TimeoutError:
                pass
            except (CloudError, NotKept):
                await self.scene.while_(5.0, 60.0)
            if self.sync is not None and self.sync.state.why == "not-signed-in":
                self.sync = None

    async def sync_now(self) -> None:
        await self.scene.while_(0.0, 10.0)
        with suppress(CloudError, NotKept):
            if self.sync is not None:
                await self.sync.once()

    async def teach(self) -> None:
        """Have a lesson or two with whichever class is here."""
        for _ in range(self.world.chance.randint(1, 2)):
            with suppress(NotKept):
                classes = await self.keeping.classes()
                await self.scene.while_(0.0, 30.0)
                if classes:
                    await self._lesson(self.world.chance.choice(classes))
            await self._visit()
            if self.scene.over:
                return

    async def _lesson(self, room: Roster) -> None:
        chance, lesson = self.world.chance, LessonId(f"lesson-{self.world.new_id()}")
        named: dict[str, Any] = {"lesson": lesson, "at": int(self.process.clock())}
        ends_at = named["at"] + 3600
        started = LessonStarted(
            id=self.world.new_id(),
            class_id=room.id,
            class_name=room.name,
            teacher_name=self.teacher.person.login,
            ends_at=ends_at,
            **named,
        )
        await self._remember(started)
        for _ in range(chance.randint(1, 8)):
            await self.scene.while_(0.0, 12.0)
            pupil = chance.choice(room.pupils).id if room.pupils else PupilId("")
            with suppress(NotKept):
                if pupil and chance.random() < 0.3:
                    await self._collect(room, pupil, named)
                else:
                    text = f"word {chance.getrandbits(24)}"
                    device = DeviceId("dev-1")
                    said = PupilSpoke(
                        id=self.world.new_id(),
                        device=device,
                        pupil=pupil,
                        kind="words",
                        text=text,
                        **named,
                    )
                    await self._remember(said)
        await self._remember(LessonOver(id=self.world.new_id(), why="teacher", **named))
        if self.papers is not None:
            witness = TeachersWitness(
                self.keeping,
                _NobodyThere(),
                self.papers,
                lambda: int(self.process.clock()),
                _doubted,
            )
            await witness.over(lesson, ())

    async def _collect(self, room: Roster, pupil: PupilId, named: dict[str, Any]) -> None:
        content = self.world.chance.randbytes(self.world.chance.choice((10, 900, 20_000)))
        file = f"{self.world.new_id()}.txt"
        path = self.process.folder / file
        path.write_bytes(content)
        held = await asyncio.to_thread(self.keeping.library.keep, path)
        act = HandInKept(
            id=self.world.new_id(),
            ticket="t",
            device=DeviceId("dev-1"),
            class_id=room.id,
            pupil=pupil,
            name=file,
            path=file,
            document=held.document.hex(),
            size=held.size,
            **named,
        )
        await self._remember(act)
        who = self.teacher.person.id
        whole = blake3(content).hexdigest()
        self.scene.hear(Collected(act.id, Work(who, room.id, pupil, file, whole)))

    async def _remember(self, act: Act) -> None:
        self.scene.hear(Begun(act.id))
        if self.scene.maybe(0.05):  # around an act's own commit a crash hurts most
            self.process.arm(self.world.chance.randint(1, 6))
        await self.keeping.remember(act)
        named = act.class_id if isinstance(act, LessonStarted | HandInKept) else ""
        self.scene.hear(Kept(act.id, self.teacher.person.id, named))
        if self.sync is not None:
            self.sync.written()

    async def _visit(self) -> None:
        """Show papers to a device in the room: it takes the newer list, then obeys or refuses."""
        pupil = self.world.chance.choice(self.teacher.devices)
        if self.papers is not None and self.papers.signed.grant:
            await pupil.visited(self.papers.deny_lists.token, self.papers.signed.grant)


def _doubted(device: DeviceId) -> None:
    raise AssertionError(device)


class Counting:
    """The store, overheard where it drops a scope whose rows do not add up."""

    def __init__(self, keeping: Keeping, desk: Desk) -> None:
        self._keeping, self._desk = keeping, desk

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the store's
        return getattr(self._keeping, name)

    async def apply(self, scope: str, *page: Any) -> bool:  # noqa: ANN401 - as the store's
        kept = await self._keeping.apply(scope, *page)
        if not kept:
            desk = self._desk
            desk.scene.hear(Dropped(f"{desk.teacher.person.login} {scope}"))
        return kept


class Pupil:
    """A device with an agent that is started, dies, and is started again."""

    def __init__(self, scene: Scene, row: DeviceRow, code: str) -> None:
        self.scene, self.world, self.row, self.code = scene, scene.world, row, code
        self.folder = self.world.folder / row.id
        self.process: Process | None = None
        self.here: Agent | None = None
        self.seen_number = 0
        self.seen_keys: set[str] = set()
        """What the lists that it took have named, as remembered outside of it."""

    def start(self) -> Process:
        process = Process(self.world, self.row.id, self.folder)
        self.process = process
        return process

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            assert self.process.left is not None
            self.folder = self.process.left
        self.process, self.here = None, None

    async def live(self) -> None:
        scene = self.scene
        while not scene.over:
            await scene.while_(0.0, 600.0)
            if scene.over:
                break
            process = self.start()
            if scene.maybe(0.6):
                process.arm(self.world.chance.randint(1, FUSE_POINTS))
            if scene.maybe(0.3):
                process.ahead_seconds = self.world.chance.uniform(-3.0, 3.0) * DAY_SECONDS
            if scene.maybe(0.2):
                until = self.world.loop.time() + self.world.chance.uniform(60.0, 4000.0)
                scene.network.away[self.row.id] = until
            task = process.start(self._session(process))
            await asyncio.wait({task})
            self.stop()

    async def visited(self, deny_list: str, grant: str) -> None:
        if self.here is not None:
            await self.here.visited(deny_list, grant)

    async def _session(self, process: Process) -> None:
        agent = Agent(self, process)
        with suppress(DeviceError, OSError, TimeoutError):
            await agent.open()
            self.here = agent
            async with (
                asyncio.timeout(self.world.chance.uniform(100.0, 2500.0)),
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(agent.check_ins.run())
                tasks.create_task(agent.note())
                if self.scene.maybe(0.2):
                    tasks.create_task(self._clock_jumps(process))

    async def _clock_jumps(self, process: Process) -> None:
        await self.scene.while_(0.0, 600.0)
        process.ahead_seconds = self.world.chance.uniform(-3.0, 3.0) * DAY_SECONDS


class Voice:
    """As far as a witness needs it: it notes into the device's journal."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    def note(self, kind: str, facts: dict[str, str | int]) -> None:
        self._agent.notes.append(Noted(kind, int(self._agent.utc()), facts))


class Agent:
    """One run of a device's agent, as far as the central side meets it."""

    def __init__(self, pupil: Sees, process: Here) -> None:
        self.pupil, self.process, self.scene = pupil, process, pupil.scene
        self.world = pupil.scene.world
        self.folder = Folder(process.folder)
        self.notes: list[Noted] = []
        self.networks = "10.1.0.0/24"
        self.sent_away = False
        """The school knows its token or its key no more."""

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[httpx.AsyncClient]:
        async with self.scene.client(self.process) as http:
            yield http

    async def open(self) -> None:
        """Enrol where that was never done. Raises DeviceError or OSError."""
        if not self.folder.school.exists():
            await enrol(self.folder, URL, self.pupil.code, self._inventory(), self.client)
            self.scene.hear(Enrolled(self.pupil.row.id))
        enrolment = read_enrolment(self.folder)
        self.school = enrolment.school
        self.lists = held_lists(self.folder, self.school)
        floor = read_held(self.folder).floor_seconds
        self.ground = GroundHere(self.process.boot, floor, self.process.clock)
        if enrolment.assignment is not None:
            self.ground.assign(enrolment.assignment)
        self.journal = DeviceJournal(self.folder, self.world.chance.randbytes)
        witness = Witness(self.folder, Voice(self), _off_loop, self.write_notes)  # pyright: ignore[reportArgumentType] - of the voice it needs `note`
        witness.introduce(enrolment, self.ground.floor)
        self.duties = Duties(
            ground=self.ground,
            deny=self.deny,
            deny_lists=lambda: self.lists,
            inventory=self._inventory,
            apply=self._apply,
            pauses=self._pauses,
            spread=self.world.chance.random,
            follow=lambda _, __, ___: None,
            client=self.client,
            witness=witness,
        )
        self.check_ins = CheckIns(self.folder, enrolment, self.duties)

    def utc(self) -> float:
        """Tell the time as a guard does: the later of wall clock and floor."""
        return max(self.process.clock(), self.ground.floor())

    def _pauses(self) -> Iterator[float]:
        return retry_pauses(30.0, 3600.0, lambda: self.world.chance.uniform(0.5, 1.0))

    def _inventory(self) -> Inventory:
        if self.scene.maybe(0.2):
            self.networks = f"10.{self.world.chance.randint(1, 9)}.0.0/24"
        return Inventory("laptop", networks=self.networks)

    def _apply(self, policy: Policy) -> str:
        del policy
        return "no such screen" if self.scene.maybe(0.2) else ""

    def deny(self, token: str) -> None:
        """Take a newer list: on the disk before anybody is told that it is here."""
        told: DenyList = read_deny_list(token, self.school)
        if told.number <= self.lists.denied.number:
            return
        newer = DenyLists(self.school, self.lists.token, self.lists.denied.forgotten)
        newer.take(token)
        self.ground.signed_at(told.issued_at)
        kept = Held(newer.token, newer.denied.forgotten, self.ground.floor())
        write_private(self.folder.root / DENY, json.encode(kept))
        self.lists = newer
        self.pupil.seen_number = max(self.pupil.seen_number, told.number)
        self.pupil.seen_keys |= {*told.keys, f"{told.generation} {told.number}"}

    async def visited(self, deny_list: str, token: str) -> None:
        """Judge a teacher's grant as a link does, after the list that came with it."""
        if self.process.alive:
            with suppress(Crashed, OSError):
                await self.process.start(self._judge(deny_list, token))

    async def _judge(self, deny_list: str, token: str) -> None:
        if deny_list:
            self.deny(deny_list)
        grant = read_grant(token, self.school)
        self.ground.signed_at(grant.issued_at)
        name, number = self.pupil.row.id, self.lists.denied.number
        if number < self.pupil.seen_number:
            self.scene.hear(Honoured(f"device {name} has gone back to deny list {number}"))
        try:
            self.lists.denied.check(grant, "lock")
        except NotAllowed:
            return
        # A generation ends what was given before its list; a school that was set back and has
        # forgotten it gives grants of an older one.
        raised = [tuple(map(int, one.split())) for one in self.pupil.seen_keys if " " in one]
        old = any(
            grant.generation < generation and grant.deny_list < number
            for generation, number in raised
        )
        if grant.thumbprint in self.pupil.seen_keys or old:
            told = f"device {name} obeys {grant.teacher}, whom a list that it saw has ended"
            self.scene.hear(Honoured(told))

    async def note(self) -> None:
        """Write what happens to the pupil into the device's journal."""
        while True:
            await self.scene.while_(5.0, 300.0)
            self.notes.append(Noted("look-close", int(self.utc()), {}, "a word"))
            with suppress(OSError):
                await self.write_notes()

    async def write_notes(self) -> None:
        if some := tuple(self.notes):
            await asyncio.to_thread(self.journal.append, some)
            del self.notes[: len(some)]
            self.scene.hear(Written(self.pupil.row.id, len(some)))


DENY: Final = "deny.json"


class Held(Struct, frozen=True):
    """What a device keeps of deny lists and of its time floor, as its guard does."""

    token: str = ""
    forgotten: Forgotten = Forgotten()
    floor_seconds: float = 0.0


_held: Final = json.Decoder(Held)


def read_held(folder: Folder) -> Held:
    raw = read_kept(folder.root / DENY)
    return _held.decode(raw) if raw else Held()


def held_lists(folder: Folder, school: School) -> DenyLists:
    kept = read_held(folder)
    return DenyLists(school, kept.token, kept.forgotten)


async def _off_loop(work: Any, *args: object) -> Any:  # noqa: ANN401 - as the witness asks it
    return await asyncio.to_thread(work, *args)
