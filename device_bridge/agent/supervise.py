"""`pupitre-agent run`: keeps guard and seat alive as two children, where no systemd does.

A child that dies is started again, sooner at first; when the supervisor is told to end or dies
itself, both end.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

log = logging.getLogger(__name__)

GOODBYE_SECONDS: Final = 5.0
LIVED_SECONDS: Final = 30.0
"""A child that lived so long did not die of its start: the pauses begin anew."""
LACKING_SECONDS: Final = 3.0
"""Between two looks whether what lacks is there now."""
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


@dataclass(frozen=True)
class Child:
    """One program to keep alive; `env` is added to ours.

    `holds`: a descriptor of ours that it keeps open as well. `lacks` says in a sentence why there
    is no sense in starting it yet; "": there is. It blocks.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    holds: int | None = None
    lacks: Callable[[], str] = lambda: ""


async def supervise(children: Sequence[Child], pauses: Callable[[], Iterator[float]]) -> None:
    """Keep all children running until cancelled; then end them, politely first."""
    async with asyncio.TaskGroup() as group:
        for child in children:
            group.create_task(_keep(child, pauses), name=child.name)


async def _keep(child: Child, pauses: Callable[[], Iterator[float]]) -> None:
    loop = asyncio.get_running_loop()
    waits = pauses()
    while True:
        await _wait_for_what_lacks(child)
        began = loop.time()
        code = await _live(child)
        log.info("a part has ended", extra={"part": child.name, "code": code})
        if loop.time() - began >= LIVED_SECONDS:
            waits = pauses()
        await asyncio.sleep(next(waits))


async def _wait_for_what_lacks(child: Child) -> None:
    """Say once what lacks, and again when it is something else."""
    said = ""
    while lacks := await asyncio.to_thread(child.lacks):
        if lacks != said:
            sys.stderr.write(f"{lacks}\n")
            said = lacks
        await asyncio.sleep(LACKING_SECONDS)


async def _live(child: Child) -> int:
    process = await asyncio.create_subprocess_exec(
        *child.command,
        "--parent",
        str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, **child.env},
        pass_fds=() if child.holds is None or sys.platform == "win32" else (child.holds,),
    )
    try:
        return await process.wait()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def follow(parent: int) -> None:
    """End when the process `parent` ends, even by kill -9; Linux only, elsewhere nothing."""
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(0)
