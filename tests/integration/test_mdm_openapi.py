"""The API keeps what its own description says, whatever it is sent; on SQLite and on PostgreSQL.

Schemathesis reads the description from a served process and makes requests of it, good ones and
bad ones; each is made once and sent to both. The examples are the same in each run: a failure is
one that stays.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import msgspec
import pytest
import schemathesis
from blake3 import blake3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    ignored_auth,  # pyright: ignore[reportUnknownVariableType] - Schemathesis leaves generics open
    negative_data_rejection,  # pyright: ignore[reportUnknownVariableType] - as above
    positive_data_acceptance,  # pyright: ignore[reportUnknownVariableType] - as above
)

from central_mdm.joining import ground_at
from central_mdm.platform.api import KEY_HEADER
from tests.mdm import BACKENDS, Prepared, new_request
from tests.mdm_askers import administrators, asker_of
from tests.registers import village

UNASKED: Any = ignored_auth  # pyright: ignore[reportUnknownVariableType] - as above
"""Whether each route asks for a token: test_mdm_rooms does."""
REFUSED: Any = negative_data_rejection  # pyright: ignore[reportUnknownVariableType] - as above
MEANT: Any = positive_data_acceptance  # pyright: ignore[reportUnknownVariableType] - as above
Drawn: TypeAlias = Any
"""A Schemathesis `Case`; its types leave much unknown."""
EXAMPLES = 20
EXAMPLES_OF_FEW = 6
"""Of a sign-in, for each costs an Argon2id hash, and of what takes a field or two."""
CHUNK = b"chalk and cheese"
OPERATIONS = (
    "GET /health",
    "GET /ready",
    "POST /api/sign-in",
    "POST /api/refresh",
    "POST /api/grants",
    "GET /api/scopes",
    "GET /api/changes",
    "GET /api/trust",
    "POST /api/trust",
    "GET /api/whereabouts",
    "POST /api/enrolments",
    "POST /api/proofs",
    "POST /api/check-in",
    "POST /api/renewals",
    "POST /api/receipts",
    "POST /api/successors",
    "POST /api/reports",
    "POST /api/carried",
    "POST /api/fleet/groups",
    "POST /api/fleet/declarations",
    "POST /api/fleet/orders",
    "POST /api/fleet/lost",
    "POST /api/fleet/found",
    "GET /api/fleet/standings",
    "POST /api/journal",
    "POST /api/journal/heads",
    "PUT /api/chunks/{name}",
    "GET /api/chunks/{name}",
    "POST /api/files",
    "POST /api/files/lacking",
    "GET /api/files",
    "GET /api/files/{file}",
    "GET /api/files/{file}/manifest",
    "GET /api/sign-in-ways",
    "POST /api/openid",
    "POST /api/openid/code",
    "POST /api/second-factor/enrolment",
    "POST /api/second-factor",
    "GET /api/audit",
    "GET /api/region/schools",
    "POST /api/region/schools",
    "POST /api/region/schools/{member}/visits",
    "GET /api/timetable",
    "POST /api/admin/classes",
    "POST /api/admin/pupils",
    "POST /api/admin/moves",
    "POST /api/admin/places",
    "POST /api/admin/teaching",
    "POST /api/admin/archives",
    "GET /api/admin/sessions",
    "POST /api/admin/imports",
    "POST /api/admin/returns",
)
OF_THE_FLEET = frozenset(
    {one for one in OPERATIONS if "/fleet/" in one} | {"POST /api/reports", "POST /api/carried"}
)
FEW = frozenset(
    {
        "POST /api/sign-in",
        "GET /api/sign-in-ways",
        "POST /api/openid",
        "POST /api/openid/code",
        "POST /api/second-factor/enrolment",
        "POST /api/second-factor",
        "GET /api/audit",
        "GET /api/region/schools",
        "POST /api/region/schools",
        "POST /api/region/schools/{member}/visits",
        "POST /api/admin/classes",
        "POST /api/admin/pupils",
        "POST /api/admin/moves",
        "POST /api/admin/places",
        "POST /api/admin/teaching",
        "POST /api/admin/archives",
        "POST /api/admin/imports",
        "POST /api/admin/returns",
        *OF_THE_FLEET,
    }
)
READ_NOTHING = frozenset(
    {
        "GET /health",
        "GET /ready",
        "POST /api/grants",
        "GET /api/scopes",
        "GET /api/timetable",
        "GET /api/admin/sessions",
        "POST /api/second-factor/enrolment",
    }
)
NEED_NOTHING = frozenset(  # nothing of what may be said there, that is: unknown names are ignored
    {"GET /api/trust", "GET /api/audit", "GET /api/region/schools", "GET /api/fleet/standings"}
)
SIGNED = frozenset(
    {
        "POST /api/fleet/found",
        "POST /api/proofs",
        "POST /api/renewals",
        "POST /api/receipts",
        "POST /api/successors",
        "POST /api/openid",
        "POST /api/openid/code",
        "POST /api/second-factor",
        "POST /api/region/schools/{member}/visits",
        "POST /api/admin/moves",
        "POST /api/admin/places",
    }
)
"""Good for one moment of a device's life, a pupil's or a sign-in: chance makes none."""
MORE_THAN_A_SCHEMA = frozenset(
    {
        "POST /api/check-in",
        "POST /api/enrolments",
        "POST /api/files",
        "POST /api/region/schools",
        "POST /api/fleet/declarations",
        "POST /api/fleet/groups",
        "POST /api/fleet/lost",
        "POST /api/fleet/orders",
        "POST /api/journal/heads",
        "POST /api/reports",
        "POST /api/carried",
        "PUT /api/chunks/{name}",
        "GET /api/chunks/{name}",
        "GET /api/files",
        "GET /api/changes",
        "GET /api/whereabouts",
        "POST /api/admin/classes",
        "POST /api/admin/pupils",
        "POST /api/admin/moves",
        "POST /api/admin/places",
        "POST /api/admin/teaching",
        "POST /api/admin/archives",
        "POST /api/admin/imports",
        "POST /api/admin/returns",
    }
)
"""A certificate request, a signed head, a manifest, a chunk's own hash, a scope or a class of one's
own: a well-formed text may still be none, and is refused."""


@dataclass
class Api:
    """A served school, who may ask it, and what is really there."""

    url: str
    school: str
    class_id: str
    pupil: str
    device: str
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    operations: dict[str, Any] = field(default_factory=dict[str, Any])

    def headers(self, label: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[asker_of(label)]}"}

    def manifest(self) -> bytes:
        chunks = [[len(CHUNK), blake3(CHUNK).digest()]]
        made = {"format": 1, "chunking": "fixed-4m", "size": len(CHUNK), "chunks": chunks}
        return msgspec.msgpack.encode(made)

    def described(self) -> dict[str, Any]:
        """Return what Schemathesis reads in the description, by method and path."""
        schema: Any = schemathesis.openapi.from_url(
            f"{self.url}/schema/openapi.json", headers=self.headers("")
        )
        refused: list[str] = schema.config.checks.negative_data_rejection.expected_statuses
        if "413" not in refused:
            refused.append("413")  # a text that is too long may fill a whole body that is
        return {result.ok().label: result.ok() for result in schema.get_all_operations()}


@pytest.fixture(scope="module")
def apis(
    school_on: Callable[[str], Prepared], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Api]]:
    """Serve a school of each kind; both describe themselves alike."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(served(school_on(backend), tmp_path_factory.mktemp("served")))
            for backend in BACKENDS
        ]


@contextmanager
def served(school: Prepared, folder: Path) -> Generator[Api]:
    with school.copy(folder) as database:
        with ThreadPoolExecutor(1) as thread:  # a loop of its own, beside pytest's
            tokens = thread.submit(lambda: asyncio.run(added(folder, database))).result()
        command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder)]
        more = ["--port", "0", *(["--database", database] if database else [])]
        with subprocess.Popen([*command, *more], stdout=subprocess.PIPE) as process:
            assert process.stdout
            try:
                url = json.loads(process.stdout.readline())["listening"]
                yield furnished(url, folder, tokens)
            finally:
                process.terminate()


async def added(folder: Path, database: str) -> dict[str, str]:
    """Add who administrates; return their tokens."""
    async with ground_at(folder, database) as ground:
        school = json.loads((folder / "sample.json").read_text())["school"]
        return await administrators(ground, school)


def furnished(url: str, folder: Path, tokens: dict[str, str]) -> Api:
    """Sign a teacher in, enrol a device, keep one file: so that good requests can succeed."""
    sample = json.loads((folder / "sample.json").read_text())
    account, place = sample["teachers"][0], sample["devices"][0]
    made = Api(url, sample["school"], "5B", place["pupil"], place["device"], tokens)
    with httpx.Client(base_url=url) as http:
        asked = {"school": made.school, "login": account["login"], "password": account["password"]}
        made.tokens["teacher"] = http.post("/api/sign-in", json=asked).json()["token"]
        enrol = {"code": place["code"], "csr": new_request(), "inventory": {"kind": "test"}}
        made.tokens["device"] = http.post("/api/enrolments", json=enrol).json()["token"]
        headers = made.headers("")
        name = blake3(CHUNK).hexdigest()
        http.put(f"/api/chunks/{name}", content=CHUNK, headers=headers).raise_for_status()
        kept = http.post("/api/files", json=offered(made, "file-1"), headers=headers)
        assert kept.json()["state"] == "kept", kept.text
    made.operations = made.described()
    return made


def offered(api: Api, file: str) -> dict[str, str]:
    made: dict[str, str] = json.loads(
        msgspec.json.encode(
            {
                "id": file,
                "lesson": "lesson-1",
                "class_id": api.class_id,
                "pupil": api.pupil,
                "name": "devoir.odt",
                "manifest": api.manifest(),
            }
        )
    )
    return made


def true_to_life(api: Api, case: Drawn) -> Drawn:  # noqa: C901, PLR0912, PLR0915 - one case a route
    """Put what is really there in the place of what was drawn: chance alone never finds it."""
    match case.operation.label:
        case "GET /api/whereabouts" | "GET /api/files":
            case.query["class"] = api.class_id
        case "GET /api/changes":
            case.query["scope"] = f"class:{api.class_id}"
        case "GET /api/chunks/{name}":
            case.path_parameters["name"] = blake3(CHUNK).hexdigest()
            case.query["file"] = "file-1"
        case "POST /api/files":
            case.body = {**case.body, **offered(api, "file-2")}
        case "PUT /api/chunks/{name}":
            case.path_parameters["name"] = blake3(CHUNK).hexdigest()
            case.body = CHUNK
        case "POST /api/enrolments":
            case.body = {**case.body, "csr": new_request()}
        case "POST /api/admin/imports":
            case.query = {**(case.query or {}), "dry_run": "true"}
            case.body = register()
        case "POST /api/admin/classes":
            case.body = {**case.body, "id": ""}
        case "POST /api/admin/pupils":
            case.body = {**case.body, "id": "", "class_id": "5B", "display": ""}
        case "POST /api/admin/places":
            case.body = {"devices": [api.device], "to_class": "5B", "pupil": api.pupil}
        case "POST /api/admin/teaching":
            case.body = {**case.body, "teacher": "t-sane", "class_id": "5B"}
        case "POST /api/admin/returns":
            case.body = {"teacher": "t-sane"}
        case "POST /api/admin/archives":
            case.body = {"session": "", "classes": []}
        case "POST /api/reports":
            case.body = {"reports": [], "ended": []}
        case "POST /api/fleet/groups":
            case.body = {"id": "laptops", "name": "Laptops", "rule": {"kind": "laptop"}}
        case "POST /api/fleet/declarations":
            body = {"seconds": 5}
            case.body = {"scope": "school", "feature": "screen_timeout", "body": body}
        case "POST /api/fleet/orders":
            case.body = {"id": "order-1", "kind": "ring", "scope": "school"}
        case "POST /api/fleet/lost":
            case.body = {**case.body, "device": api.device, "text": "Call us"}
        case "POST /api/carried":
            case.body = {**case.body, "bundles": []}
        case "POST /api/check-in" | "POST /api/journal/heads":
            case.body = {**case.body, "heads": []}
        case _:  # where the token alone does not make it real, the one file that there is does
            case.path_parameters |= {"file": "file-1"} if "{file}" in case.path else {}
    return case


def register() -> bytes:
    with TemporaryDirectory() as folder:
        return village().zip(Path(folder) / "register.zip").read_bytes()


def ask(
    apis: list[Api],
    label: str,
    mode: GenerationMode,
    send: Callable[[Api, Drawn, bool], None],
) -> None:
    examples = EXAMPLES_OF_FEW if label in FEW else EXAMPLES

    @settings(
        derandomize=True,
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=apis[0].operations[label].as_strategy(generation_mode=mode), real=st.booleans())
    def each(case: Drawn, real: bool) -> None:  # noqa: FBT001 - drawn
        for api in apis:
            send(api, case, real)

    each()


@pytest.mark.parametrize("label", OPERATIONS)
def test_a_good_request_is_answered_as_described(apis: list[Api], label: str) -> None:
    def send(api: Api, case: Drawn, real: bool) -> None:  # noqa: FBT001 - drawn
        left_out = [UNASKED]
        if label in SIGNED or (not real and label in MORE_THAN_A_SCHEMA):
            left_out.append(MEANT)
        asked = true_to_life(api, case) if real else case
        if KEY_HEADER in (asked.headers or {}):  # drawn again, it would be another request's key
            asked.headers[KEY_HEADER] = f'"{uuid4()}"'
        asked.call_and_validate(api.url, headers=api.headers(label), excluded_checks=left_out)

    ask(apis, label, GenerationMode.POSITIVE, send)


@pytest.mark.parametrize("label", OPERATIONS)
def test_a_bad_request_is_refused_by_name_and_never_breaks_the_server(
    apis: list[Api], label: str
) -> None:
    if label in READ_NOTHING:
        return  # they read nothing, so nothing they are sent can be wrong

    def send(api: Api, case: Drawn, real: bool) -> None:  # noqa: FBT001 - drawn
        del real
        left_out = [UNASKED]
        if label in NEED_NOTHING or is_made_good(case):
            left_out.append(REFUSED)
        case.call_and_validate(api.url, headers=api.headers(label), excluded_checks=left_out)

    ask(apis, label, GenerationMode.NEGATIVE, send)


def is_made_good(case: Drawn) -> bool:
    """Say whether all that is wrong with a case is that it does not say who asks, which we then do.

    Names that no route knows are ignored.
    """
    each = case.meta.components.items()
    wrong = {where.value for where, drawn in each if drawn.mode is GenerationMode.NEGATIVE}
    named: set[str] = {*(case.query or {}), *(case.headers or {})}
    known = {one.name for one in case.operation.query} | {KEY_HEADER}
    return wrong <= {"query", "header"} and not named & known


def test_every_route_is_described(apis: list[Api]) -> None:
    for api in apis:
        assert set(api.operations) == set(OPERATIONS)
