"""What the programs of a history have left on their disks, for the checker of both tiers."""

import time
from pathlib import Path

import msgspec

from central_mdm.joining import ground_at
from classroom_app.papers import Papers
from classroom_app.storage.keeping import open_keeping
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.inventory import hash_of_inventory
from device_bridge.agent.guard.wanted import WantedKept
from device_bridge.trust.identity import RENEWED_BEFORE_SECONDS, Identity
from tests.histories import checker, facts
from tests.histories.actors import held_lists
from tests.histories.real.device import INVENTORY
from tests.histories.stage import Template
from tests.rings import NoRing


async def server(folder: Path, database: str, made: Template) -> checker.Server:
    async with ground_at(folder, database) as ground:
        return await facts.server(ground, made)


async def app(home: Path, teacher: str, central: checker.Server) -> checker.App:
    keeping = await open_keeping(home, NoRing)
    try:
        signed = await keeping.papers()
        papers = Papers(signed, float) if signed else None
        number = papers.deny_lists.denied.number if papers else 0
        found = await facts.app(keeping, teacher, number, central)
        found.due = papers is not None and _due(papers.identity)
        return found
    finally:
        await keeping.close()


def device(home: Path, name: str) -> checker.Device:
    folder = Folder(home)
    enrolment = read_enrolment(folder)
    lists = held_lists(folder, enrolment.school)
    found = facts.device(folder, name, lists, enrolment.assignment)
    wanted = msgspec.json.decode(read_kept(folder.wanted) or b"{}", type=WantedKept)
    found.wanted = wanted.version
    found.told = {one.feature: (one.version, one.state) for one in wanted.reports}
    found.inventory = hash_of_inventory(INVENTORY)
    found.due = _due(enrolment.identity)
    found.carried = not folder.fleet.exists()
    return found


def _due(identity: Identity) -> bool:
    return identity.ends_at - time.time() < RENEWED_BEFORE_SECONDS
