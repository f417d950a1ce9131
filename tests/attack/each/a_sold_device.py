"""Sell two devices of a school, and let who copied one's key before come back with it."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.mdm import read_fleet
from device_bridge.trust.identity import csr, key_of_pem
from tests.attack.central import Central, Web, sample_school
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.loot import Loot, told_of
from tests.desktop import join_waiters

GONE_SECONDS: Final = 40.0
PACE: Final = "0.1"
"""The first check-in after a start comes within a second."""
GONE: Final = "belongs to no school"
NO: Final = {401, 403}


async def hostile(target: Target, _: random.Random) -> str:
    """Be the device with all that it had: its token, its key, and the code it was enrolled by."""
    web, told = Web(target.address), told_of(target)
    request = csr(key_of_pem(told["key"].encode()), "pupitre device")
    enrols = {"code": told["code"], "csr": request, "inventory": {"kind": "laptop"}}
    for path, who, body in (
        ("/api/check-in", told["token"], {}),
        ("/api/check-in", told["token"], {"csr": request}),
        ("/api/enrolments", "", enrols),
    ):
        answer = await web.ask("POST", path, who, body)
        if answer.status_code not in NO:
            raise LetIn(f"{path} of a sold device: {answer.status_code} {answer.text[:200]}")
    teacher = await web.sign_in(told["school"], told["login"], told["password"])
    answer = await web.ask("POST", "/api/renewals", teacher["token"], {"csr": request})
    if answer.status_code not in NO:
        raise LetIn(f"its certificate was renewed: {answer.text[:200]}")
    await web.close()
    return "token, key and code of a device that left are refused"


async def run(ground: Ground, name: str) -> str:
    central = await sample_school(ground)
    sample = central.sample
    one, other = sample["teachers"][:2]
    agents = [Agent(ground, ground.folder / each) for each in ("online", "offline")]
    school, out = ("--school", sample["school"]), ground.folder / "releases"
    async with central.serving() as server:
        pairs = zip(agents, sample["devices"], strict=False)
        await asyncio.gather(*(agent.enrol(server, each["code"]) for agent, each in pairs))
        loot = await asyncio.to_thread(agents[0].loot)
        loot |= {"school": sample["school"], "code": sample["devices"][0]["code"]}
        loot |= {each: one[each] for each in ("login", "password")}
        which = [each["device"] for each in sample["devices"][: len(agents)]]
        asked = await released(central, one, *school, "--device", *which)
        await released(central, other, *school, "--confirm", asked["waits"], "--out", str(out))
        async with agents[0].running() as log:
            await agents[1].do("leave", "--statement", str(out / f"{which[1]}.jws"), alone=True)
            await said(log, GONE)
            left = {agent.folder.name: await asyncio.to_thread(agent.left) for agent in agents}
        if set(left.values()) != {("receipt.json",)}:
            raise Owed(f"they left, and there is {left}")
        # The one that was online has brought its receipt by itself.
        file = str(agents[1].folder / "receipt.json")
        if (kept := await central.do("receipt", *school, "--file", file)) != {"left": which[1]}:
            raise Owed(f"the receipt is {kept}")
        return await ground.hostile(name, server, told=loot)


async def released(central: Central, who: dict[str, Any], *words: str) -> dict[str, Any]:
    return await central.do("release", *words, "--as", who["login"], stdin=who["password"])


class Agent:
    """The agent's own commands, on the device's machine."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self._ground, self.folder = ground, folder

    async def enrol(self, server: Loot, code: str) -> None:
        url = "http://{}:{}".format(*server.address)
        await self.do("enrol", "--server", url, "--code", code)

    async def do(self, *words: str, alone: bool = False) -> None:
        """Run a command to its end; `alone`: without any network."""
        within = ("unshare", "--net") if alone else ()
        process = await asyncio.create_subprocess_exec(
            *self._ground.device.command(*within, *self._command(*words)), stdout=PIPE, stderr=PIPE
        )
        _, wrong = await process.communicate()
        if process.returncode:
            raise Owed(f"pupitre-agent {words[0]}: {wrong.decode()[-500:]}")

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Path]:
        """Keep guard and seat running, as where there is no systemd; yield what is logged."""
        log = self.folder.with_suffix(".log")
        command = self._command("run", "--interface", DEVICE, "--pace", PACE)
        with log.open("wb") as told:
            process = await asyncio.create_subprocess_exec(
                *self._ground.device.command(*command), stdout=PIPE, stderr=told
            )
        try:
            yield log
        finally:
            process.terminate()
            await process.communicate()
            join_waiters()

    def loot(self) -> dict[str, str]:
        folder = Folder(self.folder)
        fleet = read_fleet(folder)
        assert fleet is not None
        return {"key": folder.key.read_text(), "token": fleet.token}

    def left(self) -> tuple[str, ...]:
        return tuple(path.name for path in self.folder.iterdir())

    def _command(self, *words: str) -> tuple[str, ...]:
        start = sys.executable, "-m", "device_bridge.agent", words[0]
        return *start, "--folder", str(self.folder), *words[1:]


async def said(log: Path, text: str) -> None:
    """Wait until a program's log says this."""
    async with asyncio.timeout(GONE_SECONDS):
        while text not in await asyncio.to_thread(log.read_text):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


ATTACK: Final = Attack(
    "a_sold_device",
    (15,),
    "two people let two devices go; comes back with token, key and code copied from one before",
    hostile,
    run,
    every_time=False,
)
