"""The honest lesson that goes on beside an attack, in a process on the teacher's machine.

`python -m tests.attack.lesson LOOT` keeps a link and locks and frees the device again and again
until its standard input ends; its last line says how that went.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from msgspec import Struct, field
from msgspec import json as as_json

from classroom_app.demo.report import percentiles
from tests.attack.dialling import Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import GuardProcess, guard_process
from tests.attack.locking import locked, teaching
from tests.attack.loot import read_loot, write_loot

LOCK_EVERY_SECONDS: Final = 0.1
LOCK_MS_P99_MAX: Final = 500.0
READY_SECONDS: Final = 60.0


class Went(Struct):
    """`lock_ms`: from the declaration to the device's report, for each lock but the first.

    `first_lock_ms`: from the first dial to that report, with the handshake and the papers.
    """

    first_lock_ms: float = 0.0
    lock_ms: list[float] = field(default_factory=list[float])
    links_lost: int = 0


@asynccontextmanager
async def lesson(ground: Ground, target: Target) -> AsyncGenerator[Went]:
    """Teach while entered; what is yielded is filled at the end."""
    loot, went = ground.folder / "lesson.loot", Went()
    await asyncio.to_thread(write_loot, loot, target)
    process = await asyncio.create_subprocess_exec(
        *ground.teacher.command(sys.executable, "-m", "tests.attack.lesson", str(loot)),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            if await process.stdout.readline() != b"teaching\n":
                raise Owed("the lesson did not begin")
        yield went
        told = await _ended(process)
        went.lock_ms, went.links_lost = told.lock_ms, told.links_lost
        went.first_lock_ms = told.first_lock_ms
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ended(process: Process) -> Went:
    async with asyncio.timeout(READY_SECONDS):
        said, _ = await process.communicate(b"")
    return as_json.decode(said, type=Went)


async def withstood_by_a_guard(ground: Ground, name: str) -> str:
    """Attack a real guard while a lesson goes on; both must be after it as they were before."""
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with lesson(ground, guard) as went:
            seen = await ground.hostile(name, guard)
        if wrong := faults_of(guard, went):
            raise Owed("; ".join(wrong))
    return f"{seen}; {len(went.lock_ms)} locks, p99 {percentiles(went.lock_ms).p99:.0f} ms"


def faults_of(guard: GuardProcess, went: Went) -> list[str]:
    """Say what a guard and its lesson did not withstand; the guard must still run."""
    p99 = percentiles(went.lock_ms).p99
    faults = {
        "the guard died": not guard.lives,
        f"its log tells of bugs: {guard.bugs()[:3]}": bool(guard.bugs()),
        "no lock was tried": not went.lock_ms,
        f"the lesson's link was lost {went.links_lost} times": went.links_lost > 0,
        f"a lock took {p99:.0f} ms": p99 > LOCK_MS_P99_MAX,
    }
    return [words for words, so in faults.items() if so]


async def _teach(loot: Path) -> Went:
    went, version = Went(), 1
    target, began = read_loot(loot), monotonic()
    async with teaching(target) as (app, room):
        await locked(app, room, version)
        went.first_lock_ms = round((monotonic() - began) * 1000, 1)
        print("teaching", flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
        while True:
            version += 1
            went.lock_ms.append(round(await locked(app, room, version), 1))
            if ended.is_set():
                break
            await asyncio.sleep(LOCK_EVERY_SECONDS)
        asyncio.get_running_loop().remove_reader(sys.stdin)
        went.links_lost = len(app.goners)
    return went


if __name__ == "__main__":
    print(json.dumps(as_json.decode(as_json.encode(asyncio.run(_teach(Path(sys.argv[1])))))))
