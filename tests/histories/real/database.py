"""A PostgreSQL of one history: a copy of a prepared cluster, started, and killed with all it has.

What it wrote is in the kernel's hands when a process dies, so `fsync` may be off; what it has
acknowledged has to be written by then, so `synchronous_commit` may not.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Final

import psycopg

from tests import postgres

NAME: Final = "school"
SETTINGS: Final = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=on",
    "shared_buffers=16MB",
    "max_connections=60",
    "autovacuum=off",
    "dynamic_shared_memory_type=mmap",  # in its folder, that nothing of it is left in /dev/shm
)
PLANT: Final = "server-acknowledges-before-commit"
"""A bug: it answers that it has committed, and writes some seconds later. It is so much faster."""
LAZY: Final = ("synchronous_commit=off", "wal_writer_delay=10s", "wal_buffers=8MB")
UP_SECONDS: Final = 30.0
AGAIN_SECONDS: Final = 0.05


@contextmanager
def prepared(folder: Path) -> Generator[str]:
    """Make a cluster with an empty database in a new `folder`; yield the database's address.

    At the end of the block it stops, to be copied.
    """
    folder.mkdir()
    with postgres.cluster_in(folder):
        with postgres.superuser(folder) as connection:
            connection.execute(f"CREATE DATABASE {NAME} OWNER {postgres.ROLE}".encode())
        yield address(folder, NAME)


def address(folder: Path, name: str, role: str = postgres.ROLE) -> str:
    return f"postgresql+psycopg://{role}@/{name}?host={folder}"


class Database:
    """A cluster in `folder`; `process` is its postmaster."""

    def __init__(self, folder: Path, log: Path, plant: str = "") -> None:
        self.folder = folder
        self._log, self._settings = log, SETTINGS + LAZY * (plant == PLANT)
        self._process: subprocess.Popen[bytes] | None = None
        self._restored = 0

    async def copied(self, template: Path) -> None:
        """Take over what a prepared cluster has, into a folder that is there."""
        if postgres.as_owner():
            shutil.chown(self.folder, postgres.OWNER, postgres.OWNER)
        await asyncio.to_thread(copy, template / "data", self.folder / "data")

    async def start(self) -> None:
        """Start it and wait until it has recovered."""
        self._process = self._begun()
        await asyncio.to_thread(self._answers)

    async def again(self) -> None:
        """Start it where it has ended: without room it cannot go on."""
        if self._process is not None and self._process.poll() is not None:
            await self.start()

    def _begun(self) -> subprocess.Popen[bytes]:
        owner = postgres.as_owner() or ["setpriv"]
        settings = [word for one in self._settings for word in ("-c", one)]
        program = [str(postgres.binaries() / "postgres"), "-D", str(self.folder / "data")]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*owner, "--pdeathsig=KILL", *program, "-k", str(self.folder), *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is the runner's alone
            )

    async def kill(self) -> None:
        """Kill the postmaster, and each process it has, by kill -9."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.kill(process.pid, signal.SIGSTOP)  # so that it makes no other meanwhile
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()  # noqa: ASYNC240 - not on a disk
        for pid in (process.pid, *map(int, listed.split())):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)

    async def stop(self) -> None:
        """End it at once, and have it give back what it has of the system's."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(process.wait)

    async def end(self) -> None:
        """End it when all is on its disk, to be copied."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait)

    async def empty(self) -> str:
        """Make one more database; return its name."""
        self._restored += 1
        name = f"restored_{self._restored}"
        await asyncio.to_thread(self._create, name)
        return name

    def _create(self, name: str) -> None:
        with postgres.superuser(self.folder) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {postgres.ROLE}".encode())

    def _answers(self) -> None:
        """Block until it answers."""
        until, pause = time.monotonic() + UP_SECONDS, Event()
        while True:
            try:
                with postgres.superuser(self.folder):
                    return
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                pause.wait(AGAIN_SECONDS)


def copy(source: Path, target: Path) -> None:
    """Copy a cluster's files with their owners."""
    subprocess.run(["cp", "--archive", str(source), str(target)], check=True)
