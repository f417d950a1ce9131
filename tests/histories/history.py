"""One history, from its seed to its verdict: faults, then quiet, then what is there."""

import asyncio
import gc
import shutil
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from classroom_app.cloud.errors import CloudError, NotSignedIn
from classroom_app.domain.errors import NotKept
from device_bridge.protocol.errors import NotPaired
from tests.histories import checker, facts
from tests.histories.actors import (
    Administrator,
    Agent,
    Desk,
    Pupil,
    Scene,
    ServerHere,
    Teacher,
)
from tests.histories.network import STRENGTHS, Weather, storm
from tests.histories.planted import planted
from tests.histories.stage import Template
from tests.histories.template import made_in, memory
from tests.histories.world import BEGINS_AT, World

CHAOS_SECONDS: Final = 2400.0
QUIET_SECONDS: Final = 400.0
"""After the last fault: what was on its way has come or is lost."""
TURNS_MAX: Final = 12


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
    with tempfile.TemporaryDirectory(prefix="histories-", dir=memory()) as folder:
        yield asyncio.run(made_in(Path(folder), lambda: BEGINS_AT))


def run(made: Template, seed: int, plant: str = "") -> Verdict:
    """Play one history; `plant` names a bug of `planted` that is in the programs meanwhile."""
    try:
        return _run(made, seed, plant)
    finally:
        with warnings.catch_warnings():  # who was killed has closed nothing
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def _run(made: Template, seed: int, plant: str) -> Verdict:
    with tempfile.TemporaryDirectory(prefix=f"history-{seed}-", dir=memory()) as folder:
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
    scene.network.weather = storm(world.chance.choice(STRENGTHS))
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
        await _calmly(agent, lambda agent=agent: _opened(scene, agent))
    for _ in range(2):  # what the first brought, the second hears of
        for desk in desks:
            await _calmly(desk, lambda desk=desk: _in_step(desk))
        for agent in agents:
            await _calmly(agent, lambda agent=agent: _checked_in(scene, agent))
    assert server.process is not None
    assert server.ground is not None
    central = await server.process.start(facts.server(server.ground, scene.template))
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


async def _opened(scene: Scene, agent: Agent) -> None:
    """Open it; a device whose key the school has ended before it had enrolled stays outside."""
    try:
        await agent.open()
    except NotPaired as error:
        agent.sent_away = True
        if error.args[0] != "ended" or agent.pupil.row.id not in scene.ledger.lost:
            raise


async def _checked_in(scene: Scene, agent: Agent) -> None:
    """Check in some times. After a restore, one that enrolled since the copy has to do so anew."""
    for _ in range(0 if agent.sent_away else 4):
        await asyncio.sleep(5.0)
        try:
            await agent.check_ins.once()
        except NotPaired:
            agent.sent_away = True
            if not scene.ledger.may_be_away(agent.pupil.row.id):
                raise
            return


async def _app(desk: Desk, central: checker.Server) -> checker.App:
    deny_list = desk.papers.deny_lists.denied.number if desk.papers else 0
    return await facts.app(desk.keeping, desk.teacher.person.id, deny_list, central)


async def _device(agent: Agent) -> checker.Device:
    return facts.device(agent.folder, agent.pupil.row.id, agent.lists, agent.ground.assignment)
