"""Renewed certificates for devices that reach no server themselves: this app carries the request.

A device whose certificate comes to its end says so in its welcome. Whoever certifies for the school
signs, the device takes the answer or not; nothing in class waits for it. This is the short way,
while a server is in reach: where none is, the request waits in what the device gives to `courier`.
"""

import asyncio
import logging
from typing import Final, NoReturn, Protocol

from classroom_app.cloud.errors import CloudError
from classroom_app.domain.lesson import DeviceId
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.hello import CertificateCarried, Welcome
from device_bridge.protocol.messages import FromDevice

log = logging.getLogger(__name__)
WAITING_MAX: Final = 64
"""A class and more; who finds no room asks again at its next link."""


class Certifies(Protocol):
    """The school's server, or this computer where it is the school itself."""

    async def renew_device(self, device: str, csr: str) -> str:
        """Return the certificate, PEM. Raises CloudError or DeviceError."""
        ...


class Tells(Protocol):
    def tell(self, device: str, message: CertificateCarried) -> None: ...


class Carrying:
    """A feature as `services.hearing.Takes` has it; `run` does the work."""

    def __init__(self, certifies: Certifies, devices: Tells) -> None:
        self.certifies, self._devices = certifies, devices
        self._asked = asyncio.Queue[tuple[DeviceId, str]](WAITING_MAX)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        match message:
            case Welcome(csr=csr) if csr and not self._asked.full():
                self._asked.put_nowait((device, csr))
            case _:
                pass

    async def run(self) -> NoReturn:
        """Carry one request after the other, until cancelled."""
        while True:
            device, csr = await self._asked.get()
            try:
                certificate = await self.certifies.renew_device(device, csr)
            except (CloudError, DeviceError) as error:
                log.info("not renewed", extra={"device": device, "why": type(error).__name__})
            else:
                self._devices.tell(device, CertificateCarried(certificate))
