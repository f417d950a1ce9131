"""A real guard in a process of its own, as the service runs it; nobody sits at its desktop."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from device_bridge.trust.identity import Identity
from tests.attack.memory import megabytes_of
from tests.desktop import join_waiters
from tests.school import SmallSchool, now
from tests.teaching import enrolled

READY_SECONDS = 60.0


@dataclass(frozen=True)
class GuardProcess:
    """A `Target`. What it takes of the machine is read from proc(5)."""

    school: SmallSchool
    teacher: Identity
    address: tuple[str, int]
    process: Process
    folder: Path
    log: Path

    @property
    def lives(self) -> bool:
        return self.process.returncode is None

    def megabytes(self) -> float:
        return megabytes_of(self.process.pid)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208 - names

    def bugs(self) -> list[str]:
        """Return the lines of its log that tell of something nobody expected.

        Without a network zeroconf warns once, with a trace: that is the network's, and expected.
        """
        words = ("Traceback", " ERROR ", " CRITICAL ", "never retrieved", "Task exception")
        lines = ["", *self.log.read_text().splitlines()]
        return [
            line
            for before, line in pairwise(lines)
            if any(word in line for word in words) and " WARNING zeroconf " not in before
        ]


@asynccontextmanager
async def guard_process(
    folder: Path,
    within: Sequence[str] = (),
    *,
    address: str = "127.0.0.1",
    uid: int | None = None,
    python: str = sys.executable,
    options: Sequence[str] = (),
) -> AsyncGenerator[GuardProcess]:
    """Run it at `address`, by the command `within` which may put it on another machine.

    `uid`: whose its folder is.
    """
    school = SmallSchool(now=now())
    home, log = await asyncio.to_thread(enrolled, school, folder / "guard", "dev-1"), folder / "log"
    if uid is not None:
        await asyncio.to_thread(_give, home.root, uid)
    command = [*within, python, "-m", "device_bridge.agent", "guard", *options]
    command += ["--folder", str(home.root), "--interface", address]
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=told)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
        assert line, log.read_text()
        teacher = school.identity("teacher", "teacher-1")
        port = int(json.loads(line)["port"])
        yield GuardProcess(school, teacher, (address, port), process, home.root, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        join_waiters()


def _give(folder: Path, uid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid)
