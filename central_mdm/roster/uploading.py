"""Registers that are uploaded: taken in side by side, imported one after the other.

An upload comes as slowly as a line is, so nobody waits for another's; an import has a core and a
disk to itself, so those that have come wait in the order in which they came.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from central_mdm.platform.alone import scratch
from central_mdm.platform.errors import Busy, Malformed

PREFIX: Final = "pupitre-upload-"
AT_ONCE_MAX: Final = 16
"""Taken in and waiting, one a school: 1 GiB of disk at the most, each of 64 MiB."""
UPLOAD_SECONDS: Final = 900
"""A school's register of 2 MiB takes 9 minutes over 32 kbit/s."""
WAIT_SECONDS: Final = 30


class Uploads:
    """All uploads of a process. `seconds`: within so many each has to be here."""

    def __init__(self, seconds: float = UPLOAD_SECONDS) -> None:
        self._seconds = seconds
        self._schools = set[str]()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, school: str, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Path]:
        """Take an upload in and wait for its turn, which lasts, as the file does, for the block.

        Raises Busy where this school has one here already, or too many schools have; Malformed
        where it does not come to an end.
        """
        with self._place(school), scratch(PREFIX) as folder:
            bundle = folder / "bundle.zip"
            try:
                async with asyncio.timeout(self._seconds):
                    await _keep(pieces, bundle)
            except TimeoutError:
                raise Malformed("too-slow", "The upload took too long.") from None
            async with self._turn:
                yield bundle

    @contextmanager
    def _place(self, school: str) -> Generator[None]:
        if school in self._schools or len(self._schools) >= AT_ONCE_MAX:
            raise Busy("importing", WAIT_SECONDS)
        self._schools.add(school)
        try:
            yield
        finally:
            self._schools.remove(school)


async def _keep(pieces: AsyncIterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
