"""The edge: refusals become `Problem` documents, and each route says which it may answer."""

import errno
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from sqlite3 import SQLITE_FULL
from typing import Any, Final, cast

from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import json
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoConnection

from central_mdm.contract.identity import Problem
from central_mdm.platform.errors import Busy, Malformed, Refusal, Repeated, TryAgain, Unproven
from central_mdm.platform.requests import keep_problem

log = logging.getLogger(__name__)
DISK_FULL: Final = "53100"
FAILED_OVER: Final = frozenset({"25006", "25P03"})
"""A primary that is one no more only reads; a transaction that was idle for too long was ended."""
FULL_SECONDS: Final = 60
"""A full disk is seen to by a person: nobody need come back before."""
PROBLEM: Final = "application/problem+json"
_CODES: Final = {
    400: "malformed",
    401: "not-signed-in",
    403: "not-allowed",
    404: "no-such-path",
    405: "no-such-method",
    413: "too-large",
}

_OWN_WORDS: Final = ("Expected ", "Object missing required field ")

Field = tuple[bytes, bytes]
"""A header as ASGI has it: its name and what it says."""
AnyRequest = Request[Any, Any, Any]


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """List what a route may answer beside its success; 400, 413, 429 and 503 may always come."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description="A Problem", media_type=PROBLEM
        )
        for status in sorted({400, 413, 429, 503, *statuses})
    }


TEACHER: Final = {"who": "teacher"}
ADMINISTRATOR: Final = {"who": "teacher", "duties": frozenset({"administrator"})}
AUDITED: Final = {"who": "teacher", "duties": frozenset({"administrator", "region"})}
REGION: Final = {"who": "teacher", "duties": frozenset({"region"})}
FIRST: Final = {**AUDITED, "first": True}
"""For who has yet to give the second factor, as well."""
DEVICE: Final = {"who": "device"}
OPEN: Final = {"open": True}
NO_TOKEN: Final[list[dict[str, list[str]]]] = [{}]
"""What an open route says in the description: OpenAPI's empty requirement is met by anybody."""


def tell(request: AnyRequest, error: Exception) -> Response[Problem] | Response[bytes]:
    """Turn any exception into a Problem; what was not foreseen is logged and says nothing.

    What was done before is answered as it was.
    """
    if isinstance(error, Repeated):
        return Response(error.body, status_code=error.status, media_type="application/json")
    told = _told(error)
    keep_problem(request.scope, told.content.code)
    told.media_type = problem_type(request.headers)
    return told


def plainly(error: Refusal, asked: Iterable[Field]) -> tuple[int, bytes, list[Field]]:
    """Return what `tell` answers: status, body, headers; for who has no Litestar around it.

    `asked`: the request's headers.
    """
    told = _told(error)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked}
    headers = {"content-type": problem_type(fields), **told.headers}
    plain = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return error.status, json.encode(told.content), plain


def problem_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a Problem for who asks with these headers.

    The apps of before `PROBLEM` take any other than JSON's for a captive portal's page.
    """
    anything = headers.get("accept", "*/*") == "*/*"
    older = anything and headers.get("user-agent", "").startswith("python-httpx/")
    return "application/json" if older else PROBLEM


def _told(error: Exception) -> Response[Problem]:
    match error:
        case Refusal():
            return _problem(error.status, error.code, error.detail, _headers(error))
        case HTTPException(status_code=status) if status < 500:  # noqa: PLR2004
            return _not_taken(error)
        case InternalServerException(detail=detail) if "disconnected" in detail:
            # Litestar's word for a body that ends early: a school's line was cut, no fault of ours.
            return _told(Malformed("cut-off", "The body ended early."))
        case DataError() | UnicodeError() | OverflowError() | RecursionError():
            # RecursionError: msgspec lets it through for JSON nested a thousand deep.
            deep = isinstance(error, RecursionError)
            told = "This is nested too deep." if deep else "A value does not fit."
            return _told(Malformed("malformed", told))
        case OSError() | OperationalError() if _is_full(error):
            log.warning("the disk is full")
            return _told(Busy("busy", FULL_SECONDS))
        case _ if _passes(error):
            log.info("database refused", extra={"why": type(error).__name__})
            return _told(Busy("busy", 1))
        case DBAPIError() if _is_text(error):
            return _told(Malformed("malformed", "A value does not fit."))
        case _:
            log.error("unforeseen", exc_info=error)
            return _problem(500, "broken", "", {})


def _passes(error: Exception) -> bool:
    """Say whether the same request is right in a moment.

    Two came at once, the database is away, all connections to it are in use, or it took too long.
    """
    if isinstance(error, InternalError):
        return _sqlstate(error) in FAILED_OVER
    passing = IntegrityError | OperationalError | InterfaceError | NoConnection | TimeoutError
    return isinstance(error, passing)


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _is_full(error: OSError | OperationalError) -> bool:
    """Say whether there is no room: for files, or by the word of SQLite or PostgreSQL."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code == SQLITE_FULL or _sqlstate(error) == DISK_FULL


def _not_taken(error: HTTPException) -> Response[Problem]:
    """Answer what Litestar refuses before any of our code has seen it."""
    detail = error.detail if error.status_code == 400 else ""  # noqa: PLR2004
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        detail = _places(cast(list[dict[str, object]], error.extra))
    headers = {name: str(value) for name, value in (error.headers or {}).items()}
    return _problem(error.status_code, _CODES.get(error.status_code, "refused"), detail, headers)


def _places(found: list[dict[str, object]]) -> str:
    """Name each field and what it is to be: our own words, never what was sent."""
    return " ".join(f"{_field(each)}: {_wanted(str(each.get('message')))}." for each in found)


def _field(error: dict[str, object]) -> str:
    """Return the path of msgspec within a body, or a parameter; both are names of ours."""
    name = str(error.get("key", "data"))
    return "body" if name == "data" else name


def _wanted(message: str) -> str:
    """Return msgspec's sentence where it tells of types and bounds: others repeat the value."""
    return message if message.startswith(_OWN_WORDS) else "This does not fit"


def _is_text(error: DBAPIError) -> bool:
    return isinstance(error.orig, UnicodeEncodeError | ValueError)


def _headers(error: Refusal) -> dict[str, str]:
    """Say how to go on. A wait is random, or those who were sent away would come back together."""
    if isinstance(error, Unproven):
        return {"WWW-Authenticate": "Bearer", "Replay-Nonce": error.nonce}
    if not isinstance(error, TryAgain):
        return {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    spread = secrets.randbelow(error.spread_seconds)
    return {"Retry-After": str(error.after_seconds + spread)}


def _problem(status: int, code: str, detail: str, headers: dict[str, str]) -> Response[Problem]:
    return Response(
        Problem(code[:64], detail[:500], status, HTTPStatus(status).phrase),
        status_code=status,
        headers={"Cache-Control": "no-store", **headers},
        media_type=PROBLEM,
    )


def _binary() -> RequestBody:
    schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, min_length=1)
    media = OpenAPIMediaType(schema=schema)
    return RequestBody(content={"application/octet-stream": media}, required=True)


@dataclass
class BinaryOperation(Operation):
    """A route that takes bytes as they are; Litestar itself describes only what it decodes."""

    def __post_init__(self) -> None:
        self.request_body = _binary()  # Litestar has given None


def _batch() -> RequestBody:
    event = Schema(
        description="An Event (contract/journal.py). Anything is read: a bad one is refused alone.",
    )
    events = Schema(type=OpenAPIType.ARRAY, items=event, max_items=200)
    schema = Schema(type=OpenAPIType.OBJECT, properties={"events": events}, required=["events"])
    return RequestBody(content={"application/json": OpenAPIMediaType(schema=schema)}, required=True)


@dataclass
class BatchOperation(Operation):
    """A route that reads its JSON item by item."""

    def __post_init__(self) -> None:
        self.request_body = _batch()


KEY_HEADER: Final = "Idempotency-Key"
KEY_PATTERN: Final = r'^"([ !#-\[\]-~]|\\["\\]){1,64}"$'
"""A string of structured fields (RFC 8941, 3.3.3) of 1 to 64 characters, not counting escapes."""


@dataclass
class OnceOperation(Operation):
    """A route that is done once for each `Idempotency-Key`; `central_mdm.platform.once` sees to it.

    It writes in the caller's school, and its answer is short JSON without a secret.
    """

    def __post_init__(self) -> None:
        key = Parameter(
            KEY_HEADER,
            "header",
            schema=Schema(type=OpenAPIType.STRING, pattern=KEY_PATTERN),
            description="Chosen afresh for what is to be done once; sent again with the same.",
        )
        self.parameters = [*(self.parameters or ()), key]


def done_once(*statuses: int) -> dict[int, ResponseSpec]:
    """List what a route of `OnceOperation` may answer beside its success, as `problems` does."""
    return problems(409, 422, *statuses)
