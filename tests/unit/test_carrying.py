"""A device that reaches no server has its certificate renewed by whatever app meets it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from central_mdm.contract.fleet import PapersGiven
from classroom_app.carrying import Carrying
from classroom_app.cloud.errors import Unreachable
from classroom_app.domain.lesson import DeviceId
from classroom_app.own_school import OwnSchool
from classroom_app.storage.keeping import Keeping
from classroom_app.successors import Successors
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.protocol.errors import NotPaired
from device_bridge.protocol.hello import CertificateCarried, Welcome
from device_bridge.trust.authority import found
from device_bridge.trust.identity import Identity, csr, new_key, thumbprint
from tests.enrolled import DEVICE, folder_of
from tests.school import NOW, SmallSchool

DAY = 86_400


def welcome(request: str) -> Welcome:
    return Welcome(1, DEVICE, "boot-1", "agent 1", "test", bytes(32), bytes(16), csr=request)


@dataclass
class Server:
    """Certifies for the school, when it is there."""

    certificate: str
    away: bool = False
    asked: list[str] = field(default_factory=list[str])

    async def renew_device(self, device: str, csr: str) -> str:
        self.asked.append(f"{device} {bool(csr)}")
        if self.away:
            raise Unreachable
        return self.certificate


@dataclass
class Devices:
    told: list[CertificateCarried] = field(default_factory=list[CertificateCarried])

    def tell(self, device: str, message: CertificateCarried) -> None:
        assert device == DEVICE
        self.told.append(message)


async def for_a_while(work: Coroutine[Any, Any, Any]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await work


async def test_what_a_welcome_asks_for_is_carried_and_taken_by_the_device(tmp_path: Path) -> None:
    school = SmallSchool()
    identity = school.identity("device", DEVICE, begins=NOW)
    later = school.identity("device", DEVICE, begins=NOW + 350 * DAY, key=identity.key)
    folder = folder_of(tmp_path, school, identity)
    taken = list[Identity]()
    now = NOW + 350.0 * DAY
    renewing = Renewing(folder, read_enrolment(folder), lambda: now, taken.append)
    server, devices = Server(later.certificate_pem.decode(), away=True), Devices()
    carrying = Carrying(server, devices)
    await carrying.take(DeviceId(DEVICE), welcome(""))
    await carrying.take(DeviceId(DEVICE), welcome(renewing.request()))
    await for_a_while(carrying.run())
    assert (server.asked, devices.told) == ([f"{DEVICE} True"], []), "away: at the next link again"
    server.away = False
    await carrying.take(DeviceId(DEVICE), welcome(renewing.request()))
    await for_a_while(carrying.run())
    (told,) = devices.told
    renewing.carried("no certificate at all")
    await for_a_while(renewing.run())
    assert taken == []
    assert await renewing.take(told.certificate)
    assert [one.certificate for one in taken] == [later.certificate]


async def test_a_school_without_a_server_renews_a_devices_own_key_by_its_own_ca() -> None:
    authority, _ = found("school-1", "School", NOW)
    own = OwnSchool(authority, cast("Keeping", None), lambda: NOW + 350 * DAY, lambda: "id")
    key = new_key()
    device = f"d-{thumbprint(key.public_key())[:24]}"
    renewed = await own.renew_device(device, csr(key, "pupitre device"))
    ends_at = Identity.of(key, renewed.encode()).certificate.not_valid_after_utc.timestamp()
    assert ends_at == NOW + 350 * DAY + 396 * DAY
    with pytest.raises(NotPaired):
        await own.renew_device(device, csr(new_key(), "pupitre device"))


async def test_papers_under_a_new_root_are_fetched_and_wait_for_the_devices_next_dial() -> None:
    key, strange, came = new_key().public_key(), new_key().public_key(), list[str]()

    class Mdm:
        away = True

        async def papers_for(self, key: str) -> PapersGiven:
            if self.away or key == strange.public_bytes_raw().hex():
                raise Unreachable
            return PapersGiven("certificate", "assignment")

    mdm = Mdm()
    successors = Successors(mdm, came.append)
    assert successors.papers_for(DEVICE, key) == ("", "")
    await for_a_while(successors.run())
    assert successors.papers_for(DEVICE, key) == ("", ""), "away: at the next dial again"
    mdm.away = False
    for number in range(200):
        successors.papers_for(f"none-{number}", strange)
    await for_a_while(successors.run())
    assert came == [DEVICE]
    assert successors.papers_for(DEVICE, key) == ("certificate", "assignment")
    assert successors.papers_for("none", strange) == ("", "")
