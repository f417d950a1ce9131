"""Where attacks happen: three machines on one switch, in network namespaces of their own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.attack.dialling import Target
from tests.attack.loot import write_loot
from tests.namespaces import Classroom, Machine, classroom

DEVICE, TEACHER, ATTACKER = "10.9.0.20", "10.9.0.1", "10.9.0.66"
HOSTILE_SECONDS: Final = 90.0


class Owed(AssertionError):
    """The defence did not do what it owes; the text says what was seen instead."""


@dataclass(frozen=True)
class Ground:
    """`folder` is empty and goes afterwards."""

    folder: Path
    device: Machine
    teacher: Machine
    attacker: Machine
    room: Classroom
    switch: str

    async def hostile(
        self,
        name: str,
        target: Target,
        begun: asyncio.Event | None = None,
        *,
        on: Machine | None = None,
        seconds: float = 0.0,
        told: Mapping[str, str] | None = None,
    ) -> str:
        """Let the attack `name` loose on the attacker's machine, or `on` another; say what it saw.

        `begun` is set once the attacker says so by a first line of its own. `seconds`: again and
        again for so long, several at once. `told`: what it knows besides the loot. Raises `Owed`
        where it was let in, or failed by itself.
        """
        loot = self.folder / f"{name}.loot"
        await asyncio.to_thread(write_loot, loot, target, told)
        command = ("-m", "tests.attack.hostile", name, str(loot), str(seconds))
        process = await asyncio.create_subprocess_exec(
            *(on or self.attacker).command(sys.executable, *command),
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(HOSTILE_SECONDS + seconds):
                if begun and process.stdout:
                    await process.stdout.readline()
                    begun.set()
                said, wrong = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise Owed(f"the attacker failed: {wrong.decode()[-1000:]}")
        ended: dict[str, str] = json.loads(said.splitlines()[-1])
        if "let_in" in ended:
            raise Owed(ended["let_in"])
        return ended["seen"]


@contextmanager
def ground(folder: Path) -> Generator[Ground]:
    """Make the machines. Raises `NoNamespaces` where this computer allows none."""
    folder.chmod(0o711)  # what is in it guards itself, not the folder around it
    with classroom() as room:
        switch = room.switch()
        machines = [room.machine([(switch, at)]) for at in (DEVICE, TEACHER, ATTACKER)]
        device, teacher, attacker = machines
        yield Ground(folder, device, teacher, attacker, room, switch)
