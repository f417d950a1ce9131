"""`pupitre-agent leave`, and what every start does first: finish leaving where it was begun."""

import asyncio
import os
import time
from functools import partial
from pathlib import Path

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.leaving import begin, leave
from device_bridge.agent.guard.mdm import deliver_receipt, tell_reports
from device_bridge.agent.guard.wiping import finish_wipe
from device_bridge.only_one import lock_folder
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.grants import TOKEN_BYTES_MAX


class GuardRuns(NotAllowed):
    """What a living guard holds it would write again."""

    def __init__(self) -> None:
        super().__init__("leave", "guard-runs")


async def finish(folder: Folder) -> bool:
    """Leave the school, or erase, where the folder says so; return whether. Raises OSError."""
    if await finish_wipe(folder, partial(tell_reports, folder)):
        return True
    return await leave(folder, time.time, partial(deliver_receipt, folder))


def leave_by_file(folder: Folder, statement: Path) -> None:
    """Leave by the school's statement in a file. Raises DeviceError or OSError."""
    try:
        held = lock_folder(folder.root)
    except BlockingIOError:
        raise GuardRuns from None
    except FileNotFoundError:
        raise NotPaired("not enrolled") from None
    try:
        if not asyncio.run(finish(folder)):
            enrolled = read_enrolment(folder)
            with statement.open("rb") as file:
                token = file.read(TOKEN_BYTES_MAX + 1).decode("ascii", "replace")
            begin(folder, token.strip(), enrolled)
            asyncio.run(finish(folder))
    finally:
        os.close(held)
