"""A request whose answer was lost is sent again by its key, and done once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from central_mdm.fleet.ended import choose_role
from central_mdm.fleet.wanted_model import urgent
from central_mdm.identity.model import audit_acts, certificates
from central_mdm.identity.rules import open_school
from central_mdm.platform.answers import Asked, answers, take_turn
from central_mdm.platform.api import KEY_HEADER
from central_mdm.roster.model import classes
from central_mdm.tidying import Retention, tidy
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import Unreachable
from tests.mdm import Mdm, bearer, request_by, running
from tests.mdm_askers import administrators

pytestmark = pytest.mark.real_loop
DAY: Final = 86_400
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
BY_KEY: Final = frozenset(
    {
        "POST /api/admin/archives",
        "POST /api/admin/classes",
        "POST /api/admin/moves",
        "POST /api/admin/places",
        "POST /api/admin/pupils",
        "POST /api/fleet/declarations",
        "POST /api/fleet/found",
        "POST /api/fleet/lost",
        "POST /api/renewals",
        "POST /api/successors",
    }
)
BY_ITSELF: Final = frozenset(
    {
        "POST /api/admin/imports",
        "POST /api/admin/returns",
        "POST /api/admin/teaching",
        "POST /api/carried",
        "POST /api/check-in",
        "POST /api/enrolments",
        "POST /api/files",
        "POST /api/files/lacking",
        "POST /api/fleet/groups",
        "POST /api/fleet/orders",
        "POST /api/grants",
        "POST /api/journal",
        "POST /api/journal/heads",
        "POST /api/openid",
        "POST /api/proofs",
        "POST /api/receipts",
        "POST /api/region/schools",
        "POST /api/reports",
        "PUT /api/chunks/{name}",
        "POST /api/trust",
    }
)
"""Ids are the sender's, or what is asked is how something is to be from now on."""
SECRET: Final = frozenset(
    {
        "POST /api/openid/code",
        "POST /api/refresh",
        "POST /api/region/schools/{member}/visits",
        "POST /api/second-factor",
        "POST /api/second-factor/enrolment",
        "POST /api/sign-in",
    }
)
"""They answer with what lets somebody in, which is kept nowhere."""

NO_KEYS: Final = (
    ("monday",), ('""',), ('"',), ("",), ('"a"b"',), (f'"{"k" * 65}"',), ('"é"',),
    ('"a\\b"',), ('"a";q=1',), ('"a", "b"',), ('"a"', '"b"'), ('"tab\t"',),
)  # fmt: skip


@on_sqlite
async def test_of_each_route_that_changes_something_it_is_known_what_twice_does(mdm: Mdm) -> None:
    described = mdm.app.openapi_schema.to_schema()["paths"]
    changing = {
        f"{method.upper()} {path}": told
        for path, methods in described.items()
        for method, told in methods.items()
        if method != "get"
    }
    assert set(changing) == BY_KEY | BY_ITSELF | SECRET
    keyed = {
        label
        for label, told in changing.items()
        if KEY_HEADER in {each["name"] for each in told.get("parameters", ())}
    }
    assert keyed == BY_KEY
    assert all({"409", "422"} <= set(changing[label]["responses"]) for label in keyed)


class Office:
    """An administrator's program."""

    def __init__(self, mdm: Mdm, headers: dict[str, str]) -> None:
        self.mdm, self.headers = mdm, headers

    async def ask(self, path: str, body: dict[str, Any], *keys: str) -> httpx.Response:
        headers = [*self.headers.items(), *((KEY_HEADER, key) for key in keys)]
        return await self.mdm.http.post(path, json=body, headers=headers)

    async def count(self, table: Any, *which: Any) -> int:  # noqa: ANN401 - SQLAlchemy's
        async with self.mdm.ground.database.reading(self.mdm.school) as connection:
            mine = select(func.count()).select_from(table).where(table.c.school == self.mdm.school)
            return (await connection.execute(mine.where(*which))).scalar_one()


@pytest.fixture
async def office(mdm: Mdm) -> Office:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    return Office(mdm, await mdm.as_administrator("t-sane"))


async def test_a_class_whose_answer_was_lost_is_one_class_and_one_act(office: Office) -> None:
    asked = {"name": "6e A"}
    before = await office.count(classes), await office.count(audit_acts)
    lost = await office.ask("/api/admin/classes", asked, '"monday"')
    again = await office.ask("/api/admin/classes", asked, '"monday"')
    assert (lost.status_code, again.status_code) == (200, 200)
    assert again.content == lost.content
    assert again.headers["content-type"] == lost.headers["content-type"]
    after = await office.count(classes), await office.count(audit_acts)
    assert after == (before[0] + 1, before[1] + 1)
    fresh = await office.ask("/api/admin/classes", asked, '"tuesday"')
    assert fresh.json()["id"] != lost.json()["id"], "a fresh key is a fresh intent"
    for path, other in (("classes", {"name": "6e B"}), ("archives", asked)):
        reused = await office.ask(f"/api/admin/{path}", other, '"monday"')
        assert (reused.status_code, reused.json()["code"]) == (422, "key-reused")
    assert await office.count(classes) == before[0] + 2


async def test_each_act_by_key_is_done_once_where_twice_would_be_refused_or_be_two(
    office: Office,
) -> None:
    pupil, device = (office.mdm.sample["devices"][0][name] for name in ("pupil", "device"))
    made = (await office.ask("/api/admin/classes", {"name": "6e A"})).json()["id"]
    missing = {"device": device, "text": "Call us"}
    told = {"scope": "school", "feature": "screen_timeout", "body": {"seconds": 60}}
    pupils = {"class_id": made, "given_name": "Zoé", "family_name": "Sow"}
    acts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/api/admin/pupils", pupils),
        ("/api/admin/moves", {"pupil": pupil, "from_class": "5B", "to_class": made}),
        ("/api/admin/places", {"devices": [device], "from_class": made, "to_class": "5B"}),
        ("/api/fleet/declarations", told),
        ("/api/fleet/lost", missing),
        ("/api/fleet/found", {"device": device}),
        ("/api/admin/archives", {"classes": [made]}),
    )
    for path, body in acts:
        before = await office.count(audit_acts)
        answers_ = [await office.ask(path, body, f'"{path}"') for _ in range(2)]
        assert [one.status_code for one in answers_] == [200, 200], (path, answers_[0].text)
        assert answers_[0].content == answers_[1].content
        assert await office.count(audit_acts) == before + 1, path
    assert await office.count(urgent) == 1


async def test_nobody_else_hears_what_was_answered_to_a_key(office: Office) -> None:
    mdm, asked = office.mdm, {"name": "6e A"}
    await choose_role(mdm.ground, mdm.school, "t-keller", "administrator")
    colleague = Office(mdm, await mdm.as_administrator("t-keller"))
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    tokens = await administrators(mdm.ground, "elsewhere")
    stranger = Office(mdm, bearer(tokens["administrator"]))
    here = [each.ask("/api/admin/classes", asked, '"a key"') for each in (office, colleague)]
    mine, theirs = [(await each).json()["id"] for each in here]
    far = (await stranger.ask("/api/admin/classes", asked, '"a key"')).json()["id"]
    assert len({mine, theirs, far}) == 3
    other = await stranger.ask("/api/admin/classes", {"name": "6e B"}, '"a key"')
    assert other.status_code == 422, "their own key tells them so, nobody else's"


@on_sqlite
async def test_a_refusal_is_not_kept_and_what_it_would_have_done_is_done_later(
    office: Office,
) -> None:
    device = office.mdm.sample["devices"][0]["device"]
    early = await office.ask("/api/fleet/found", {"device": device}, '"found"')
    assert early.status_code == 404
    await office.ask("/api/fleet/lost", {"device": device, "text": "Call us"})
    assert (await office.ask("/api/fleet/found", {"device": device}, '"found"')).is_success
    assert await office.count(answers) == 1


@on_sqlite
async def test_what_is_no_key_is_refused_before_anything_is_done(office: Office) -> None:
    before = await office.count(classes)
    for keys in NO_KEYS:
        headers = [*office.headers.items(), *((KEY_HEADER, key) for key in keys)]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        refused = await office.mdm.http.post("/api/admin/classes", json={"name": "6"}, headers=raw)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad-key"), keys
    assert await office.count(classes) == before


@on_sqlite
async def test_a_key_of_64_characters_and_their_escapes_is_one(office: Office) -> None:
    for key in ('"' + "k" * 64 + '"', '"' + '\\"' * 32 + "\\\\" * 32 + '"'):
        ids = [await office.ask("/api/admin/classes", {"name": "6"}, key) for _ in range(2)]
        assert ids[0].json() == ids[1].json()
    assert await office.count(answers, func.length(answers.c.key) == 64) == 2


@on_sqlite
async def test_after_a_day_an_answer_is_over_and_tidied_away(office: Office) -> None:
    mdm, asked = office.mdm, {"name": "6e A"}
    first = await office.ask("/api/admin/classes", asked, '"a key"')
    mdm.clock.at += DAY
    office.headers = await mdm.as_administrator("t-sane")
    second = await office.ask("/api/admin/classes", asked, '"a key"')
    assert first.json() != second.json()
    assert (await tidy(mdm.ground, mdm.school, Retention())).answers == 0
    mdm.clock.at += DAY
    assert (await tidy(mdm.ground, mdm.school, Retention())).answers == 1
    assert await office.count(answers) == 0


@on_postgresql
async def test_equal_requests_to_two_servers_at_once_act_once(
    office: Office, tmp_path: Path
) -> None:
    mdm, before = office.mdm, await office.count(classes)
    url = mdm.ground.database.url.render_as_string(hide_password=False)
    async with running(tmp_path, url) as second:
        servers = office, Office(second, office.headers)
        asked = [each.ask("/api/admin/classes", {"name": "6e A"}, '"at once"') for each in servers]
        asked += [office.ask("/api/admin/classes", {"name": "6e A"}, '"at once"') for _ in range(4)]
        heard = await asyncio.gather(*asked)
    done = [each for each in heard if each.status_code == 200]
    waits = [each.json()["code"] for each in heard if each.status_code == 409]
    assert waits == ["in-flight"] * (6 - len(done))
    assert len({each.content for each in done}) == 1
    assert await office.count(classes) == before + 1


@on_sqlite
async def test_over_sqlite_who_asks_at_once_waits_and_hears_the_same(office: Office) -> None:
    before = await office.count(classes)
    asked = [office.ask("/api/admin/classes", {"name": "6e A"}, '"at once"') for _ in range(6)]
    heard = await asyncio.gather(*asked)
    assert {(each.status_code, each.content) for each in heard} == {(200, heard[0].content)}
    assert await office.count(classes) == before + 1


@on_postgresql
async def test_who_asks_while_it_is_being_done_is_told_when_to_come_back(office: Office) -> None:
    mdm, asked = office.mdm, {"name": "6e A"}
    mine = Asked(mdm.school, "teacher:t-sane", "slow")
    async with mdm.ground.database.writing(mdm.school) as connection:
        assert await take_turn(connection, mine)
        early = await office.ask("/api/admin/classes", asked, '"slow"')
        assert (early.status_code, early.json()["code"]) == (409, "in-flight")
        assert early.headers["retry-after"] == "1"
        assert (await office.ask("/api/admin/classes", asked, '"another"')).is_success
    assert (await office.ask("/api/admin/classes", asked, '"slow"')).is_success


async def test_what_fails_at_the_end_leaves_neither_act_nor_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = await office.count(classes), await office.count(audit_acts)

    async def full(*_: object) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr("central_mdm.platform.once.keep", full)
        failed = await office.ask("/api/admin/classes", {"name": "6e A"}, '"a key"')
    assert (failed.status_code, failed.json()["code"]) == (503, "busy")
    assert caplog.messages == ["the disk is full"]
    caplog.clear()
    assert (await office.count(classes), await office.count(audit_acts)) == before
    assert (await office.ask("/api/admin/classes", {"name": "6e A"}, '"a key"')).is_success


@on_sqlite
async def test_a_school_that_a_region_opened_is_opened_once(mdm: Mdm) -> None:
    tokens = await administrators(mdm.ground, mdm.school)
    region = Office(mdm, bearer(tokens["region"]))
    for name, status in (("A new one", 201), ("A new one", 201), ("Another", 409)):
        body = {"school": "new-one", "name": name}
        assert (await region.ask("/api/region/schools", body)).status_code == status
    async with mdm.ground.database.reading("new-one") as connection:
        opened = select(func.count()).select_from(audit_acts)
        assert (
            await connection.execute(opened.where(audit_acts.c.school == "new-one"))
        ).scalar() == 1


class Lossy(httpx.AsyncBaseTransport):
    """A line on which the server hears each request, and of some the answer is lost."""

    def __init__(self, mdm: Mdm, lost: str) -> None:
        self._line = httpx.ASGITransport(mdm.app)  # pyright: ignore[reportArgumentType] - two names for ASGI
        self.lost, self.carried = lost, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._line.handle_async_request(request)
        if request.url.path == self.lost:
            self.carried += 1
            if self.carried == 1:
                raise httpx.ReadError("cut off")
        return answer


@asynccontextmanager
async def an_app(line: httpx.AsyncBaseTransport, kept: list[str]) -> AsyncGenerator[Cloud]:
    """Run a teacher's app, which knows the refresh token that it kept last."""
    cloud = Cloud(lambda signed: kept.append(signed.refresh))
    await cloud.close()
    cloud._http = httpx.AsyncClient(transport=line)  # pyright: ignore[reportPrivateUsage]
    cloud.resume("http://mdm", kept[-1])
    yield cloud
    await cloud.close()


@on_sqlite
async def test_an_app_that_is_started_anew_after_a_lost_answer_gets_the_very_papers(
    office: Office,
) -> None:
    mdm, own, device = office.mdm, Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    code = mdm.sample["devices"][0]["code"]
    enrol = {"code": code, "csr": request_by(device), "inventory": {"kind": "laptop"}}
    assert (await mdm.http.post("/api/enrolments", json=enrol)).is_success
    await mdm.sign_in(csr=request_by(own))
    mdm.clock.at += 366 * DAY
    shown = device.public_key().public_bytes_raw().hex()

    async def renew(app: Cloud) -> object:
        return await app.renew_certificate(request_by(own))

    async def succeed(app: Cloud) -> object:
        return await app.papers_for(shown)

    for path, papers in (("/api/renewals", renew), ("/api/successors", succeed)):
        line, before = Lossy(mdm, path), await office.count(certificates)
        kept = [(await mdm.sign_in())["refresh"]]
        async with an_app(line, kept) as app:
            with pytest.raises(Unreachable):
                await papers(app)
        async with an_app(line, kept) as app:
            assert await papers(app) == await papers(app)
        assert (line.carried, await office.count(certificates)) == (3, before + 1)
