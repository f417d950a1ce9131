"""One history of real processes, from its schedule to its verdict."""

import asyncio
import random
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from device_bridge.agent.guard.carrying import HEADS_SECONDS
from tests.disks import Disk, disk
from tests.histories import checker
from tests.histories.checker import Ledger
from tests.histories.network import Weather
from tests.histories.real import judging
from tests.histories.real.actor import Actor
from tests.histories.real.administrator import CODES
from tests.histories.real.central import Central
from tests.histories.real.child import Kind, Run
from tests.histories.real.database import Database
from tests.histories.real.proxy import Proxy
from tests.histories.real.schedule import (
    ADMINISTRATOR,
    CARRIED,
    DEVICES,
    POSTGRESQL,
    SERVER,
    TEACHERS,
    Schedule,
    Step,
)
from tests.histories.stage import Template
from tests.histories.told import Fact

DISKS: Final = {
    **dict.fromkeys(TEACHERS, "120m"),
    **dict.fromkeys(DEVICES, "4m"),
    SERVER: "96m",
    POSTGRESQL: "320m",
}
AGAIN_SECONDS: Final = 0.3
"""So long a server that did not come up is left alone, as systemd does."""
ROUNDS: Final = 2


class Prepared(Struct, frozen=True):
    """What is made once and copied for each history; `context` forks its programs.

    `folder`: all histories' own lie there, beside the cluster.
    """

    template: Template
    folder: Path
    context: ForkServerContext


class Verdict(Struct, frozen=True):
    """`faults`: what does not hold."""

    seed: int
    faults: tuple[str, ...]
    events: int = 0
    works: int = 0
    orders: int = 0
    starts: int = 0
    requests: int = 0


class History:
    """All that is in one history; its files are in `folder`, its logs in `folder/logs`."""

    def __init__(
        self, made: Prepared, schedule: Schedule, folder: Path, tasks: asyncio.TaskGroup
    ) -> None:
        self.made, self.schedule, self.folder = made, schedule, folder
        self.tasks = tasks
        self.ledger = Ledger(names=made.template.names())
        self.faults: list[str] = []
        self.chance = random.Random(schedule.seed + 1)  # noqa: S311 - what people do next
        logs = folder / "logs"
        self.database = Database(folder / POSTGRESQL, logs / "postgresql.log", schedule.plant)
        self.central = Central(self.database, folder / SERVER / "school", logs / "server.log")
        self.central_lock, self.database_lock = asyncio.Lock(), asyncio.Lock()
        self.copy_lock = asyncio.Lock()
        """Held while a copy is made: on a busy machine that is until after it is to be used."""
        self.proxy = Proxy(random.Random(schedule.seed + 2), Weather(), tasks)  # noqa: S311 - weather
        self.disks: dict[str, Disk] = {}
        self.teachers = {name: self._actor("teacher", name, n) for n, name in enumerate(TEACHERS)}
        self.devices = {name: self._actor("device", name, n) for n, name in enumerate(DEVICES)}
        self.administrator = self._actor("administrator", ADMINISTRATOR, 0)
        self.actors = {**self.teachers, **self.devices, ADMINISTRATOR: self.administrator}
        self.settles = False

    def _actor(self, kind: Kind, name: str, number: int) -> Actor:
        return Actor(self.made.context, partial(self._run, kind, name, number), self._entered)

    def _entered(self, fact: Fact) -> None:
        fact.enter(self.ledger)

    def _run(self, kind: Kind, name: str, number: int) -> Run:
        actor = self.actors[name]
        return Run(
            kind=kind,
            name=name,
            number=number,
            template=self.made.template,
            folder=self.folder / (f"{name}/home" if kind != "administrator" else "office"),
            room=self.folder / "room",
            log=self.folder / "logs" / f"{name}.log",
            seed=self.chance.getrandbits(32),
            proxy=f"http://127.0.0.1:{self.proxy.ports.get(name, 0)}",
            ahead_seconds=actor.ahead_seconds,
            settles=self.settles,
            database=self.central.url,
            school=self.central.folder,
            seen_number=actor.seen_number,
            seen_keys=actor.seen_keys,
            restored=self.ledger.restored,
            carried_for=CARRIED,
            fuse=actor.fuse,
            restarted=actor.starts > 1,
            slower=self.schedule.slower,
            plant=self.schedule.plant,
        )

    async def serve(self) -> None:
        """Start the server, again and again where its database is away."""
        while True:
            self.proxy.upstream = await self.central.start()
            if self.proxy.upstream is not None:
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def stop_serving(self) -> None:
        self.proxy.upstream = None
        if not self.central.alive:
            self.faults.append("the server ended by itself")
        await self.central.kill()


async def play(made: Prepared, schedule: Schedule, folder: Path) -> Verdict:
    """Play it in `folder`, which is empty. Leaves the logs of all programs there."""
    with ExitStack() as stack:
        async with asyncio.TaskGroup() as tasks:
            history = History(made, schedule, folder, tasks)
            await laid_out(history, stack)
            async with history.proxy.listening(tuple(history.actors)), _running(history):
                await _chaos(history)
                await _settled(history)
                found = await _judged(history)
    ledger = history.ledger
    told = [one for actor in history.actors.values() for one in actor.faults]
    return Verdict(
        schedule.seed,
        (
            *found,
            *history.faults,
            *told,
            *map("unforeseen: {}".format, history.central.complaints()),
        ),
        len(ledger.events),
        len(ledger.works),
        ledger.obeyed.total(),
        sum(actor.starts for actor in history.actors.values()),
        history.proxy.carried,
    )


async def laid_out(history: History, stack: ExitStack) -> None:
    """Make disks, and copy onto them what all histories begin with."""
    folder, template = history.folder, history.made.template
    for name in ("room", "logs", "office"):
        (folder / name).mkdir()
    if (codes := history.made.folder / CODES).exists():
        shutil.copy(codes, folder / "office" / CODES)
    for name, size in DISKS.items():
        history.disks[name] = stack.enter_context(disk(folder / name, size))
    for one in template.teachers:
        shutil.copytree(template.stores / one.login, folder / one.login / "home")
    for row in template.devices:
        enrolled = template.stores / row.id
        if enrolled.exists():
            shutil.copytree(enrolled, folder / row.id / "home")
            history.ledger.enrolled.add(row.id)
        else:
            (folder / row.id / "home").mkdir()
    shutil.copytree(template.server, history.central.folder)
    await history.database.copied(history.made.folder / "cluster")


@asynccontextmanager
async def _running(history: History) -> AsyncGenerator[None]:
    """Have all programs run, and none after the block."""
    try:
        await history.database.start()
        await history.serve()
        history.proxy.weather = history.schedule.weather
        for actor in history.actors.values():
            await actor.start(history.tasks)
        yield
    finally:
        for actor in history.actors.values():
            actor.signal(signal.SIGKILL)
        await history.central.kill()
        await history.database.stop()


async def come(history: History, actors: Collection[Actor]) -> None:
    """Have these come into step and end, beside each other."""
    history.settles = True
    async with asyncio.TaskGroup() as settling:
        for actor in actors:
            settling.create_task(actor.settle(history.tasks))


async def _chaos(history: History) -> None:
    begun = _now()
    async with asyncio.TaskGroup() as steps:
        for step in history.schedule.steps:
            await asyncio.sleep(begun + step.at - _now())
            steps.create_task(_befalls(history, step))
        await asyncio.sleep(begun + history.schedule.chaos_seconds - _now())


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _befalls(history: History, step: Step) -> None:
    match step.what:
        case "away":
            history.proxy.away.add(step.who)
            await asyncio.sleep(step.seconds)
            history.proxy.away.discard(step.who)
        case "full":
            await _full(history, step)
        case "kill" | "stop" | "clock" if step.who == SERVER:
            await _server(history, step)
        case "fuse":
            await _fuse(history, history.actors[step.who], step)
        case "kill" | "stop" | "clock":
            await _actor(history, history.actors[step.who], step)
        case _:
            await DATABASE[step.what](history, step)


async def _full(history: History, step: Step) -> None:
    if step.who == POSTGRESQL:
        async with history.database_lock:
            await _filled(history, step)
            await history.database.again()
    else:
        await _filled(history, step)


async def _filled(history: History, step: Step) -> None:
    small = history.disks[step.who]
    if (small.folder / "of-another-program").exists():
        return
    small.fill()
    await asyncio.sleep(step.seconds)
    small.empty()


async def _server(history: History, step: Step) -> None:
    async with history.central_lock:
        if step.what == "stop":
            history.central.signal(signal.SIGSTOP)
            await asyncio.sleep(step.seconds)
            history.central.signal(signal.SIGCONT)
            return
        await history.stop_serving()
        if step.what == "kill":
            await asyncio.sleep(step.seconds)
        else:
            history.central.ahead_seconds = step.seconds
            history.ledger.ahead |= step.seconds > 0.0
            await _administrator_anew(history)
        await history.serve()


async def _administrator_anew(history: History) -> None:
    """Start the administrator again: the database or the clock is another."""
    async with history.administrator.lock:
        await history.administrator.kill()
        history.administrator.ahead_seconds = history.central.ahead_seconds
        await history.administrator.start(history.tasks)


async def _actor(history: History, actor: Actor, step: Step) -> None:
    async with actor.lock:
        if step.what == "stop":
            actor.signal(signal.SIGSTOP)
            await asyncio.sleep(step.seconds)
            actor.signal(signal.SIGCONT)
            return
        await actor.kill()
        if step.what == "kill":
            await asyncio.sleep(step.seconds)
        else:
            actor.ahead_seconds = step.seconds
        await actor.start(history.tasks)


async def _fuse(history: History, actor: Actor, step: Step) -> None:
    async with actor.lock:
        await actor.kill()
        actor.fuse = step.points
        await actor.start(history.tasks)
        actor.fuse = 0
        await actor.dies()
        await actor.start(history.tasks)


async def _postgres_kill(history: History, step: Step) -> None:
    async with history.database_lock:
        await history.database.kill()
        await asyncio.sleep(step.seconds)
        await history.database.start()


async def _backup(history: History, step: Step) -> None:
    del step
    async with history.copy_lock:
        history.ledger.copy_begins()
        await history.central.back_up()


async def _restore(history: History, step: Step) -> None:
    del step
    async with history.copy_lock:
        if history.central.backup is not None:
            await _another(history, history.central.restore)


async def _copy(history: History, step: Step) -> None:
    del step
    async with history.copy_lock:
        history.ledger.copy_begins()
        await history.central.copy()


async def _set_back(history: History, step: Step) -> None:
    del step
    async with history.copy_lock:
        if history.central.copied is not None:
            await _another(history, history.central.set_back)


async def _another(history: History, made: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Put a server that was `made` of an older copy in the place of the one that was."""
    async with history.central_lock, history.database_lock, history.administrator.lock:
        await history.stop_serving()
        await history.administrator.kill()
        if await made():
            history.ledger.set_back()
        await history.administrator.start(history.tasks)
        await history.serve()
    for device in history.devices.values():  # what is remembered of it is of the server as it is
        async with device.lock:
            await device.kill()
            await device.start(history.tasks)


DATABASE: Final[dict[str, Callable[[History, Step], Coroutine[Any, Any, None]]]] = {
    "postgres-kill": _postgres_kill,
    "backup": _backup,
    "restore": _restore,
    "copy": _copy,
    "set-back": _set_back,
}


async def _settled(history: History) -> None:
    """Let it be quiet, then everybody come until nothing changes."""
    for actor in history.actors.values():
        await actor.kill()
        actor.ahead_seconds = 0.0
    history.proxy.weather = Weather()
    history.proxy.away.clear()
    await history.proxy.quiet()
    await history.stop_serving()
    history.central.ahead_seconds = 0.0
    await history.serve()
    history.settles = True
    carried = history.devices[CARRIED]
    # What a server that was set back in silence has lost of it, it tells anew within a day.
    carried.ahead_seconds = HEADS_SECONDS + 3600.0
    for _ in range(ROUNDS):  # what the first brought, the second hears of
        await carried.start(history.tasks)
        await come(history, history.teachers.values())
        await carried.kill()
        await come(history, [one for one in history.devices.values() if one is not carried])
    history.proxy.upstream = None
    history.central.signal(signal.SIGTERM)  # what it gathered, it writes at its end
    if said := await history.central.ended():
        history.faults.append(f"the server ended by {said}")


async def _judged(history: History) -> list[str]:
    made, folder = history.made.template, history.folder
    central = await judging.server(history.central.folder, history.central.url, made)
    apps = [
        await judging.app(folder / one.login / "home", one.id, central) for one in made.teachers
    ]
    devices = [
        judging.device(folder / row.id / "home", row.id)
        for row in made.devices
        if _inside(history, row.id)
    ]
    if not history.ledger.events:
        history.faults.append("nobody was told that anything is kept: this proves nothing")
    return checker.check(history.ledger, central, apps, devices)


def _inside(history: History, device: str) -> bool:
    """Tell whether it is the school's still; one that nobody has sent away is a fault.

    So is one that a copy, of which a server was made, had.
    """
    why = history.devices[device].away
    if why and not history.ledger.may_be_away(device):
        history.faults.append(f"device {device} was sent away: {why}")
    return not why
