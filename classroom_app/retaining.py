"""How long a teacher's computer keeps what the journal says of pupils, and the job that ends it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from classroom_app.domain.errors import NotKept

log = logging.getLogger(__name__)

DAY_SECONDS: Final = 86_400


class Retention(Struct, frozen=True):
    """In days; `retention.json` in the teacher's folder may say otherwise.

    `journal`: names, words and files' names in lessons' journals; the acts themselves stay.
    """

    journal: Annotated[int, Meta(ge=1, le=3650)] = 183


class Forgets(Protocol):
    async def forget_before(self, at: int) -> int: ...


def read_retention(path: Path) -> Retention:
    """Read the setting; what cannot be read leaves the default. Blocks."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Retention)
    except FileNotFoundError:
        return Retention()
    except (OSError, ValueError, RecursionError) as error:
        log.warning("retention cannot be read", extra={"why": type(error).__name__})
        return Retention()


class Retaining:
    """Cleans up at once and each day. `floor`: UTC seconds that no clock of ours can raise."""

    def __init__(self, keeps: Forgets, home: Path, floor: Callable[[], float]) -> None:
        self._keeps, self._path, self._floor = keeps, home / "retention.json", floor

    async def run(self) -> None:
        """Work until cancelled; what the store does not take now is tried again tomorrow."""
        while True:
            await self.clean()
            await asyncio.sleep(DAY_SECONDS)

    async def clean(self) -> None:
        kept = await asyncio.to_thread(read_retention, self._path)
        try:
            gone = await self._keeps.forget_before(int(self._floor()) - kept.journal * DAY_SECONDS)
        except NotKept as error:
            log.info("not cleaned up", extra={"why": type(error).__name__})
            return
        if gone:
            log.info("cleaned up", extra={"acts": gone})
