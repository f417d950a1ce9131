"""`pupitre-agent leave`, and what every start does first: finish leaving where it was begun."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.leaving import begin, leave
from device_bridge.agent.guard.mdm import deliver_receipt, tell_reports
from device_bridge.agent.guard.wiping import finish_wipe
from device_bridge.only_one import lock_folder
from device_bridge.protocol.errors import NotAllowed, NotPaired, TryAgain
from device_bridge.trust.grants import TOKEN_BYTES_MAX

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 2.0
"""How soon a guard that waits sees that its device was enrolled."""


class GuardRuns(NotAllowed):
    """What a living guard holds it would write again."""

    def __init__(self) -> None:
        super().__init__("leave", "guard-runs")


async def finish(folder: Folder) -> bool:
    """Leave the school, or erase, where the folder says so; return whether. Raises OSError.

    Where the MDM could not be told of an erasure, a later call does that.
    """
    try:
        return await _finish(folder)
    except TryAgain:
        return True


async def until_enrolled(
    folder: Folder, pauses: Iterator[float], say: Callable[[NotPaired], None]
) -> None:
    """Wait until this device belongs to a school, and meanwhile finish leaving the last one.

    That is tried again after `pauses`, or later where the MDM says so; `say` hears once why it
    waits. Raises Broken, or NotAllowed for a release that is none.
    """
    said = False
    for pause in pauses:
        seconds, seen = pause, _written_at(folder.school)
        try:
            await _finish(folder)
            read_enrolment(folder)
        except TryAgain as again:
            seconds = max(pause, again.after_seconds)
        except NotPaired as error:
            if not said:
                say(error)
            said = True
        except OSError as error:
            log.info("leaving waits", extra={"why": str(error)})
        else:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while _written_at(folder.school) in {0, seen}:  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(LOOK_SECONDS)


def _written_at(path: Path) -> int:
    """Return when, in nanoseconds; 0: it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


async def _finish(folder: Folder) -> bool:
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
