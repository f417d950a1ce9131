"""The demo's processes: each a child of the driver, with a log of its own, ended by its id."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

READY_SECONDS = 30.0
GOODBYE_SECONDS = 5.0


class StageError(Exception):
    """A part of the demo did not start or ended early; the text names it and its log."""


def trouble(error: Exception) -> str:
    """Say what went wrong; of several children that start at once it is a group."""
    if not isinstance(error, ExceptionGroup):
        return str(error)
    return "; ".join(map(trouble, cast("ExceptionGroup[Exception]", error).exceptions))


def program(name: str, module: str) -> list[str]:
    """Return the command for one of our executables.

    In a packaged build the siblings stand beside this executable; else the module is run.
    """
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).with_name(name))]
    return [sys.executable, "-m", module]


@dataclass
class Child:
    """One process that is under way."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    async def line(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Return the next JSON object that the process prints on its standard output."""
        stream = self.process.stdout
        if stream is None:
            raise StageError(f"{self.name} was started without its output")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while raw := await stream.readline():
                    with suppress(ValueError):
                        found: object = json.loads(raw)
                        if isinstance(found, dict):
                            return found  # pyright: ignore[reportUnknownVariableType]
        raise StageError(f"{self.name} did not get ready; see {self.log}")

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL)."""
        with suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> int:
        """Ask it to end, insist after a while; return its exit status."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            self.kill()
            return await self.process.wait()


@dataclass
class Stage:
    """Starts children and, whatever happens, ends them all in the reverse order."""

    logs: Path
    children: list[Child] = field(default_factory=list[Child])

    async def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        nice: bool = False,
    ) -> Child:
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        argv = ["nice", "-n", "10", *command] if nice else list(command)
        with log.open("ab") as out:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=out,
                    env={**os.environ, **(env or {})},
                )
            except OSError as error:
                raise StageError(f"{name} cannot be started: {error}") from error
        child = Child(name, process, log)
        self.children.append(child)
        return child

    async def end(self, child: Child) -> int:
        self.children.remove(child)
        return await child.end()

    async def close(self) -> None:
        while self.children:
            await self.end(self.children[-1])
