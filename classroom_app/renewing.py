"""The teacher's grant, renewed a day old, between lessons and without a word, where the school is.

A lesson's mandate names its grant, so nothing changes while one runs; where the school is away,
the grant that is here goes on until its end.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from msgspec.structs import replace

from central_mdm.contract.identity import GrantIssued
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.errors import NotKept
from classroom_app.papers import Papers, SignedPapers
from device_bridge.protocol.errors import DeviceError

log = logging.getLogger(__name__)
RENEWED_AFTER_SECONDS: Final = 24 * 3600
LOOK_SECONDS: Final = 600.0
FIRST_LOOK_SECONDS: Final = 20.0


class Grants(Protocol):
    async def grant(self) -> GrantIssued: ...


class KeepsPapers(Protocol):
    async def papers(self) -> SignedPapers | None: ...
    async def keep_papers(self, papers: SignedPapers) -> None: ...


class Renewing:
    """`utc` is the wall clock, in seconds: a grant that looks old is asked for anew, no more."""

    def __init__(
        self,
        cloud: Grants,
        keeping: KeepsPapers,
        papers: Papers,
        in_lesson: Callable[[], bool],
        utc: Callable[[], float],
    ) -> None:
        self._cloud, self._keeping, self._papers = cloud, keeping, papers
        self._in_lesson, self._utc = in_lesson, utc

    async def run(self) -> NoReturn:
        """Look now and then, until cancelled."""
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            try:
                await self.once()
            except (CloudError, DeviceError, NotKept) as error:
                log.info("grant not renewed", extra={"why": type(error).__name__})
            await asyncio.sleep(LOOK_SECONDS)

    async def once(self) -> bool:
        """Renew a grant that is due; return whether it was.

        Raises `CloudError` where the school does not give one, `DeviceError` for one that is not
        this school's, `NotKept` where the store does not take it.
        """
        if not self._due():
            return False
        issued = await self._cloud.grant()
        kept = await self._keeping.papers()
        if kept is None or not self._due():
            return False  # signed out, or a lesson began, meanwhile
        renewed = replace(kept, grant=issued.grant, discovery=issued.discovery)
        self._papers.renew(renewed)
        await self._keeping.keep_papers(renewed)
        log.info("grant renewed", extra={"ends_at": self._papers.grant_ends_at})
        return True

    def _due(self) -> bool:
        now = max(self._utc(), self._papers.floor())
        # A substitute's ends before it is a day old.
        old = now - self._papers.grant_issued_at > RENEWED_AFTER_SECONDS
        return not self._in_lesson() and (old or now >= self._papers.grant_ends_at)
