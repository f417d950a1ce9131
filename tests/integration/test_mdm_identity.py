"""Signing in, tokens, certificates, grants; on SQLite and on PostgreSQL."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc import jws
from joserfc.jwk import OKPKey
from msgspec import json
from sqlalchemy import func, select, update

from central_mdm.contract.grants import GRANT_TYPE, Grant
from central_mdm.contract.identity import Problem
from central_mdm.contract.names import Party, party_of
from central_mdm.fleet.ended import end_person
from central_mdm.identity import attempts
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.model import certificates, refresh_tokens
from central_mdm.identity.passwords import NOBODY, hash_password, matches
from central_mdm.identity.people import Person, add_person, choose_password
from central_mdm.platform.authentication import hash_of
from central_mdm.platform.errors import TooFast, TryAgain
from central_mdm.platform.limits import Rates
from central_mdm.platform.workers import Queue, Workers
from tests.mdm import Mdm, bearer, new_request, request_by

pytestmark = pytest.mark.real_loop


def code(content: bytes) -> str:
    return json.decode(content, type=Problem).code


async def test_a_teacher_signs_in_and_gets_papers_that_the_schools_root_vouches_for(
    mdm: Mdm,
) -> None:
    key = Ed25519PrivateKey.generate()
    signed = await mdm.sign_in(csr=request_by(key))
    leaf = x509.load_pem_x509_certificate(signed["certificate"].encode())
    root = x509.load_pem_x509_certificate(signed["root"].encode())
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert party_of(uri) == Party(mdm.school, "teacher", "t-lambert")
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert leaf.public_key() == key.public_key()
    assert 390 < (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days < 400


async def test_a_grant_names_the_teachers_key_and_classes_and_is_signed_by_the_root(
    mdm: Mdm,
) -> None:
    key = Ed25519PrivateKey.generate()
    signed = await mdm.sign_in(csr=request_by(key))
    issued = await mdm.http.post("/api/grants", headers=bearer(signed["token"]))
    root = x509.load_pem_x509_certificate(signed["root"].encode()).public_key()
    assert isinstance(root, Ed25519PublicKey)
    opened = jws.deserialize_compact(
        issued.json()["grant"], OKPKey.import_key(_pem(root)), algorithms=["Ed25519"]
    )
    assert opened.headers() == {"alg": "Ed25519", "typ": GRANT_TYPE}
    grant = json.decode(opened.payload, type=Grant)
    assert grant.thumbprint == thumbprint_of(key.public_key())
    assert grant.classes == ("4A", "5B")
    assert grant.ends_at - grant.issued_at <= 14 * 24 * 3600


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


async def test_without_a_certificate_there_is_no_grant(mdm: Mdm) -> None:
    answer = await mdm.http.post("/api/grants", headers=await mdm.as_teacher())
    assert (answer.status_code, code(answer.content)) == (409, "no-certificate")


async def test_only_a_well_signed_ed25519_request_is_certified(mdm: Mdm) -> None:
    good = new_request()
    middle = len(good) // 2
    spoiled = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    for csr in (request_by(ec.generate_private_key(ec.SECP256R1())), spoiled, "no request"):
        password = mdm.sample["teachers"][0]["password"]
        asked = {"school": mdm.school, "login": "lambert", "password": password, "csr": csr}
        answer = await mdm.http.post("/api/sign-in", json=asked)
        assert (answer.status_code, code(answer.content)) == (400, "bad-csr")


async def test_wrong_passwords_cost_time_and_unknown_logins_cost_the_same(mdm: Mdm) -> None:
    for login in ("lambert", "nobody"):
        asked = {"school": mdm.school, "login": login, "password": "guess"}
        tries = [await mdm.http.post("/api/sign-in", json=asked) for _ in range(7)]
        assert [answer.status_code for answer in tries] == [401] * 5 + [429] * 2
        assert 1 <= int(tries[-1].headers["retry-after"]) <= 900
    mdm.clock.at += 5
    await mdm.sign_in()  # the wait is over, and the right password forgets the failures


async def test_a_login_in_other_capitals_is_the_persons_own(mdm: Mdm) -> None:
    password = mdm.sample["teachers"][0]["password"]
    asked = {"school": mdm.school, "login": "LamBert", "password": password}
    assert (await mdm.http.post("/api/sign-in", json=asked)).status_code == 200
    guess = {"school": mdm.school, "password": "guess"}
    tries = [
        (await mdm.http.post("/api/sign-in", json=guess | {"login": login})).status_code
        for login in ("lambert", "Lambert", "LAMBERT", "lamberT", "lAmbert", "LamberT")
    ]
    assert tries == [401] * 5 + [429], "however it is written, a guess is a guess at one person"
    mdm.clock.at += 5
    other = Person("t-other", "LAMBERT", "Another Lambert", "teacher")
    await add_person(mdm.ground, mdm.school, other, "another password")
    for login, mine in (("LAMBERT", "another password"), ("lambert", password)):
        asked = {"school": mdm.school, "login": login, "password": mine}
        assert (await mdm.http.post("/api/sign-in", json=asked)).status_code == 200
    asked = {"school": mdm.school, "login": "Lambert", "password": password}
    told = await mdm.http.post("/api/sign-in", json=asked)
    assert told.status_code == 401, "of two that differ so, the one that was typed, or none"


async def test_who_is_ended_or_has_another_password_while_signing_in_is_not_in(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = mdm.sample["teachers"][0]["password"]
    asked = {"school": mdm.school, "login": "lambert", "password": password}
    run, meanwhile = Workers.run, list[Callable[[], Awaitable[object]]]()

    async def slow(workers: Workers, work: Callable[..., object], *args: object) -> object:
        done = await run(workers, work, *args)
        if work is matches and meanwhile:
            await meanwhile.pop()()
        return done

    monkeypatch.setattr(Workers, "run", slow)
    meanwhile.append(
        lambda: choose_password(mdm.ground, mdm.school, "lambert", "the next password")
    )
    told = await mdm.http.post("/api/sign-in", json=asked | {"csr": new_request()})
    assert (told.status_code, code(told.content)) == (401, "not-signed-in")
    meanwhile.append(lambda: end_person(mdm.ground, mdm.school, "t-lambert"))
    asked |= {"password": "the next password"}
    told = await mdm.http.post("/api/sign-in", json=asked | {"csr": new_request()})
    assert (told.status_code, code(told.content)) == (401, "not-signed-in")
    async with mdm.ground.database.reading(mdm.school) as connection:
        for mine in (refresh_tokens.c.teacher == "t-lambert", certificates.c.party == "t-lambert"):
            assert not (await connection.execute(select(mine).where(mine))).all()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_certifies_a_computer_after_the_other_fills_no_deny_list(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central_mdm.identity.rules.COMPUTERS_A_DAY", 3)
    here = new_request()
    for csr in (here, here, here, new_request(), new_request()):
        await mdm.sign_in(csr=csr)
    password = mdm.sample["teachers"][0]["password"]
    asked = {"school": mdm.school, "login": "lambert", "password": password}
    told = await mdm.http.post("/api/sign-in", json=asked | {"csr": new_request()})
    assert (told.status_code, code(told.content)) == (429, "too-many-computers")
    assert (await mdm.sign_in(csr=here))["certificate"], "one that is known already"
    assert (await mdm.sign_in())["token"]
    mdm.clock.at += 86_400
    assert (await mdm.sign_in(csr=new_request()))["certificate"]


async def test_twenty_guesses_at_once_are_counted_as_twenty_one_after_the_other(mdm: Mdm) -> None:
    asked = {"school": mdm.school, "login": "lambert", "password": "guess"}
    async with asyncio.TaskGroup() as guessers:
        at_once = [
            guessers.create_task(mdm.http.post("/api/sign-in", json=asked)) for _ in range(20)
        ]
    told = Counter(each.result().status_code for each in at_once)
    assert told == {401: 5, 429: 15}


async def test_a_servers_clock_that_was_ahead_keeps_nobody_out(mdm: Mdm) -> None:
    ahead = mdm.clock() + 2 * 86_400
    async with mdm.ground.database.writing(mdm.school) as connection:
        for _ in range(5):
            await attempts.count(connection, mdm.school, "lambert", ahead)
        with pytest.raises(TryAgain):
            await attempts.count(connection, mdm.school, "lambert", ahead)
    asked = {"school": mdm.school, "login": "lambert", "password": "guess"}
    tries = [await mdm.http.post("/api/sign-in", json=asked) for _ in range(2)]
    assert [answer.status_code for answer in tries] == [401, 429], "what was wrong still counts"
    mdm.clock.at += 900
    await mdm.sign_in()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_makes_logins_up_keeps_out_nobody_who_has_one(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def guessed(login: str, school: str = mdm.school) -> int:
        body = {"school": school, "login": login, "password": "guess"}
        return (await mdm.http.post("/api/sign-in", json=body)).status_code

    for _ in range(Rates().made_up.burst):
        with suppress(TooFast):
            mdm.ground.limits.made_up(mdm.school)
    assert await guessed("made-up-31") == 429
    assert await guessed("keller") == 401
    await mdm.sign_in("keller")
    for _ in range(Rates().made_up.burst):
        with suppress(TooFast):
            mdm.ground.limits.made_up("")
    assert await guessed("lambert", "made-up-32") == 429, "all schools that are none are one"
    mdm.clock.at += 3600
    monkeypatch.setattr(mdm.ground.made_up, "_queue", Queue(0))  # as many as may wait already
    assert await guessed("made-up-33") == 503
    await mdm.sign_in()


async def test_an_unknown_school_is_as_a_wrong_password(mdm: Mdm) -> None:
    asked = {"school": "elsewhere", "login": "lambert", "password": "guess"}
    answer = await mdm.http.post("/api/sign-in", json=asked)
    assert (answer.status_code, code(answer.content)) == (401, "wrong-password")


async def test_tokens_end_and_the_refresh_token_buys_the_next_once(mdm: Mdm) -> None:
    first = await mdm.sign_in()
    mdm.clock.at += 3601
    late = await mdm.http.get("/api/scopes", headers=bearer(first["token"]))
    assert late.status_code == 401
    second = (await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})).json()
    fine = await mdm.http.get("/api/scopes", headers=bearer(second["token"]))
    assert fine.status_code == 200
    again = await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})
    assert again.status_code == 200  # the answer may have been lost


async def test_an_answer_that_was_lost_is_asked_for_again_after_a_summer(mdm: Mdm) -> None:
    first = await mdm.sign_in()
    lost = (await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})).json()
    mdm.clock.at += 92 * 86_400
    again = await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})
    assert again.status_code == 200
    late = await mdm.http.get("/api/scopes", headers=bearer(again.json()["token"]))
    assert late.status_code == 200
    assert again.json()["refresh"] != lost["refresh"]
    mdm.clock.at += 99 * 86_400  # the new one is as long as any
    more = await mdm.http.post("/api/refresh", json={"refresh": again.json()["refresh"]})
    assert more.status_code == 200


async def test_who_asks_again_ends_what_the_first_answer_opened_at_once(mdm: Mdm) -> None:
    first = await mdm.sign_in()
    thief = (await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})).json()
    mdm.clock.at += 600
    app = (await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})).json()
    shut = await mdm.http.get("/api/scopes", headers=bearer(thief["token"]))
    assert shut.status_code == 401
    fine = await mdm.http.get("/api/scopes", headers=bearer(app["token"]))
    assert fine.status_code == 200


async def test_a_refresh_token_whose_pair_was_renewed_revokes_the_whole_family(mdm: Mdm) -> None:
    first = await mdm.sign_in()
    bought = (await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})).json()
    second = (await mdm.http.post("/api/refresh", json={"refresh": bought["refresh"]})).json()
    stolen = await mdm.http.post("/api/refresh", json={"refresh": first["refresh"]})
    assert (stolen.status_code, code(stolen.content)) == (401, "refresh-spent")
    for path, sent in (("/api/scopes", None), ("/api/refresh", {"refresh": second["refresh"]})):
        method = "POST" if sent else "GET"
        answer = await mdm.http.request(method, path, json=sent, headers=bearer(second["token"]))
        assert answer.status_code == 401


async def test_a_sign_in_keeps_two_rows_however_often_it_is_renewed_and_knows_each_spent_token(
    mdm: Mdm,
) -> None:
    async def renewed(refresh: str) -> tuple[int, dict[str, str]]:
        answer = await mdm.http.post("/api/refresh", json={"refresh": refresh})
        return answer.status_code, answer.json()

    async def kept() -> int:
        async with mdm.ground.database.reading(mdm.school) as connection:
            every = select(func.count()).select_from(refresh_tokens)
            return (await connection.execute(every)).scalar_one()

    token = first = (await mdm.sign_in())["refresh"]
    assert len(token.rpartition(".")[0]) <= 256 - 65, "a school's id has up to 64 letters"
    spent: list[str] = []
    for _ in range(4):
        mdm.clock.at += 3600
        spent.append(token)
        await renewed(token)  # an answer that was lost
        token = (await renewed(token))[1]["refresh"]
    assert await kept() == 3, "the last that was spent, and the two that it bought"
    secret, mark = token.split(".")[1].split("~")
    for made_up in (f"x{secret}~{mark}", f"{secret}~x{mark}", f"{secret}x~", f"~{mark}"):
        assert (await renewed(f"t.{made_up}.{mdm.school}"))[0] == 401
    assert await kept() == 3, "nobody ends by what is made up"
    assert (await renewed(first))[1]["code"] == "refresh-spent"
    assert await kept() == 0
    assert (await renewed(token))[0] == 401, "what was shown last as well"
    assert (await renewed(spent[1]))[1]["code"] != "refresh-spent", "nothing is left to end"


async def test_of_two_tokens_of_a_sign_in_that_are_shown_at_once_the_second_ends_it(
    mdm: Mdm,
) -> None:
    async def renewed(refresh: str) -> tuple[int, str]:
        answer = await mdm.http.post("/api/refresh", json={"refresh": refresh})
        return answer.status_code, answer.json().get("refresh", "")

    for _ in range(3):
        first = (await mdm.sign_in())["refresh"]
        _, second = await renewed(first)
        both = await asyncio.gather(renewed(first), renewed(second))
        assert sorted(status for status, _ in both) == [200, 401]
        left = [refresh for _, refresh in both if refresh]
        assert [await renewed(one) for one in left] == [(401, "")]


async def test_a_spent_token_of_before_there_were_descents_is_kept_and_ends_its_sign_in(
    mdm: Mdm,
) -> None:
    old = f"t.of-before.{mdm.school}"
    await mdm.sign_in()
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(update(refresh_tokens).values(token_hash=hash_of(old)))
    token = old
    for _ in range(4):
        token = (await mdm.http.post("/api/refresh", json={"refresh": token})).json()["refresh"]
    answer = await mdm.http.post("/api/refresh", json={"refresh": old})
    assert code(answer.content) == "refresh-spent"
    assert (await mdm.http.post("/api/refresh", json={"refresh": token})).status_code == 401


async def test_who_renews_beside_the_app_is_found_by_the_next_renewal(mdm: Mdm) -> None:
    async def renewed(refresh: str) -> tuple[int, dict[str, str]]:
        answer = await mdm.http.post("/api/refresh", json={"refresh": refresh})
        return answer.status_code, answer.json()

    first = (await mdm.sign_in())["refresh"]
    _, thief = await renewed(first)
    _, app = await renewed(first)  # as if the answer had been lost, for the app had none
    assert (await renewed(thief["refresh"]))[1]["code"] == "refresh-spent"
    assert (await renewed(app["refresh"]))[0] == 401, "and all of the family is over"
    second = (await mdm.sign_in())["refresh"]
    _, bought = await renewed(second)
    assert (await renewed(bought["refresh"]))[0] == 200
    assert (await renewed(second))[1]["code"] == "refresh-spent", "what it bought was renewed"


def test_verifying_nobody_takes_as_long_as_verifying_somebody() -> None:
    somebody = hash_password("right")

    def spent(kept: str) -> float:
        begun = time.process_time()
        assert not matches(kept, "wrong")
        return time.process_time() - begun

    # The least of three, of this process's own time: others' work is in neither.
    known, unknown = (min(spent(kept) for _ in range(3)) for kept in (somebody, NOBODY))
    assert unknown > known / 4  # a hash that cannot be read would take no time at all
