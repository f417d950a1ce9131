"""The one place that starts asyncio tasks: named, held, told of their end, cancelled in order."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

log = logging.getLogger(__name__)
Work = Coroutine[Any, Any, None]
PATIENCE_SECONDS: Final = 30.0
ANEW_SECONDS: Final = 2.0
ANEW_SECONDS_MAX: Final = 300.0


async def begun_anew(name: str, run: Callable[[], Work]) -> None:
    """Run what a class can do without; begin it anew where a bug ends it, less and less often.

    Beside it in one group are the links to the devices: with them a class loses its teacher.
    """
    pause, now = ANEW_SECONDS, asyncio.get_running_loop().time
    while True:
        begun = now()
        try:
            return await run()
        except Exception:  # whatever it is, the links go on; the log has where
            log.exception("begun anew", extra={"task": name})
        if now() - begun > ANEW_SECONDS_MAX:
            pause = ANEW_SECONDS
        await asyncio.sleep(pause)
        pause = min(2 * pause, ANEW_SECONDS_MAX)


class Tasks:
    """Holds every running task, for asyncio itself holds them only weakly.

    `expected` are the errors that a person can do something about; all else is a bug.
    """

    def __init__(self, expected: tuple[type[Exception], ...]) -> None:
        self._expected = expected
        self._running: list[asyncio.Task[None]] = []

    def start(
        self, work: Work, *, name: str, refused: Callable[[Exception], None]
    ) -> asyncio.Task[None]:
        """Start `work` from a slot. `refused` hears expected errors; a bug goes to excepthook."""

        def ended(task: asyncio.Task[None]) -> None:
            self._running.remove(task)
            error = None if task.cancelled() else task.exception()
            if error is None:
                return
            if isinstance(error, self._expected):
                log.info("task refused", extra={"task": name, "why": type(error).__name__})
                refused(error)
            else:
                sys.excepthook(type(error), error, error.__traceback__)

        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.append(task)
        task.add_done_callback(ended)
        return task

    async def close(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Cancel all, the youngest first, and wait for their clean-up.

        One that still runs after `patience_seconds` is named and cancelled again: a library that
        waits for two things at once may lose a cancellation, and the app would then never end.
        """
        while self._running:
            for task in reversed(self._running):
                task.cancel()
            late = (await asyncio.wait(self._running, timeout=patience_seconds))[1]
            for task in late:
                log.warning("task does not end", extra={"task": task.get_name()})
