"""The short way of a check-in: known by its pass, one gathered read, an answer of two lines.

Most of what a region asks is this, so it does not go through the rooms' layers: a device lacks
nothing, and tells nothing but its report or its inventory. Whatever else it is goes on to them,
as if there were no door: nothing is decided here but that there are too many at once.
"""

import logging
import secrets
from collections import deque
from typing import Final, cast

from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    HTTPScope,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)
from msgspec import MsgspecError, json
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.contract.fleet import CheckedIn, CheckIn
from central_mdm.contract.identity import Problem
from central_mdm.fleet.pace import next_check_in
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import Standing, Standings
from central_mdm.fleet.telling import Telling, tellings
from central_mdm.platform.errors import Busy
from central_mdm.platform.gathered import BUSY_SECONDS
from central_mdm.platform.ground import Ground
from central_mdm.platform.passes import read_pass

log = logging.getLogger(__name__)
PATH: Final = "/api/check-in"
BODY_BYTES_MAX: Final = 2048
Received = HTTPReceiveMessage | WebSocketReceiveMessage
_told: Final = json.Decoder(CheckIn)
_answer: Final = json.Encoder()
_BEARER: Final = b"Bearer p."
_BUSY: Final = _answer.encode(Problem("busy"))
BUSY_SPREAD_SECONDS: Final = 300
INSIDE_MAX: Final = 500
"""So many requests are served at once; a connection on which nothing is asked is none."""


class Door:
    """An ASGI application in front of another; who makes it runs `standings` and `tellings`."""

    def __init__(self, app: ASGIApp, ground: Ground, standings: Standings, seen: Seen) -> None:
        self._app = app
        self._ground = ground
        self._standings = standings
        self._seen = seen
        self.tellings = tellings(ground.database)
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._inside >= INSIDE_MAX:
            await _say(send, 503, _BUSY, _come_back())
            return
        self._inside += 1
        try:
            await self._enter(scope, receive, send)
        finally:
            self._inside -= 1

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _token(scope)
        if not token:
            await self._app(scope, receive, send)
            return
        first = await receive()
        try:
            answer = await self._short(token, first)
        except (Busy, SQLAlchemyError, OSError) as error:
            log.info("check-in refused", extra={"why": type(error).__name__})
            await _say(send, 503, _BUSY, _come_back())
            return
        if answer:
            await _say(send, 200, answer)
        else:
            await self._app(scope, _again(first, receive), send)

    async def _short(self, token: str, first: Received) -> bytes:
        """Answer a check-in; empty: it is not for here."""
        now, school = self._ground.clock(), token.rpartition(".")[2]
        held = read_pass(self._ground.keys.passes(), school, token, now)
        told = _body(first) if held else None
        if held is None or told is None:
            return b""
        standing = await self._standings.ask((school, held.device))
        if standing is None or not standing.token_hash.startswith(held.mark):
            return b""
        if _asks(told, standing) or _lacks(told, standing):
            return b""
        if news := _news(told, standing):
            await self.tellings.ask(Telling(school, held.device, news, now))
        self._seen.touch(school, held.device, now)
        wait = next_check_in(held.device, now)
        return _answer.encode(CheckedIn(wait, head_count=standing.head_count))


async def _say(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _come_back() -> tuple[bytes, bytes]:
    """Choose when: at random, or those who are sent away together come back together."""
    return b"retry-after", str(BUSY_SECONDS + secrets.randbelow(BUSY_SPREAD_SECONDS)).encode()


def _token(scope: Scope) -> str:
    """Return the pass of a check-in; empty for any other request."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return ""
    for name, value in cast(HTTPScope, scope)["headers"]:
        if name == b"authorization" and value.startswith(_BEARER):
            return value[len(b"Bearer ") :].decode("latin-1")
    return ""


def _body(message: Received) -> CheckIn | None:
    """Read a body that came in one piece and is a check-in; None for any other."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    body = message["body"]
    try:
        return _told.decode(body) if len(body) <= BODY_BYTES_MAX else None
    except (MsgspecError, RecursionError, UnicodeError):
        return None


def _asks(told: CheckIn, standing: Standing) -> bool:
    """Say whether it wants or brings what only the rooms have or take."""
    if told.heads or told.csr or told.wants_discovery or standing.release:
        return True
    if told.wants_standby and standing.standby:
        return True
    if told.inventory_hash == standing.inventory_hash:
        return False
    return told.inventory is None or standing.ruled  # it may be of other groups now


def _lacks(told: CheckIn, standing: Standing) -> bool:
    """Say whether there is something newer for it."""
    # A device of before goes by its policy, any other by what is wanted of it.
    lacks = told.policy_version < standing.policy_version
    if told.wanted >= 0:
        lacks = told.wanted != standing.wanted_version
    return (
        lacks
        or told.assignment_version < standing.assignment_version
        or told.deny_list < standing.deny_list
        or told.epoch < standing.epoch
    )


def _news(told: CheckIn, standing: Standing) -> CheckIn | None:
    """Return what is to be kept of what it tells; None: that is all known."""
    if told.inventory_hash == standing.inventory_hash:
        told = replace(told, inventory=None)
    reported = (told.policy_version, told.policy_state, told.policy_reason)
    return told if told.inventory or reported != standing.reported else None


def _again(first: Received, receive: Receive) -> Receive:
    """Give what was received once more, then go on."""
    waiting = deque([first])

    async def next_one() -> Received:
        return waiting.popleft() if waiting else await receive()

    return next_one
