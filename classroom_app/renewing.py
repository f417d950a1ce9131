"""The teacher's grant and certificate, renewed in time and without a word, where the school is.

A grant is renewed a day old, between lessons: a lesson's mandate names it; at once where it lacks a
class that has come here, the school has ended all of its time, or it is of the future. A
certificate is renewed from sixty days before its end and serves from the app's next start on; its
key stays. Where the school is away, what is here goes on until its end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn, Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from central_mdm.contract.identity import GrantIssued
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import Roster
from classroom_app.papers import Papers, SignedPapers
from device_bridge.protocol.errors import DeviceError, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.identity import RENEWED_BEFORE_SECONDS, Identity, csr

log = logging.getLogger(__name__)
RENEWED_AFTER_SECONDS: Final = 24 * 3600
AHEAD_AGAIN_SECONDS: Final = 3600
"""A grant of the future is asked for anew so seldom: the server's clock may be ahead still."""
LOOK_SECONDS: Final = 600.0
FIRST_LOOK_SECONDS: Final = 20.0


class Issues(Protocol):
    async def grant(self, key: str) -> GrantIssued: ...
    async def renew_certificate(self, csr: str) -> str: ...


class KeepsPapers(Protocol):
    async def papers(self) -> SignedPapers | None: ...
    async def classes(self) -> Sequence[Roster]: ...
    async def change_papers(self, **changed: object) -> None: ...


class Renewing:
    """`utc` is the wall clock, in seconds: a grant that looks old is asked for anew, no more.

    `deny` keeps a deny list and carries it on, where it is newer than the one that is here.
    """

    def __init__(
        self,
        cloud: Issues,
        keeping: KeepsPapers,
        papers: Papers,
        in_lesson: Callable[[], bool],
        utc: Callable[[], float],
        deny: Callable[[str], Awaitable[None]],
    ) -> None:
        self._cloud, self._keeping, self._papers = cloud, keeping, papers
        self._in_lesson, self._utc, self._deny = in_lesson, utc, deny
        self._identity = papers.identity
        self._woken = asyncio.Event()
        self._in_vain: frozenset[str] = frozenset()
        """Classes that are here, and that the newest grant had not."""
        self._renewed_at = 0.0

    def wake(self) -> None:
        """Look soon: there is news from the school."""
        self._woken.set()

    async def run(self) -> NoReturn:
        """Look now and then, until cancelled."""
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            self._woken.clear()
            for renew in (self.once, self.certificate):
                try:
                    await renew()
                except (CloudError, DeviceError, NotKept) as error:
                    why = type(error).__name__
                    log.info("not renewed", extra={"what": renew.__name__, "why": why})
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()

    async def once(self) -> bool:
        """Renew a grant that is due; return whether it was.

        Raises `CloudError` where the school does not give one, `DeviceError` for one that is not
        this school's or not for the key that is here, `NotKept` where the store does not take it.
        """
        if not await self._due():
            return False
        issued = await self._cloud.grant(self._papers.thumbprint)
        if issued.deny_list:
            await self._deny(issued.deny_list)  # the grant names it: devices want to see it first
        kept = await self._keeping.papers()
        if kept is None or not await self._due():
            return False  # signed out, or a lesson began, meanwhile
        renewed = replace(kept, grant=issued.grant, discovery=issued.discovery)
        self._papers.renew(renewed)
        await self._keeping.change_papers(grant=issued.grant, discovery=issued.discovery)
        self._in_vain = await self._missing()
        self._renewed_at = self._now()
        log.info("grant renewed", extra={"ends_at": self._papers.grant_ends_at})
        return True

    async def certificate(self) -> bool:
        """Renew a certificate that comes to its end; return whether one was kept. Raises as `once`.

        The school's word is checked as each device will check it.
        """
        if self._now() < self._identity.ends_at - RENEWED_BEFORE_SECONDS:
            return False
        key = self._identity.key
        renewed = await self._cloud.renew_certificate(csr(key, "pupitre teacher"))
        identity = Identity.of(key, renewed.encode())
        der = identity.certificate.public_bytes(Encoding.DER)
        peer = accept(der, self._papers.school, self._papers.floor(), "teacher")
        if peer.party.id != self._papers.signed.teacher:
            raise NotPaired("the certificate names another teacher")
        kept = await self._keeping.papers()
        if kept is None or identity.ends_at <= self._identity.ends_at:
            return False
        await self._keeping.change_papers(certificate=renewed)
        self._papers.signed = replace(self._papers.signed, certificate=renewed)
        self._identity = identity
        log.info("certificate renewed", extra={"ends_at": int(peer.ends_at)})
        return True

    def _now(self) -> float:
        return max(self._utc(), self._papers.floor())

    async def _due(self) -> bool:
        if self._in_lesson():
            return False
        now = self._now()
        # A substitute's ends before it is a day old.
        if now >= self._papers.grant_ends_at or self._papers.grant_outdated:
            return True
        age = now - self._papers.grant_issued_at
        if age > RENEWED_AFTER_SECONDS or self._of_the_future(age, now):
            return True
        if not self._papers.grant_is_ours:
            return True  # kept by an app of before, which took what it was given
        missing = await self._missing()
        return bool(missing) and missing != self._in_vain

    def _of_the_future(self, age: float, now: float) -> bool:
        """Say whether it was given by a clock that was ahead, and another has not just been."""
        just = abs(now - self._renewed_at) < AHEAD_AGAIN_SECONDS
        return age < -RENEWED_AFTER_SECONDS and not just

    async def _missing(self) -> frozenset[str]:
        """Return the classes that are here and not in the grant."""
        here = {one.id for one in await self._keeping.classes()}
        return frozenset(here - set(self._papers.grant_classes))
