"""A teacher without a class against the real application: in, with nothing to see."""

import pytest
from msgspec.structs import replace

from central_mdm.roster.feed import publish
from central_mdm.roster.rules import give_class, take_class
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import Sync
from classroom_app.papers import Papers, SignedPapers
from classroom_app.renewing import Renewing
from classroom_app.signing_in import papers_of
from device_bridge.trust.identity import csr, new_key
from tests.mdm import Mdm
from tests.sync_store import MemoryStore, Trusting

pytestmark = pytest.mark.real_loop
LAMBERT = "t-lambert"


class Drawer:
    """Holds the papers of whoever is signed in."""

    def __init__(self, signed: SignedPapers) -> None:
        self.signed = signed

    async def papers(self) -> SignedPapers | None:
        return self.signed

    async def change_papers(self, **changed: object) -> None:
        self.signed = replace(self.signed, **changed)


async def test_who_has_no_class_signs_in_sees_none_and_gets_the_right_with_the_first(
    mdm: Mdm,
) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        for each in ("5B", "4A"):
            news = await take_class(connection, mdm.school, LAMBERT, each)
            await publish(connection, mdm.school, news)
    cloud, key = Cloud(), new_key()
    await cloud.close()
    cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage] - no socket between
    password = mdm.sample["teachers"][0]["password"]
    signed = await cloud.sign_in("http://mdm", mdm.school, "lambert", password, csr(key, "lambert"))

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
    assert await Renewing(cloud, drawer, papers, lambda: False, lambda: now).once()
    assert papers.may("watch")
    assert papers.discovery() == bytes.fromhex(drawer.signed.discovery)
    assert drawer.signed.discovery
