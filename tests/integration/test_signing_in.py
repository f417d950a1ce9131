"""A teacher without a class against the real application: in, with nothing to see."""

from base64 import b32decode
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from central_mdm.contract.identity import SignedIn
from central_mdm.fleet.ended import choose_role
from central_mdm.identity.revocation import end_device
from central_mdm.identity.second_factor import STEP_SECONDS, code_at
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import give_class, take_class
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import CodeAsked, NoFactor, Refused, WrongCode
from classroom_app.cloud.sync import Sync
from classroom_app.domain.lesson import Roster
from classroom_app.papers import Papers, SignedPapers
from classroom_app.renewing import Renewing
from classroom_app.signing_in import bring_held, papers_of
from device_bridge.trust.identity import csr, new_key
from tests.mdm import Mdm, new_request
from tests.restored import forget_who_was_ended
from tests.sync_store import MemoryStore, Trusting

pytestmark = pytest.mark.real_loop
LAMBERT = "t-lambert"


class Drawer:
    """Holds the papers of whoever is signed in."""

    def __init__(self, signed: SignedPapers) -> None:
        self.signed = signed

    async def classes(self) -> tuple[Roster, ...]:
        return ()

    async def papers(self) -> SignedPapers | None:
        return self.signed

    async def change_papers(self, **changed: object) -> None:
        self.signed = replace(self.signed, **changed)


async def cloud_of(mdm: Mdm) -> Cloud:
    cloud = Cloud()
    await cloud.close()
    cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage] - no socket between
    return cloud


async def signed_in(
    mdm: Mdm, cloud: Cloud, key: Ed25519PrivateKey, login: str = "lambert"
) -> SignedIn:
    password = next(one["password"] for one in mdm.sample["teachers"] if one["login"] == login)
    return await cloud.sign_in("http://mdm", mdm.school, login, password, csr(key, login))


async def test_who_has_no_class_signs_in_sees_none_and_gets_the_right_with_the_first(
    mdm: Mdm,
) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        for each in ("5B", "4A"):
            news = await take_class(connection, mdm.school, LAMBERT, each)
            await publish(connection, mdm.school, news)
    cloud, key = await cloud_of(mdm), new_key()
    signed = await signed_in(mdm, cloud, key)
    papers = Papers(await papers_of(cloud, "http://mdm", key, signed), lambda: 0.0)
    assert (papers.grant(), papers.may("watch")) == ("", False)
    store = MemoryStore()
    await Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0).once()
    assert store.rows == {f"teacher:{LAMBERT}": {}}

    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await give_class(connection, mdm.school, LAMBERT, "5B")
        await publish(connection, mdm.school, news)
    drawer = Drawer(papers.signed)
    now = float(mdm.clock())
    takes = Trusting()
    assert await Renewing(cloud, drawer, papers, lambda: False, lambda: now, takes.deny).once()
    assert papers.may("watch")
    assert papers.discovery() == bytes.fromhex(drawer.signed.discovery)
    assert drawer.signed.discovery


async def test_who_signs_in_anew_at_a_server_set_back_to_a_copy_brings_the_list_it_has_lost(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    device = mdm.sample["devices"][0]
    asked = {"code": device["code"], "csr": new_request(), "inventory": {"kind": "laptop"}}
    assert (await mdm.http.post("/api/enrolments", json=asked)).status_code == 200
    await end_device(mdm.ground, mdm.school, device["device"])
    cloud, key = await cloud_of(mdm), new_key()
    signed = await signed_in(mdm, cloud, key)
    await bring_held(cloud, None, signed)
    held = await papers_of(cloud, "http://mdm", key, signed)
    ended = Papers(held, lambda: 0.0).deny_lists.denied.keys
    assert ended
    await forget_who_was_ended(mdm)
    mdm.clock.at += 1
    signed = await signed_in(mdm, cloud, key)
    await bring_held(cloud, held, signed)
    caplog.clear()  # the server says that it has ended somebody again
    papers = Papers(await papers_of(cloud, "http://mdm", key, signed), lambda: 0.0)
    assert papers.deny_lists.denied.keys == ended
    assert papers.deny_lists.denied.number == mdm.clock.at


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_administrates_chooses_a_second_factor_here_and_then_teaches_as_well(
    mdm: Mdm,
) -> None:
    await choose_role(mdm.ground, mdm.school, LAMBERT, "administrator")
    cloud, key = await cloud_of(mdm), new_key()
    with pytest.raises(NoFactor):
        await signed_in(mdm, cloud, key)
    made = await cloud.choose_factor()
    secret = b32decode(parse_qs(urlsplit(made.uri).query)["secret"][0])
    with pytest.raises(WrongCode):
        await cloud.give_code(made.recovery[0], csr(key, "lambert"))
    code = code_at(secret, mdm.clock.at // STEP_SECONDS)
    signed = await cloud.give_code(code, csr(key, "lambert"))
    papers = Papers(await papers_of(cloud, "http://mdm", key, signed), lambda: 0.0)
    assert papers.may("watch"), "a head of a small school has classes, too"
    with pytest.raises(CodeAsked):
        await signed_in(mdm, cloud, key)
    with pytest.raises(Refused, match="enrolled"):
        await cloud.choose_factor()
    again = await cloud.give_code(made.recovery[0], csr(key, "lambert"))
    assert (again.teacher, bool(again.certificate)) == (LAMBERT, True)
