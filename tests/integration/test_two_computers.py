"""A teacher with a computer at school and one at home: both teach, and both end with the teacher.

The real server, two real stores with their clients, and the law by which a device judges papers.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from central_mdm.fleet.ended import end_person
from central_mdm.identity.certificates import LEAF
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import Refused
from classroom_app.papers import Papers
from classroom_app.renewing import RENEWED_AFTER_SECONDS, Renewing
from classroom_app.signing_in import papers_of
from classroom_app.storage.keeping import Keeping, open_keeping
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.session.gate import Law
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import read_grant
from device_bridge.trust.identity import RENEWED_BEFORE_SECONDS, csr, new_key, thumbprint
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import DenyLists
from tests.linked import Earth
from tests.mdm import Mdm, bearer
from tests.school import mandate_for

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
LAMBERT = "t-lambert"


@dataclass
class Computer:
    """Where Lambert has signed in: a key, a store, a line to the school."""

    mdm: Mdm
    cloud: Cloud
    keeping: Keeping
    papers: Papers

    @property
    def renewing(self) -> Renewing:
        def utc() -> float:
            return float(self.mdm.clock())

        async def deny(deny_list: str) -> None:
            self.papers.deny(deny_list)

        return Renewing(self.cloud, self.keeping, self.papers, lambda: False, utc, deny)

    async def started_again(self) -> "Computer":
        signed = await self.keeping.papers()
        assert signed is not None
        return Computer(self.mdm, self.cloud, self.keeping, Papers(signed, lambda: 0.0))

    def key(self) -> str:
        return self.papers.thumbprint


@pytest.fixture
async def computers(mdm: Mdm, tmp_path: Path) -> AsyncGenerator[list[Computer]]:
    """Sign in at one, then at the other."""
    async with AsyncExitStack() as stack:
        made: list[Computer] = []
        for name in ("school", "home"):
            (tmp_path / name).mkdir()
            keeping = await open_keeping(tmp_path / name)
            stack.push_async_callback(keeping.close)
            cloud = Cloud(now=lambda: float(mdm.clock()))
            await cloud.close()
            cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage] - no socket between
            key, password = new_key(), mdm.sample["teachers"][0]["password"]
            asked = csr(key, name)
            signed = await cloud.sign_in("http://mdm", mdm.school, "lambert", password, asked)
            papers = await papers_of(cloud, "http://mdm", key, signed)
            await keeping.keep_papers(papers)
            made.append(Computer(mdm, cloud, keeping, Papers(papers, lambda: 0.0)))
        yield made


def device_law(mdm: Mdm, papers: Papers) -> Law:
    earth = Earth(floor_now=float(mdm.clock()))
    deny = DenyLists(papers.school)
    return Law("dev-1", papers.school, earth, Mandates(earth.boot), deny)


def obeys(law: Law, papers: Papers) -> None:
    """Judge as a device does: who has dialled, then what is shown."""
    der = papers.identity.certificate.public_bytes(Encoding.DER)
    floor, denied = law.ground.floor(), law.deny_lists.denied.keys
    peer = accept(der, law.school, floor, "teacher", denied)
    grant = read_grant(papers.grant(), papers.school)
    lesson = f"lesson-{thumbprint(peer.key)[:8]}"
    mandate = mandate_for(
        papers.identity,
        grant=grant.id,
        name=lesson,
        lesson=lesson,
        class_id=grant.classes[0],
        school=papers.school.id,
        issued_at=int(floor),
    )
    assert law.read(papers.grant(), mandate, peer).seen is not None


async def test_each_renews_its_own_right_and_a_device_obeys_both(
    mdm: Mdm, computers: list[Computer]
) -> None:
    for _ in range(2):
        mdm.clock.at += RENEWED_AFTER_SECONDS + 1
        for one in computers:
            assert await one.renewing.once()
            again = await one.started_again()
            assert again.papers.grant_is_ours
            assert again.papers.grant_issued_at == mdm.clock.at
            obeys(device_law(mdm, again.papers), again.papers)
    mdm.clock.at += int(LEAF.total_seconds()) - RENEWED_BEFORE_SECONDS - 3 * 86_400
    for one in computers:
        password = mdm.sample["teachers"][0]["password"]
        await one.cloud.sign_in("http://mdm", mdm.school, "lambert", password)
        assert not await one.renewing.certificate()
    mdm.clock.at += 2 * 86_400
    for one in computers:
        assert await one.renewing.certificate()
        assert await one.renewing.once()
        again = await one.started_again()
        obeys(device_law(mdm, again.papers), again.papers)


@on_sqlite
async def test_who_is_ended_is_so_on_both(mdm: Mdm, computers: list[Computer]) -> None:
    law = device_law(mdm, computers[0].papers)
    for one in computers:
        obeys(law, one.papers)
    await end_person(mdm.ground, mdm.school, LAMBERT)
    keller = bearer((await mdm.sign_in("keller"))["token"])
    told = (await mdm.http.get("/api/trust", headers=keller)).json()
    assert law.deny_lists.take(told["deny_list"])
    for one in computers:
        with pytest.raises(NotPaired, match="revoked"):
            obeys(law, one.papers)
        grant = read_grant(one.papers.grant(), one.papers.school)
        with pytest.raises(NotAllowed):
            law.deny_lists.denied.check(grant, "grant")


@on_sqlite
async def test_a_key_that_is_not_the_askers_is_granted_nothing(
    mdm: Mdm, computers: list[Computer]
) -> None:
    first, second = computers
    keller = bearer((await mdm.sign_in("keller"))["token"])
    asked = await mdm.http.post(f"/api/grants?key={first.key()}", headers=keller)
    assert (asked.status_code, asked.json()["code"]) == (409, "no-certificate")
    with pytest.raises(Refused, match="no-certificate"):
        await first.cloud.grant("0" * 64)
    before = read_grant((await first.cloud.grant()).grant, first.papers.school)
    assert before.thumbprint == second.key(), "an app of before does not say which"
    mdm.clock.at += int(LEAF.total_seconds())
    password = mdm.sample["teachers"][0]["password"]
    await first.cloud.sign_in("http://mdm", mdm.school, "lambert", password)
    with pytest.raises(Refused, match="no-certificate"):
        await first.cloud.grant(first.key())


@on_sqlite
async def test_a_store_that_an_app_of_before_gave_the_others_grant_is_mended(
    mdm: Mdm, computers: list[Computer]
) -> None:
    first, _ = computers
    others = await first.cloud.grant()
    with pytest.raises(NotAllowed, match="another-key"):
        first.papers.renew(replace(first.papers.signed, grant=others.grant))
    await first.keeping.change_papers(grant=others.grant)
    spoilt = await first.started_again()
    assert not spoilt.papers.grant_is_ours
    assert not spoilt.papers.still_good(float(mdm.clock()))
    assert await spoilt.renewing.once(), "at once, whatever its age"
    mended = await first.started_again()
    obeys(device_law(mdm, mended.papers), mended.papers)
