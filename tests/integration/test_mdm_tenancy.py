"""No school sees another: each route of the generated description, asked by a neighbour.

Each operation is asked three ways with what another school holds: with that school's own tokens and
the first one's ids, with the same and ids of nobody, and with tokens on which the first school's
name was put. A request is filled in from its schema by the names of its fields, so a new route is
tried from its first day; one whose request comes out malformed needs a name in `_named`.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import httpx
import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from litestar.routes import HTTPRoute
from msgspec import json, msgpack
from sqlalchemy import insert, select, text

from central_mdm.contract.audit import Act
from central_mdm.contract.heads import HEAD_TYPE, Head, Mark
from central_mdm.contract.leaving import RECEIPT_TYPE, Receipt
from central_mdm.contract.roster import ClassRow
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.identity.audit import acts_before
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.model import sign_in_failures, teachers
from central_mdm.identity.passwords import hash_password
from central_mdm.identity.rules import open_school
from central_mdm.identity.statements import sign
from central_mdm.identity.tokens import issue_pair
from central_mdm.platform.api import KEY_HEADER
from central_mdm.roster.cursors import Cursor, text_of
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import give_class, put_class
from central_mdm.schema import WITHOUT_TENANT, tenant_tables
from tests.mdm import Mdm, bearer, request_by
from tests.mdm_askers import REGION, administrators, asker_of
from tests.registers import village

pytestmark = pytest.mark.real_loop
Values: TypeAlias = dict[str, Any]
"""What is filled in, by a field's name."""


def bundle() -> bytes:
    """Return a register that a neighbour could import."""
    with TemporaryDirectory() as folder:
        return village().zip(Path(folder) / "register.zip").read_bytes()


NEIGHBOUR: Final = "neighbour"
HOLDERS: Final = ("teacher", "administrator", "first", "region", "device")
OPENS: Final = "POST /api/region/schools"
"""A school's id is one for all regions, so this alone says that there is such a school."""
PASSWORD: Final = "a long enough password"  # noqa: S105 - of a school that no one has
CHUNKS: Final = (b"what a pupil of the first school wrote", b"what nobody ever wrote")
MEANT: Final[dict[str, Values]] = {
    "POST /api/second-factor": {"code": "000000"},
    "POST /api/fleet/groups": {"rule": None},
    "POST /api/fleet/orders": {
        "scope": "device",
        "kind": "message",
        "id": "order-1",
        "text": "Good morning",
    },
    "POST /api/fleet/lost": {"text": "Call us"},
    "POST /api/fleet/declarations": {"scope": "device"},
    "POST /api/openid/code": {"code": "code-of-elsewhere", "state": "s" * 43},
    "POST /api/admin/imports": {"content": bundle()},
    "POST /api/carried": {"sealed": b64encode(b"a bundle").decode()},
}
"""What a field of one route means and no other's, or takes to be read at all."""
ONES_OWN: Final = frozenset(
    (
        "assignment", "certificate", "device", "discovery", "grant", "next_check_in_seconds",
        "address", "counts", "digest", "recovery", "refresh", "root", "sealing", "state", "token",
        "uri",
    )
)  # fmt: skip
"""Fields of a success that differ from one request to the next."""


@dataclass(frozen=True)
class Neighbours:
    """`real` names what is the first school's, `ghost` what is nobody's.

    `tokens` are the neighbour's, `first` the first school's.
    """

    mdm: Mdm
    real: Values
    ghost: Values
    tokens: dict[str, str]
    first: dict[str, str]


@pytest.fixture
async def neighbours(mdm: Mdm) -> Neighbours:
    key, ghost_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    place = mdm.sample["devices"][0]
    asked = {"code": place["code"], "csr": request_by(key), "inventory": {"kind": "laptop"}}
    enrolled = (await mdm.http.post("/api/enrolments", json=asked)).json()
    der = load_pem_x509_certificate(enrolled["certificate"].encode()).public_bytes(Encoding.DER)
    tokens = await _neighbour(mdm)
    first = {"device": enrolled["token"], "teacher": (await mdm.sign_in())["token"]}
    real = _named(mdm.school, "5B", "p-0001", enrolled["device"], "t-lambert", CHUNKS[0])
    ghost = _named("nowhere", "9Z", "p-9999", "dev-9999", "t-nobody", CHUNKS[1])
    real |= _signed(key, mdm.school, enrolled["device"], der)
    ghost |= _signed(ghost_key, "nowhere", "dev-9999", der)
    page = await mdm.http.get(
        "/api/changes", params={"scope": real["scope"]}, headers=bearer(first["teacher"])
    )
    real |= {"cursor": page.json()["cursor"]}
    ghost |= {"cursor": text_of(Cursor("epoch-of-nobody", ghost["scope"], 1))}
    codes = {"code": "NEIGHBOURSCODE", "login": "elsewhere", "password": PASSWORD}
    made = Neighbours(mdm, real | codes, ghost | codes, tokens, first)
    await _keep_a_file(made)
    return made


def _named(
    school: str, class_id: str, pupil: str, device: str, teacher: str, chunk: bytes
) -> Values:
    """Return what a request may name of a school, by the names that fields have."""
    manifest = {
        "format": 1,
        "chunking": "fixed-4m",
        "size": len(chunk),
        "chunks": [[len(chunk), blake3(chunk).digest()]],
    }
    return {
        "school": school,
        "member": school,
        "class": class_id,
        "class_id": class_id,
        "scope": f"class:{class_id}",
        "pupil": pupil,
        "device": device,
        "devices": device,
        "teacher": teacher,
        "file": f"file-of-{school}",
        "id": f"file-of-{school}",
        "ids": f"file-of-{school}",
        "lesson": f"lesson-of-{school}",
        "journal": device,
        "name": blake3(chunk).hexdigest(),
        "manifest": b64encode(msgpack.encode(manifest)).decode(),
        "content": chunk,
        "epoch": 0,
        "returns": "http://127.0.0.1:49152/signed-in",
        "challenge": "c" * 43,
        "verifier": "v" * 43,
        "members": device,
        "from_class": class_id,
        "to_class": "N1",
        "session": f"session-of-{school}",
        "classes": class_id,
        "target": device,
        "feature": "screen_timeout",
        "body": {"seconds": 5},
        KEY_HEADER: f'"{school}"',
    }


def _signed(key: Ed25519PrivateKey, school: str, device: str, der: bytes) -> Values:
    """Return what a device of the school has signed, and the papers it would need for itself."""
    mark, thumbprint = Mark(1, "a" * 64), thumbprint_of(key.public_key())
    head = Head(school, "device", device, device, mark, Mark(), "", 1_795_500_000)
    receipt = Receipt(school, device, thumbprint, 1_795_500_000)
    return {
        "head": sign(key, HEAD_TYPE, head),
        "receipt": sign(key, RECEIPT_TYPE, receipt),
        "certificate": b64encode(der).decode(),
        "csr": request_by(key),
        "key": key.public_key().public_bytes_raw().hex(),
    }


async def _neighbour(mdm: Mdm) -> dict[str, str]:
    """Open a second school in the same database; return its tokens by who holds them."""
    ground, tokens = mdm.ground, dict[str, str]()
    await open_school(ground, NEIGHBOUR, "Next door")
    async with ground.database.writing(NEIGHBOUR) as connection:
        news = await put_class(connection, NEIGHBOUR, ClassRow("N1", "Next 1"), mdm.clock.at)
        kept = hash_password(PASSWORD)
        who = {"id": "n-teacher", "name": "Somebody else", "role": "teacher"}
        who |= {"login": "elsewhere", "password_hash": kept}
        await connection.execute(insert(teachers).values(school=NEIGHBOUR, **who))
        news += await give_class(connection, NEIGHBOUR, who["id"], "N1")
        pair = await issue_pair(connection, ground, NEIGHBOUR, who["id"], ground.new_id())
        tokens["teacher"], tokens["refresh"] = pair.token, pair.refresh
        code = Code("N1", mdm.clock.at + 3600, 30)
        await make_code(connection, NEIGHBOUR, "NEIGHBOURSCODE", code, mdm.clock.at)
        await publish(connection, NEIGHBOUR, news)
    csr = request_by(Ed25519PrivateKey.generate())
    asked = {"code": "NEIGHBOURSCODE", "csr": csr, "inventory": {"kind": "laptop"}}
    enrolled = await mdm.http.post("/api/enrolments", json=asked)
    tokens |= await administrators(ground, NEIGHBOUR)
    return tokens | {"device": enrolled.json()["token"]}


async def _keep_a_file(here: Neighbours) -> None:
    """Let the first school hold the file, and the lesson's event, that the others will ask for."""
    headers, real = bearer(here.first["teacher"]), here.real
    put = await here.mdm.http.put(f"/api/chunks/{real['name']}", content=CHUNKS[0], headers=headers)
    wanted = ("id", "lesson", "class_id", "pupil", "name", "manifest")
    kept = await here.mdm.http.post(
        "/api/files", json={name: real[name] for name in wanted}, headers=headers
    )
    event = await here.mdm.http.post("/api/journal", json=_batch(real), headers=headers)
    assert (put.status_code, kept.json()["state"]) == (204, "kept")
    assert event.json()["outcomes"][0]["state"] == "applied"


def _batch(values: Values) -> Values:
    event = {"id": values["id"], "origin": values["journal"], "sequence": 1, "hash": ""}
    event |= {"lesson": values["lesson"], "kind": "begun", "happened_at": 1, "body": {}}
    return {"events": [event]}


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the description has it."""

    label: str
    told: Values
    schemas: Values

    @property
    def open(self) -> bool:
        return self.told.get("security") == [{}]

    async def ask(self, http: httpx.AsyncClient, values: Values, token: str) -> httpx.Response:
        method, _, path = self.label.partition(" ")
        query, headers = Values(), bearer(token) if token else {}
        for each in self.told.get("parameters", ()):
            name = each["name"]
            value = _filled(each["schema"], self.schemas, values, name)
            if each["in"] == "path":
                path = path.replace(f"{{{name}}}", str(value))
            elif each["in"] == "header":
                headers[name] = str(value)
            else:
                query[name] = value
        return await http.request(method, path, params=query, headers=headers, **self._body(values))

    def _body(self, values: Values) -> Values:
        if self.label == "POST /api/journal":  # its items are described as anything
            return {"json": _batch(values)}
        told = self.told.get("requestBody")
        if not told:
            return {}
        (kind, media), *_ = told["content"].items()
        if kind != "application/json":
            return {"content": MEANT.get(self.label, values)["content"]}
        values = values | MEANT.get(self.label, {})
        return {"json": _filled(media["schema"], self.schemas, values)}


def _filled(  # noqa: C901 - one case a kind of schema
    schema: Values, schemas: Values, values: Values, name: str = ""
) -> Any:  # noqa: ANN401 - JSON
    """Make a small value that a schema allows, with `values` where a field has such a name."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return values[name] if values.get(name) in schema["enum"] else schema["enum"][0]
    if name in values and "properties" not in schema and schema.get("type") != "array":
        return values[name]
    if first := schema.get("oneOf") or schema.get("anyOf"):
        return _filled(first[0], schemas, values, name)
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", Values())
            return {key: _filled(one, schemas, values, key) for key, one in fields.items()}
        case "array":
            return [_filled(schema["items"], schemas, values, name)]
        case "integer" | "number":
            return int(schema.get("minimum", 0))
        case "boolean":
            return False
        case _:
            return schema.get("default", "x" * schema.get("minLength", 0))


def operations(mdm: Mdm) -> Iterator[Operation]:
    described: Values = mdm.app.openapi_schema.to_schema()
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            label = f"{method.upper()} {path}"
            yield Operation(label, told, described["components"]["schemas"])


async def rows_of(mdm: Mdm, school: str) -> dict[str, list[str]]:
    """Return all that the database has of a school, and nothing of the guesses at its passwords."""
    async with mdm.ground.database.reading(school) as connection:
        return {
            table.name: sorted(
                repr(tuple(row))
                for row in await connection.execute(select(table).where(table.c.school == school))
            )
            for table in tenant_tables()
            if table is not sign_in_failures
        }


def secrets_of(mdm: Mdm, rows: dict[str, list[str]]) -> set[str]:
    """Return words that only the first school's people and devices have."""
    people = [word for row in rows["roster_pupils"] for word in row.split("'")[3::2]]
    known = {mdm.sample["school_name"]} if "school_name" in mdm.sample else set[str]()
    known |= {each["name"] for each in mdm.sample["teachers"]}
    known |= {each["device"] for each in mdm.sample["devices"]}
    return {word for word in [*known, *people] if len(word) > 3 and word.strip(", ")}


def judged(answer: httpx.Response, values: Values) -> tuple[int, str]:
    """Return what an answer says, whichever names it was asked by."""
    try:
        said = answer.json()
    except ValueError:
        return answer.status_code, f"{len(answer.content)} bytes"
    told = json.encode(
        {key: "…" if key in ONES_OWN else value for key, value in said.items()}, order="sorted"
    ).decode()
    for name, value in values.items():
        if isinstance(value, str) and value:
            told = told.replace(value, f"<{name}>")
    return answer.status_code, told


async def test_no_route_shows_changes_or_betrays_what_another_school_has(
    neighbours: Neighbours,
) -> None:
    mdm, http = neighbours.mdm, neighbours.mdm.http
    before = await rows_of(mdm, mdm.school)
    hidden = secrets_of(mdm, before)
    assert len(hidden) > 12
    asked = sorted(operations(mdm), key=lambda each: each.label == OPENS)
    for operation in asked:
        reached, vain = set[int](), ""
        mdm.clock.at += 1  # nobody has been too fast
        holders = HOLDERS if not operation.open else ("",)
        for holder in holders:
            said: list[tuple[int, str]] = []
            for values in (neighbours.real, neighbours.ghost):
                refresh = neighbours.tokens["refresh"].removesuffix(NEIGHBOUR)
                filled = values | {"refresh": refresh + values["school"]}
                answer = await operation.ask(http, filled, neighbours.tokens.get(holder, ""))
                said.append(judged(answer, values))
                reached.add(answer.status_code)
                vain = answer.text if answer.status_code == 400 else vain
                shown = {word for word in hidden if word in answer.text}
                assert not shown - _sent(values), (operation.label, holder)
            if (operation.label, holder) != (OPENS, "region"):
                told = f"{operation.label} tells a {holder} that it is there"
                assert said[0] == said[1], told
        usable = reached - {401, 403, 405} or reached
        assert all(status < 500 and status != 400 for status in usable), (
            f"{operation.label} was asked in vain ({vain}): give `_named` or `MEANT` what it lacks"
        )
        if not operation.open:
            await _spliced(neighbours, operation)
    assert await rows_of(mdm, mdm.school) == before
    await _is_there_for_its_own(neighbours, asked)


async def test_each_act_that_is_asked_says_on_what_and_whether_it_was_done(
    neighbours: Neighbours,
) -> None:
    """The neighbour's people ask all that changes anything, some of it for what is not theirs."""
    mdm, asked = neighbours.mdm, set[str]()
    for operation in operations(mdm):
        holder = asker_of(operation.label)
        if operation.label.startswith("GET ") or holder not in {"administrator", "region"}:
            continue
        school = REGION if holder == "region" else NEIGHBOUR
        before = await _acts(mdm, school)
        mdm.clock.at += 1  # nobody has been too fast
        answer = await operation.ask(mdm.http, neighbours.real, neighbours.tokens[holder])
        assert answer.status_code not in {400, 401}, f"{operation.label}: {answer.text}"
        (act,) = (await _acts(mdm, school))[: -len(before) or None]
        refused = f"refused: {answer.json()['code']}" if answer.is_error else ""
        assert act.detail.startswith(refused), operation.label
        assert answer.is_error or not act.detail.startswith("refused"), operation.label
        assert act.object, operation.label
        assert act.who == f"person:a-{holder}"
        asked.add(operation.label)
    assert asked == {
        f"POST {route.path_format}"
        for route in mdm.app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.opt.get("duties") and not handler.opt.get("first")
        if "GET" not in handler.http_methods
    }


async def _acts(mdm: Mdm, school: str) -> tuple[Act, ...]:
    async with mdm.ground.database.reading(school) as connection:
        return (await acts_before(connection, school, 0)).acts


def _sent(values: Values) -> set[str]:
    return {value for value in values.values() if isinstance(value, str)}


async def _spliced(here: Neighbours, operation: Operation) -> None:
    """Put the first school's name on each of the neighbour's tokens: they open nothing."""
    for holder in (*HOLDERS, "refresh"):
        token = here.tokens[holder].rpartition(".")[0] + f".{here.mdm.school}"
        answer = await operation.ask(here.mdm.http, here.real, token)
        assert answer.status_code == 401, (operation.label, holder)


async def _is_there_for_its_own(here: Neighbours, asked: list[Operation]) -> None:
    """Ask once more as the school's own teacher: what was refused above is really there."""
    for operation in asked:
        method, _, path = operation.label.partition(" ")
        if method == "GET" and path.startswith("/api/"):
            answer = await operation.ask(here.mdm.http, here.real, here.first["teacher"])
            assert answer.status_code in {200, 403}, (operation.label, answer.text)


async def test_postgresql_guards_each_table_that_bears_a_school(mdm: Mdm) -> None:
    if mdm.ground.database.url.get_backend_name() == "sqlite":
        return  # there the statements alone hold it
    guarded = text(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, "
        "(SELECT bool_and(concat(pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))"
        " LIKE '%pupitre.school%') FROM pg_policy p"
        " WHERE p.polrelid = c.oid AND p.polname <> 'gathered') "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE a.attname = 'school' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace"
    )
    rights = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    async with mdm.ground.database.reading("") as connection:
        found = {row[0]: (row[1], row[2]) for row in await connection.execute(guarded)}
        assert (await connection.execute(rights)).scalar() is False, "row-level security holds us"
    assert {name for name in found if name not in WITHOUT_TENANT} == {
        table.name for table in tenant_tables()
    }
    assert {name for name, held in found.items() if held != (True, True)} == WITHOUT_TENANT


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_no_temporary_table_stands_before_those_that_a_function_of_another_role_means(
    mdm: Mdm,
) -> None:
    ours = text(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    async with mdm.ground.database.reading("") as connection:
        found = {row.proname: row.proconfig for row in await connection.execute(ours)}
    told = {"fleet_told", "fleet_told_or_held"}
    assert {"fleet_standing", "fleet_saw", "fleet_certified", *told} <= set(found)
    assert found == {name: ["search_path=public, pg_temp"] for name in found}
