"""The short ways: a check-in known by its pass, the proof of a key for the next one.

Most of what a region asks is this, so it does not go through the rooms' layers. Of a check-in: a
device lacks nothing, and tells nothing but its report or its inventory; or its pass has ended,
as all have on a Monday. One gathered read each, an answer of two lines. Whatever else it is goes on
to the rooms, as if there were no door; what is refused here they would refuse by the same words.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, TypeVar

from litestar.datastructures import Headers
from litestar.enums import ScopeType
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
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.contract.fleet import CheckedIn, CheckIn, Proof
from central_mdm.contract.identity import Problem
from central_mdm.fleet.certified import Certificates
from central_mdm.fleet.proving import prove
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import Standing, Standings
from central_mdm.fleet.telling import Telling, news_of, tellings
from central_mdm.platform.api import Field, plainly, problem_type
from central_mdm.platform.authentication import read_token
from central_mdm.platform.counts import SECONDS, Spread
from central_mdm.platform.errors import Busy, Refusal, TooFast, Unproven
from central_mdm.platform.gathered import BUSY_SECONDS
from central_mdm.platform.ground import Ground
from central_mdm.platform.pace import next_check_in
from central_mdm.platform.passes import new_nonce, read_pass

log = logging.getLogger(__name__)
HTTP: Final = ScopeType.HTTP
CHECK_IN: Final = "/api/check-in"
PROOFS: Final = "/api/proofs"
ALWAYS: Final = frozenset({"/health", "/ready"})
"""Answered in a full house as well: who is asked too much is not to be started anew for it."""
BODY_BYTES_MAX: Final = 2048
Received = HTTPReceiveMessage | WebSocketReceiveMessage
Asked = TypeVar("Asked")
_told: Final = json.Decoder(CheckIn)
_shown: Final = json.Decoder(Proof)
_answer: Final = json.Encoder()
_BEARER: Final = b"Bearer p."
_BUSY: Final = _answer.encode(Problem("busy", "", 503, "Service Unavailable"))
_FAST: Final = _answer.encode(Problem("too-many-requests", "", 429, "Too Many Requests"))
BUSY_SPREAD_SECONDS: Final = 300
CHECK_INS_MAX: Final = 300
PROOFS_MAX: Final = 300
REQUESTS_MAX: Final = 200
UPLOADS_MAX: Final = 200
"""So many are served at once; who has not said all that it asks is not among them.

Memory: an upload, and an answer of the rooms, has a chunk of 4 MiB in it at the most, so all places
taken are 1600 MiB. `installer/kubernetes/work`, which alone has chunks, allows them, and 256 MiB
for the process.
"""
GATHERED_BYTES_MAX: Final = 64 * 1024
"""A body up to this is waited for; of a larger one, an upload, so much. As uvicorn holds anyway."""
HOLD_SECONDS: Final = 0.25
HELD_MAX: Final = 5000


@dataclass
class Way:
    """How many are on it, and how many may be; `refused`: sent away because it was full."""

    most: int
    inside: int = 0
    refused: int = 0


@dataclass
class Outcomes:
    """How often what came to a short way was not done there.

    `rooms`: it went on. `refused`: mostly a pass that has ended, or a proof that is none.
    `too_fast`: of one device. `busy`: too much waited. `failed`: the database was away, or refused.
    """

    rooms: int = 0
    refused: int = 0
    too_fast: int = 0
    busy: int = 0
    failed: int = 0


@dataclass
class Short:
    """A short way. `answer` gives a body, or b"": it is not for here; `done`: how long those took.

    It raises Refusal, and what the database raises.
    """

    answer: Callable[[HTTPScope, bytes], Awaitable[bytes]]
    way: Way
    done: Spread = field(default_factory=lambda: Spread(SECONDS))
    outcomes: Outcomes = field(default_factory=Outcomes)


class Door:
    """An ASGI application in front of another; who makes it runs all that is gathered.

    Where there is no `fleet` here, check-ins and proofs are nothing special.
    """

    def __init__(
        self,
        app: ASGIApp,
        ground: Ground,
        standings: Standings,
        certificates: Certificates,
        seen: Seen,
        *,
        fleet: bool = True,
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._ground = ground
        self.standings = standings
        self.certificates = certificates
        self.seen = seen
        self.tellings = tellings(ground.database)
        # Each for itself, so that a morning's check-ins and proofs keep no teacher out.
        self.check_ins = Short(self._check_in, Way(CHECK_INS_MAX))
        self.proofs = Short(self._prove, Way(PROOFS_MAX))
        self.rooms = Way(REQUESTS_MAX)
        self.uploads = Way(UPLOADS_MAX)  # they come as slowly as a line is, and keep nobody out
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != HTTP or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        first = await receive()
        if goes_on := _goes_on(first):
            first = await _gathered(first, receive)
            goes_on = _goes_on(first)
        short = None if goes_on else self._short(scope)
        way = short.way if short else self.uploads if goes_on else self.rooms
        if way.inside >= way.most:
            way.refused += 1
            await self._refuse(scope, send)
            return
        way.inside += 1
        try:
            if short:
                await self._go(short, scope, first, receive, send)
            else:
                await self._app(scope, _again(first, receive), send)
        finally:
            way.inside -= 1

    def _short(self, scope: HTTPScope) -> Short | None:
        if not self._fleet or scope["method"] != "POST":
            return None
        if scope["path"] == CHECK_IN:
            return self.check_ins if _token(scope) else None
        return self.proofs if scope["path"] == PROOFS else None

    async def _go(
        self, short: Short, scope: HTTPScope, first: Received, receive: Receive, send: Send
    ) -> None:
        began, outcomes = perf_counter(), short.outcomes
        try:
            answer = await short.answer(scope, _bytes(first))
        except TooFast as error:
            outcomes.too_fast += 1
            await _say_no(scope, send, 429, _FAST, error.after_seconds)
            return
        except (Busy, SQLAlchemyError, OSError) as error:
            if isinstance(error, Busy):
                outcomes.busy += 1
            else:
                outcomes.failed += 1
            log.info(
                "short way refused", extra={"path": scope["path"], "why": type(error).__name__}
            )
            await self._refuse(scope, send)
            return
        except Refusal as error:
            outcomes.refused += 1
            await _send(send, *plainly(error, scope["headers"]))
            return
        if answer:
            await _say(send, 200, answer)
            short.done.add(perf_counter() - began)
        else:
            outcomes.rooms += 1
            await self._app(scope, _again(first, receive), send)

    async def _refuse(self, scope: HTTPScope, send: Send) -> None:
        """Send away, not at once: who asks again at once, whatever it hears, asks less often."""
        if self.held < HELD_MAX:
            self.held += 1
            try:
                await asyncio.sleep(HOLD_SECONDS)
            finally:
                self.held -= 1
        await _say_no(scope, send, 503, _BUSY, BUSY_SECONDS)

    async def _check_in(self, scope: HTTPScope, body: bytes) -> bytes:
        token, now = _token(scope), self._ground.clock()
        school = token.rpartition(".")[2]
        held = read_pass(self._ground.keys.passes(), school, token, now)
        if held is None:
            read_token(f"Bearer {token}")  # raises for what was never a pass
            raise Unproven(new_nonce(self._ground.keys.passes(), now))
        told = _read(_told, body)
        if told is None:
            return b""
        self._ground.limits.check_in(school, held.device)
        standing = await self.standings.ask((school, held.device))
        if standing is None or not standing.token_hash.startswith(held.mark):
            return b""
        if _asks(told, standing) or _lacks(told, standing):
            return b""
        if news := news_of(told, standing):
            await self._keep(Telling(school, held.device, news, now))
        self.seen.touch(school, held.device, now)
        wait = next_check_in(held.device, now)
        return _answer.encode(CheckedIn(wait, head_count=standing.head_count))

    async def _keep(self, telling: Telling) -> None:
        if not await self.tellings.ask(telling):
            raise Busy("busy", BUSY_SECONDS)

    async def _prove(self, _: HTTPScope, body: bytes) -> bytes:
        shown = _read(_shown, body)
        if shown is None:
            return b""
        return _answer.encode(await prove(self._ground, self.certificates, shown))


async def _say_no(scope: HTTPScope, send: Send, status: int, body: bytes, seconds: int) -> None:
    """Send a Problem, and who asked back at random: those sent away together come back apart."""
    kind = problem_type(Headers.from_scope(scope)).encode()
    after = str(seconds + secrets.randbelow(BUSY_SPREAD_SECONDS)).encode()
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"retry-after", after)]
    await _send(send, status, body, headers)


async def _say(send: Send, status: int, body: bytes) -> None:
    await _send(send, status, body, [(b"content-type", b"application/json")])


async def _send(send: Send, status: int, body: bytes, headers: list[Field]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _token(scope: HTTPScope) -> str:
    """Return the pass that a device brings; empty: it brings none."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value.startswith(_BEARER):
            return value[len(b"Bearer ") :].decode("latin-1")
    return ""


def _goes_on(message: Received) -> bool:
    return message["type"] == "http.request" and message.get("more_body", False)


async def _gathered(message: Received, receive: Receive) -> Received:
    """Wait for the rest of a body, or `GATHERED_BYTES_MAX`; whoever serves sees to it that it ends.

    Returns what came as one message, or that whoever sent it has gone.
    """
    pieces, held = list[bytes](), 0
    while message["type"] == "http.request":
        pieces.append(message["body"])
        held += len(message["body"])
        more = message.get("more_body", False)
        if not more or held >= GATHERED_BYTES_MAX:
            return {"type": "http.request", "body": b"".join(pieces), "more_body": more}
        message = await receive()
    return message


def _bytes(message: Received) -> bytes:
    return message["body"] if message["type"] == "http.request" else b""


def _read(decoder: json.Decoder[Asked], body: bytes) -> Asked | None:
    """Read a short body; None: the rooms say what is wrong with it."""
    try:
        return decoder.decode(body) if len(body) <= BODY_BYTES_MAX else None
    except (MsgspecError, RecursionError, UnicodeError):
        return None


def _asks(told: CheckIn, standing: Standing) -> bool:
    """Say whether it wants or brings what only the rooms have or take."""
    brings = told.heads or told.csr or told.lost_list
    if brings or told.wants_discovery or standing.release:
        return True
    if told.wants_standby and standing.standby:
        return True
    if told.inventory_hash == standing.inventory_hash:
        return False
    return told.inventory is None or standing.ruled  # it may be of other groups now


def _lacks(told: CheckIn, standing: Standing) -> bool:
    """Say whether there is something newer for it, or it has what a database set back lacks."""
    # A device of before goes by its policy, any other by what is wanted of it.
    lacks = told.policy_version < standing.policy_version
    if told.wanted >= 0:
        lacks = told.wanted != standing.wanted_version
    return (
        lacks
        or told.assignment_version != standing.assignment_version
        # A newer one than ours is one that we have lost.
        or told.deny_list != standing.deny_list
        or told.epoch < standing.epoch
    )


def _again(first: Received, receive: Receive) -> Receive:
    """Give what was received once more, then go on."""
    waiting = deque([first])

    async def next_one() -> Received:
        return waiting.popleft() if waiting else await receive()

    return next_one
