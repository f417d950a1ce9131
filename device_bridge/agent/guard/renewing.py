"""A device's certificate, renewed before its end: by the MDM, or carried by a teacher's app.

The key stays. The old certificate serves until the new one is written, whole, and is taken into
use for the next connections; those that stand live on.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import Enrolment, check_identity
from device_bridge.protocol.errors import NotPaired
from device_bridge.trust.identity import RENEWED_BEFORE_SECONDS, Identity, csr, write_private

log = logging.getLogger(__name__)


class Renewing:
    """`now`: the later of time floor and wall clock, UTC seconds.

    The floor alone stands still where a device is off and hears nothing that is signed; to ask too
    early, by a clock that was set ahead, moves nothing.
    """

    def __init__(
        self,
        folder: Folder,
        enrolment: Enrolment,
        now: Callable[[], float],
        taken: Callable[[Identity], None],
    ) -> None:
        self._folder, self._enrolment = folder, enrolment
        self._now, self._taken = now, taken
        self._identity = enrolment.identity
        self._carried: str = ""
        self._came = asyncio.Event()

    @property
    def ends_at(self) -> float:
        """UTC seconds."""
        return self._identity.ends_at

    def take_up(self, enrolment: Enrolment) -> None:
        """Go on as who this device is under the school's new root."""
        self._enrolment, self._identity = enrolment, enrolment.identity

    def request(self) -> str:
        """Ask for a certificate (PKCS#10, PEM) where it is time, or the root is new; else ""."""
        if not self._enrolment.outdated and self._now() < self.ends_at - RENEWED_BEFORE_SECONDS:
            return ""
        return csr(self._identity.key, "pupitre device")

    async def take(self, certificate: str) -> bool:
        """Take a later certificate into use; False for one that is not later.

        Raises NotPaired where it is not of our key, name and school.
        """
        identity = Identity.of(self._identity.key, certificate.encode())
        check_identity(identity, self._enrolment.school, self._enrolment.device)
        if identity.ends_at <= self.ends_at:
            return False
        raw = identity.certificate_pem
        await asyncio.to_thread(write_private, self._folder.certificate, raw)
        self._identity = identity
        self._taken(identity)
        log.info("certificate renewed", extra={"ends_at": int(self.ends_at)})
        return True

    def carried(self, certificate: str) -> None:
        """Take what an app has brought, as soon as `run` comes to it."""
        self._carried = certificate
        self._came.set()

    async def run(self) -> NoReturn:
        """Take what is carried here, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            await self.take_carried(self._carried)

    async def take_carried(self, certificate: str) -> None:
        """Take what somebody has brought, where it is good."""
        try:
            await self.take(certificate)
        except (NotPaired, OSError) as error:
            log.info("carried certificate refused", extra={"why": type(error).__name__})
