"""Signing in with an account that is kept elsewhere: a real provider, in a process of its own."""

import asyncio
import hashlib
import time
from base64 import b32decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from msgspec import json

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.openid import OpenIdAsked, OpenIdBegun, OpenIdDone
from central_mdm.fleet.ended import choose_role
from central_mdm.identity.audit import acts_before
from central_mdm.identity.openid import Provider, choose_provider, link
from central_mdm.identity.openid_tokens import read_id_token
from central_mdm.identity.providers import ASKS_MAX, Providers
from central_mdm.identity.second_factor import STEP_SECONDS, code_at
from central_mdm.platform.errors import Busy, Malformed, NotSignedIn
from classroom_app.cloud.account import Account
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import CodeAsked, NoBrowser, NoFactor
from tests.mdm import Mdm, bearer, new_request
from tests.provider import TOKEN_SECONDS, provider, sign_in_there
from tests.school import spoilt
from tests.second_factors import apart

pytestmark = pytest.mark.real_loop
RETURNS = "http://127.0.0.1:40404/signed-in"
VERIFIER = "v" * 43
BASE64URL = ascii_uppercase + ascii_lowercase + digits + "-_"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as called:
        yield called


@pytest.fixture
async def school(mdm: Mdm, issuer: str) -> Mdm:
    """Let a school's people sign in at the provider, by whose clock it is now."""
    mdm.clock.at = int(time.time())
    registered = Provider(issuer, "pupitre", "hush", "The region's account", "uid")
    await choose_provider(mdm.ground, mdm.school, registered)
    return mdm


async def begun(mdm: Mdm) -> tuple[str, str]:
    challenge = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    asked = {"school": mdm.school, "returns": RETURNS, "challenge": challenge}
    answer = (await mdm.http.post("/api/openid", json=asked)).json()
    return answer["address"], answer["state"]


async def browsed(address: str, subject: str, uid: str = "", **other: str) -> str:
    """Sign in as a browser would; `other` is what somebody changed in the address."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | other
    there = f"{parts.scheme}://{parts.netloc}"
    async with httpx.AsyncClient() as browser:
        (await browser.put(f"{there}/users/{subject}", json={"uid": uid})).raise_for_status()
        answer = await browser.post(
            f"{there}{parts.path}?{urlencode(query)}", data={"sub": subject}
        )
    back = urlsplit(answer.headers["location"])
    told = parse_qs(back.query)
    assert f"{back.scheme}://{back.netloc}{back.path}" == RETURNS
    assert told["state"] == [query["state"]]
    return told["code"][0]


def next_to(letter: str) -> str:
    """Return the letter of base64url whose last bit alone is another."""
    return BASE64URL[BASE64URL.index(letter) ^ 1]


async def finished(
    mdm: Mdm, code: str, state: str, verifier: str = VERIFIER
) -> tuple[int, dict[str, Any]]:
    done = {"school": mdm.school, "code": code, "state": state, "verifier": verifier}
    answer = await mdm.http.post("/api/openid/code", json=done | {"csr": new_request()})
    return answer.status_code, answer.json()


async def test_a_person_whose_account_is_linked_signs_in_and_a_stranger_does_not(
    school: Mdm,
) -> None:
    ways = await school.http.get(f"/api/sign-in-ways?school={school.school}")
    assert ways.json() == {"openid": "The region's account"}
    assert (await school.http.get("/api/sign-in-ways?school=x")).json() == {"openid": ""}
    async with school.ground.database.writing(school.school) as connection:
        await link(connection, school.school, "t-lambert", "4711")
    address, state = await begun(school)
    status, signed = await finished(school, await browsed(address, "4711"), state)
    assert (status, signed["teacher"]) == (200, "t-lambert")
    assert signed["certificate"]
    fine = await school.http.get("/api/scopes", headers=bearer(signed["token"]))
    assert fine.status_code == 200
    address, state = await begun(school)
    status, told = await finished(school, await browsed(address, "4712"), state)
    assert (status, told["code"]) == (403, "unknown-account")


async def test_the_schools_claim_links_an_account_once_and_never_who_administrates(
    school: Mdm,
) -> None:
    async def signed(subject: str, uid: str) -> tuple[int, str]:
        address, state = await begun(school)
        status, told = await finished(school, await browsed(address, subject, uid), state)
        return status, told.get("teacher") or told["code"]

    assert await signed("k-1", "keller") == (200, "t-keller")
    assert await signed("k-1", "lambert") == (200, "t-keller"), "by the subject alone"
    assert await signed("k-2", "keller") == (403, "unknown-account"), "another's account claims it"
    await choose_role(school.ground, school.school, "t-lambert", "administrator")
    assert await signed("l-1", "lambert") == (403, "unknown-account"), "linked by hand only"
    async with school.ground.database.reading(school.school) as connection:
        acts = (await acts_before(connection, school.school, 0)).acts
    assert [(act.act, act.object) for act in acts] == [("openid-linked", "t-keller")]
    by_mail = Provider("https://there", "pupitre", "hush", "There", "email")
    with pytest.raises(Malformed, match="claim"):
        await choose_provider(school.ground, school.school, by_mail)


async def test_what_was_changed_replayed_or_is_another_apps_signs_nobody_in(school: Mdm) -> None:
    async with school.ground.database.writing(school.school) as connection:
        await link(connection, school.school, "t-lambert", "4711")
    address, state = await begun(school)
    other = await browsed(address, "4711", nonce="another")
    assert (await finished(school, other, state))[1]["code"] == "openid-nonce"
    code = await browsed(address, "4711")
    assert (await finished(school, code, state, "w" * 43))[1]["code"] == "openid-state"
    for at in (0, len(state) // 2, len(state) - 1):
        changed = state[:at] + next_to(state[at]) + state[at + 1 :]
        assert (await finished(school, code, changed))[1]["code"] == "openid-state", at
    assert (await finished(school, code, state))[0] == 200
    assert (await finished(school, code, state))[1]["code"] == "openid-refused", "the code again"
    again = await browsed(address, "4711")
    assert len(state) % 4, "its last letter has bits that say nothing"
    for same in (state, state[:-1] + next_to(state[-1])):
        told = (await finished(school, again, same))[1]
        assert told["code"] == "openid-state", "the state again"
    foreign = await browsed((await begun(school))[0], "4711", client_id="another-app")
    assert (await finished(school, foreign, (await begun(school))[1]))[0] == 401
    address, state = await begun(school)
    late = await browsed(address, "4711")
    school.clock.at += TOKEN_SECONDS + 120
    assert (await finished(school, late, state))[1]["code"] == "openid-expired"
    school.clock.at += 600
    assert (await finished(school, late, state))[1]["code"] == "openid-state", "after ten minutes"


async def test_a_provider_that_hangs_leaves_the_room_to_others(
    school: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central_mdm.identity.providers.WHOLE_SECONDS", 0.5)

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hangs, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        providers = Providers(school.clock)
        waits = [providers.about(f"http://{host}:{port}") for _ in range(ASKS_MAX + 5)]
        told = await asyncio.gather(*waits, return_exceptions=True)
    assert all(isinstance(each, Busy) for each in told)
    codes = Counter(each.code for each in told if isinstance(each, Busy))
    assert codes == {"provider-away": ASKS_MAX, "busy": 5}


@dataclass
class Asks:
    """The app's part of the server, in front of the one of this test."""

    mdm: Mdm

    async def begin_account(self, url: str, asked: OpenIdAsked) -> OpenIdBegun:
        answer = await self.mdm.http.post(f"{url}/api/openid", content=json.encode(asked))
        return json.decode(answer.content, type=OpenIdBegun)

    async def finish_account(self, done: OpenIdDone) -> SignedIn:
        answer = await self.mdm.http.post("/api/openid/code", content=json.encode(done))
        return json.decode(answer.content, type=SignedIn)


@dataclass
class Browser:
    """Is shown one page; `told` is what it read on loopback."""

    shown: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])
    told: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def show(self, page: str) -> bool:
        self.shown.put_nowait(page)
        return True

    async def browse(self) -> None:
        page = await self.shown.get()
        query = parse_qs(urlsplit(page).query)
        here = query["redirect_uri"][0].removesuffix("/signed-in")
        async with httpx.AsyncClient() as http:
            for stray in ("/", "/signed-in?code=x&state=another", "/signed-in"):
                self.told.append(((await http.get(here + stray)).status_code, ""))
            last = await sign_in_there(http, page, "4711")
            self.told.append((last.status_code, last.text))


async def test_the_app_hears_its_browser_on_loopback_and_nobody_else(school: Mdm) -> None:
    async with school.ground.database.writing(school.school) as connection:
        await link(connection, school.school, "t-lambert", "4711")
    browser = Browser()
    account = Account(Asks(school), browser.show, lambda: "Go on.")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(browser.browse())
        signed = await account.sign_in("", school.school, new_request())
    assert signed is not None
    assert (signed.teacher, bool(signed.certificate)) == ("t-lambert", True)
    assert browser.told == [(404, ""), (404, ""), (404, ""), (200, "Go on.")]
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(account.sign_in("", school.school, ""))
        await browser.shown.get()
        account.give_up()
    assert waits.result() is None
    with pytest.raises(NoBrowser):
        await Account(Asks(school), lambda _: False, str).sign_in("", school.school, "")


async def test_a_token_for_another_program_or_by_another_key_is_not_ours(
    school: Mdm, issuer: str
) -> None:
    address, _ = await begun(school)
    code = await browsed(address, "4711", client_id="another-app", nonce="n")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": RETURNS}
    async with httpx.AsyncClient(auth=("another-app", "x")) as another:
        answer = await another.post(f"{issuer}/oauth2/token", data=form)
    token: str = answer.json()["id_token"]
    providers = Providers(school.clock)
    claims = await read_id_token(token, issuer, providers)
    claims.judge(issuer, "another-app", "n", school.clock.at)
    for asked in ((issuer, "pupitre", "n"), (issuer, "another-app", ""), ("x", "another-app", "n")):
        with pytest.raises(NotSignedIn):
            claims.judge(*asked, school.clock.at)
    _, body, _ = token.split(".")
    unsigned = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for forged in (spoilt(token), f"{unsigned}.{body}.", "x", ""):
        with pytest.raises(NotSignedIn):
            await read_id_token(forged, issuer, providers)


async def test_who_administrates_signs_in_by_the_account_and_a_code_and_no_password(
    school: Mdm,
) -> None:
    await choose_role(school.ground, school.school, "t-lambert", "administrator")
    async with school.ground.database.writing(school.school) as connection:
        await link(connection, school.school, "t-lambert", "4711")
    cloud, request = Cloud(), new_request()
    await cloud.close()
    cloud._http = school.http  # pyright: ignore[reportPrivateUsage] - no socket between

    async def by_account() -> None:
        browser = Browser()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(browser.browse())
            account = Account(cloud, browser.show, lambda: "Go on.")
            await account.sign_in("http://mdm", school.school, request)

    secret = b""
    for lacks in (NoFactor, CodeAsked):
        with pytest.RaisesGroup(lacks):
            await by_account()
        if not secret:
            made = await cloud.choose_factor()
            secret = b32decode(parse_qs(urlsplit(made.uri).query)["secret"][0])
            school.clock.at = apart(secret, school.clock.at)
        signed = await cloud.give_code(code_at(secret, school.clock.at // STEP_SECONDS), request)
        assert (signed.teacher, bool(signed.certificate)) == ("t-lambert", True)
        school.clock.at += STEP_SECONDS
