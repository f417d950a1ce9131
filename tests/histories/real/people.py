"""Where a forked process begins: the program that its run names."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from multiprocessing.connection import Connection
from typing import Final

from tests.histories.planted import PLANTS, planted
from tests.histories.real import administrator, device, teacher
from tests.histories.real.child import ChildStage, Complaints, Kind, Run
from tests.histories.real.fuses import light
from tests.namespaces import end_with_parent

PROGRAMS: Final[dict[Kind, Callable[[ChildStage], Awaitable[None]]]] = {
    "teacher": teacher.live,
    "device": device.live,
    "administrator": administrator.live,
}
LIFE_SECONDS: Final = 260.0
"""Nobody is left behind, whatever becomes of the parent."""


def main(run: Run, out: Connection) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    stage = ChildStage(run, out)
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=run.log, level=logging.INFO, format=form)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger().addHandler(Complaints(stage))
    if run.fuse:
        light(run.fuse)
    try:
        asyncio.run(_live(stage))
    except Exception:
        logging.getLogger("history").exception("it broke")
        raise SystemExit(1) from None


async def _live(stage: ChildStage) -> None:
    bug = planted(stage.run.plant, stage.world) if stage.run.plant in PLANTS else nullcontext()
    with bug:
        async with asyncio.timeout(LIFE_SECONDS * stage.run.slower):
            await PROGRAMS[stage.run.kind](stage)
