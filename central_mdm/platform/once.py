"""A request that is sent twice and done once: the header `Idempotency-Key`.

As in draft-ietf-httpapi-idempotency-key-header: a string of structured fields (RFC 8941, 3.3.3).
The answer is written in the transaction of the act, and sent after it: whoever has not heard it
asks again by the same key and hears it, and nothing is done. Only successes are kept: of a refusal
there is nothing that could be done twice.
"""

import hashlib
import re
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, cast

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.platform.acting import Intent, intent
from central_mdm.platform.answers import KEY_CHARS_MAX, Answer, Asked, find, keep, take_turn
from central_mdm.platform.api import KEY_HEADER, KEY_PATTERN, OnceOperation, tell
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import InFlight, KeyReused, Malformed, Repeated

_KEY: Final = re.compile(KEY_PATTERN)
_ESCAPED: Final = re.compile(r"\\(.)")


class _Undone(Exception):
    """Nothing of this request is to stay."""


class Once:
    """A middleware behind the authentication, for the routes that `OnceOperation` describes."""

    def __init__(self, app: ASGIApp, clock: Callable[[], int]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key_of(scope)
        if not key:
            await self._app(scope, receive, send)
            return
        http = cast(HTTPScope, scope)
        caller: Caller = http["user"]
        who = f"{caller.role}:{caller.visitor or caller.id}"
        asked = Asked(caller.school, who, key)
        coming, going = Coming(http, receive), Going()
        try:
            await self._answer(asked, coming, going, scope)
        except Exception as error:  # noqa: BLE001 - the rooms' are told by now; this is the commit's
            request = Request[Any, Any, Any](scope)
            told = tell(request, error)
            answered = told.to_asgi_response(app=None, request=request)  # pyright: ignore[reportUnknownMemberType] - Litestar leaves generics open
            await answered(scope, receive, send)
        else:
            await going.on(send)

    async def _answer(self, asked: Asked, coming: "Coming", going: "Going", scope: Scope) -> None:
        """Have it answered, and keep a success. Raises what the database raises at the end."""
        with suppress(_Undone):
            async with AsyncExitStack() as ends:
                once = Intent(asked.school, partial(self._begin, asked, coming), ends)
                token = intent.set(once)
                try:
                    await self._app(scope, coming.receive, going.send)
                finally:
                    intent.reset(token)
                if once.connection is None or not going.is_success:
                    raise _Undone
                answer = Answer(coming.fingerprint, going.status, going.body)
                await keep(once.connection, asked, answer, self._clock())

    async def _begin(self, asked: Asked, coming: "Coming", connection: AsyncConnection) -> None:
        """Raise Repeated with what was answered, KeyReused or InFlight; else it is to be done."""
        if not await take_turn(connection, asked):
            raise InFlight
        held = await find(connection, asked, self._clock())
        if held is None:
            return
        if held.fingerprint != coming.fingerprint:
            raise KeyReused
        raise Repeated(held.status, held.body)


class Coming:
    """What is asked, and its fingerprint as far as it has been read: all, before it is done."""

    def __init__(self, scope: HTTPScope, receive: Receive) -> None:
        self._receive = receive
        path = scope["raw_path"] + b"?" + scope["query_string"]
        self._hash = hashlib.sha256(scope["method"].encode() + b"\0" + path + b"\0")

    async def receive(self) -> HTTPReceiveMessage:
        message = cast(HTTPReceiveMessage, await self._receive())
        if message["type"] == "http.request":
            self._hash.update(message["body"])
        return message

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()


class Going:
    """An answer that waits until what it tells is committed."""

    def __init__(self) -> None:
        self.status = 0
        self._messages: list[Message] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._messages.append(message)

    async def on(self, send: Send) -> None:
        for message in self._messages:
            await send(message)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def body(self) -> bytes:
        return b"".join(m["body"] for m in self._messages if m["type"] == "http.response.body")


def _key_of(scope: Scope) -> str:
    """Return the key of a request that is done once; empty: none. Raises Malformed."""
    handler = scope["route_handler"]
    if not isinstance(handler, HTTPRouteHandler) or handler.operation_class is not OnceOperation:
        return ""
    name = KEY_HEADER.lower().encode()
    told = [value.decode("latin-1") for header, value in scope["headers"] if header == name]
    if not told:
        return ""
    if len(told) > 1 or not _KEY.fullmatch(told[0]):
        raise Malformed("bad-key", f"A key is a quoted string of 1 to {KEY_CHARS_MAX} characters.")
    return _ESCAPED.sub(r"\1", told[0][1:-1])
