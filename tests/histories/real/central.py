"""The server of one history: `pupitre-mdm serve`, its backups, its restores."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tests import postgres
from tests.histories.real.database import NAME, Database, address

UP_SECONDS: Final = 240.0
DOWN_SECONDS: Final = 240.0
PASSPHRASE: Final = b"a passphrase for this history\n"
ENDS_WITH_US: Final = ("setpriv", "--pdeathsig=KILL")
"""Before a program: it ends with us, however we end."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where that library puts its own
FAKETIME: Final = "/usr/$LIB/faketime/libfaketime.so.1"
"""As faketime(1) names it, whose own process would stand between us and the server."""


class Listening(Struct):
    listening: str


class Logged(Struct):
    """What we want of a line of the log."""

    level: str
    logger: str = ""
    message: str = ""
    error: str = ""
    way: list[str] = []


class Central:
    """A server over `database`, in `folder`; what it says goes into `log`."""

    def __init__(self, database: Database, folder: Path, log: Path) -> None:
        self.database, self.name = database, NAME
        self.folder = folder
        self.ahead_seconds = 0.0
        self.backup: Path | None = None
        self.copied: Path | None = None
        """What an administrator has made by PostgreSQL's own means."""
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._backups = 0

    @property
    def url(self) -> str:
        return address(self.database.folder, self.name)

    async def start(self) -> tuple[str, int] | None:
        """Serve; return where, or None where it does not come up: its database is away."""
        self._process = process = self._begun()
        assert process.stdout is not None
        async with asyncio.timeout(UP_SECONDS):
            line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            await self.ended()
            return None
        url = urlsplit(msgspec.json.decode(line, type=Listening).listening)
        assert url.hostname is not None
        assert url.port is not None
        return url.hostname, url.port

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [*ENDS_WITH_US, sys.executable, "-m", "central_mdm", "serve"]
        command += ["--folder", str(self.folder), "--database", self.url]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--first-seconds", "1", "--log", "json"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | self._clock(),
                start_new_session=True,  # Ctrl-C is the runner's alone
            )

    def _clock(self) -> dict[str, str]:
        if not self.ahead_seconds:
            return {}
        told = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{self.ahead_seconds:+.0f}s"}
        # Files keep their times: Python compiles anew what is not as old as its bytecode says.
        return told | {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait until it has ended; return what it said at that."""
        process, self._process = self._process, None
        if process is None:
            return 0
        async with asyncio.timeout(DOWN_SECONDS):
            said = await asyncio.to_thread(process.wait)
        if process.stdout is not None:
            process.stdout.close()
        for left in MEMORY.glob(
            f"*faketime_*_{process.pid}"
        ):  # by its library, where it was killed
            left.unlink()
        return said

    async def back_up(self) -> bool:
        """Have a backup made; whether it was."""
        self._backups += 1
        out = self.folder.with_name(f"backup-{self._backups}")
        # Who reads all schools' rows is no user of the server's.
        where = address(self.database.folder, self.name, postgres.OWNER)
        told = ("backup", "--folder", str(self.folder), "--database", where, "--out", str(out))
        if await self._command(*told):
            self.backup = out
            return True
        return False

    async def restore(self) -> bool:
        """Make a server of the backup, in a new folder and database, and go on with that."""
        if self.backup is None:
            return False
        name = await self.database.empty()
        folder = self.folder.with_name(name)
        where = address(self.database.folder, name)
        told = ("--folder", str(folder), "--database", where)
        if await self._command("restore", str(self.backup), *told):
            self.name, self.folder = name, folder
            return True
        return False

    async def copy(self) -> bool:
        """Copy the database by PostgreSQL's own means; whether it was."""
        out = self.folder.with_name("by-hand.dump")
        told = ("--format=custom", f"--file={out}", self.name)
        done = await self._run(*self._postgres("pg_dump"), *told)
        self.copied = out if done else self.copied
        return done

    async def set_back(self) -> bool:
        """Go on with the copied database, and with the files as they are; nobody is told."""
        name = await self.database.empty()
        told = (f"--dbname={name}", "--exit-on-error", str(self.copied))
        if await self._run(*self._postgres("pg_restore"), *told):
            self.name = name
            return True
        return False

    def _postgres(self, program: str) -> tuple[str, ...]:
        where = (f"--host={self.database.folder}", f"--username={postgres.OWNER}")
        return (str(postgres.binaries() / program), *where)

    async def _command(self, *words: str) -> bool:
        return await self._run(sys.executable, "-m", "central_mdm", "admin", *words)

    async def _run(self, *words: str) -> bool:
        command = [*ENDS_WITH_US, *words]
        with self._log.with_name("commands.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            async with asyncio.timeout(DOWN_SECONDS):
                await process.communicate(PASSPHRASE)
        return process.returncode == 0

    def complaints(self) -> list[str]:
        """Return the errors that it logged; one it was killed at may be half a line."""
        found: list[str] = []
        for line in self._log.read_bytes().splitlines():
            try:
                read = msgspec.json.decode(line, type=Logged)
            except msgspec.DecodeError:
                continue  # alembic's and Python's own words
            if read.level in {"error", "critical"}:
                found.append(f"server: {read.message} {read.error} {' < '.join(read.way[-3:])}")
        return sorted(set(found))
