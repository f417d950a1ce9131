"""Files and pages, opened as the pupil would: by xdg-open, without a shell."""

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

OPEN_SECONDS: Final = 10.0
ADDRESS_MAX: Final = 2000
NOT_HERE: Final = "not in the pupil's folder"
NOT_A_PAGE: Final = "not a web page"
NO_PROGRAM: Final = "no program opens this"


class LinuxOpen:
    """Opens only what lies in `folders`, and only http and https. `program` is xdg-open."""

    def __init__(self, folders: tuple[Path, ...], program: str = "xdg-open") -> None:
        self._folders = tuple(folder.resolve() for folder in folders)
        self._program = program

    async def file(self, path: str) -> str:
        asked = Path(path)
        if "\0" in path or not asked.is_absolute() or not self._inside(asked):
            return NOT_HERE
        return await self._run(str(asked))

    async def page(self, address: str) -> str:
        try:
            parts = urlsplit(address)
        except ValueError:
            return NOT_A_PAGE
        plain = address.isascii() and address.isprintable() and " " not in address
        if not (plain and parts.scheme in {"http", "https"} and parts.hostname):
            return NOT_A_PAGE
        return NOT_A_PAGE if len(address) > ADDRESS_MAX else await self._run(address)

    def _inside(self, asked: Path) -> bool:
        """Whether `asked` is there and, links followed, still in one of the folders."""
        try:
            real = asked.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return any(real.is_relative_to(folder) for folder in self._folders)

    async def _run(self, what: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                what,  # absolute or with a scheme: never read as an option
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("QT_")},
            )
        except OSError:
            return NO_PROGRAM
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                return NO_PROGRAM if await process.wait() else ""
        except TimeoutError:
            return ""  # some viewers stay in xdg-open's own process: it is open
