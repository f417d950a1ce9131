"""Who is asking: a bearer token that names its school and role, kept only as its hash.

A token reads `<t|d>.<random>.<school>`: teacher or device, 256 random bits, the tenant in which
its SHA-256 is looked up. A fast hash is right for what has 256 bits; passwords have Argon2id.
A refresh token tells after its random bits of which sign-in it came, `identity.descent`.
Devices have passes instead, `platform.passes`, which nothing needs to be looked up for.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol, cast

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.platform.acting import Acting, acting
from central_mdm.platform.errors import NotAllowed, NotSignedIn, Unproven
from central_mdm.platform.going_on import GoingOn, going_on
from central_mdm.platform.ground import Ground
from central_mdm.platform.passes import new_nonce
from central_mdm.platform.requests import problem_of

Role = Literal["teacher", "device"]
TOKEN_CHARS_MAX = 320
TWO_FACTORS: Final = frozenset({"administrator", "region"})
"""Who has these duties gives a second factor at each sign-in."""
PASS: Final = "p."  # noqa: S105 - how a pass begins
_LETTERS: Final[dict[str, Role]] = {"t": "teacher", "d": "device", "p": "device"}


class Caller(Struct, frozen=True):
    """Who holds the token. `known` is what its role's reader found along with it.

    `duty`: what a person is in the school: teacher, administrator…; a device has none. `session`:
    all that came of one sign-in. `second`: a second factor was given. `visitor`: a person of the
    region who has entered this school, as `region/id`; their `id` is nobody's of the school.
    """

    school: str
    role: Role
    id: str
    known: object = None
    duty: str = ""
    session: str = ""
    second: bool = False
    visitor: str = ""


class Reader(Protocol):
    """Finds the holder of a token by one indexed read; None for unknown, ended or revoked."""

    async def __call__(
        self, connection: AsyncConnection, school: str, token_hash: str, now: int
    ) -> Caller | None: ...


class Bearers(Protocol):
    """Finds the holder of a pass; None where it has ended or is none."""

    async def __call__(self, school: str, token: str, now: int) -> Caller | None: ...


def token_for(role: Role, school: str, secret: str) -> str:
    return f"{role[0]}.{secret}.{school}"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def read_token(header: str) -> tuple[Role, str, str]:
    """Split an Authorization header into role, school and the token. Raises NotSignedIn."""
    scheme, _, token = header.partition(" ")
    letter, _, rest = token.partition(".")
    _, _, school = rest.partition(".")
    role = _LETTERS.get(letter)
    if scheme.lower() != "bearer" or role is None or not school or len(token) > TOKEN_CHARS_MAX:
        raise NotSignedIn
    if not token.isascii() or not token.isprintable():
        raise NotSignedIn
    return role, school, token


class Authentication(AbstractAuthenticationMiddleware):
    """Default deny: a route is open only where its handler says `opt={"open": True}`.

    A handler names its only role by `opt={"who": "teacher"}`; with no name, any holder may. People
    are told apart by their duty: `opt={"who": "teacher", "duties": {"administrator"}}`. Whose duty
    wants a second factor does nothing before it was given but what `opt={"first": True}` lets.
    """

    def __init__(
        self,
        app: ASGIApp,
        ground: Ground,
        readers: Callable[[Role], Reader],
        bearers: Bearers,
        acting_as: Callable[[Caller, str], Acting],
    ) -> None:
        super().__init__(app, exclude_from_auth_key="open")
        self._ground = ground
        self._readers = readers
        self._bearers = bearers
        self._acting = acting_as

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, request = acting.set(None), GoingOn()
        place = going_on.set(request)

        async def answer(message: Message) -> None:
            await request.end()
            if message["type"] == "http.response.start" and _is_refusal(message["status"]):
                await self._keep_refusal(scope)
            await send(message)

        try:
            await super().__call__(scope, receive, answer)
        finally:
            await request.end()
            going_on.reset(place)
            acting.reset(token)

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        role, school, token = read_token(connection.headers.get("authorization", ""))
        # Who brings a body may take as long as the line does: that holds no connection.
        only_reads = cast(HTTPScope, connection.scope)["method"] == "GET"
        caller = await self._caller(role, school, token, goes_on=only_reads)
        # Not before: whoever forges tokens would else use up what the school may ask.
        self._ground.limits.holder(caller.school, caller.role, caller.visitor or caller.id)
        wanted = connection.route_handler.opt.get("who")
        if wanted is not None and wanted != caller.role:
            raise NotAllowed("wrong-role", f"This is for a {wanted}.")
        _want_duty(caller, connection.route_handler.opt)
        if _changes(connection):
            acting.set(self._acting(caller, connection.url.path))
        return AuthenticationResult(user=caller, auth=None)

    async def _keep_refusal(self, scope: Scope) -> None:
        """Write down an act that was refused: where that cannot be, nobody is told so."""
        if (now := acting.get()) is not None and now.object:
            caller: Caller = cast(HTTPScope, scope)["user"]
            await self._ground.database.keep_refusal(caller.school, problem_of(scope))

    async def _caller(self, role: Role, school: str, token: str, *, goes_on: bool) -> Caller:
        now = self._ground.clock()
        if token.startswith(PASS):
            caller = await self._bearers(school, token, now)
            if caller is None:
                raise Unproven(new_nonce(self._ground.keys.passes(), now))
            return caller
        async with self._ground.database.reading(school, goes_on=goes_on) as database:
            caller = await self._readers(role)(database, school, hash_of(token), now)
        if caller is None:
            raise NotSignedIn
        return caller


def _is_refusal(status: int) -> bool:
    return 400 <= status < 500  # noqa: PLR2004


def _changes(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Say whether a route of a duty is asked for anything but to be read."""
    opt, method = connection.route_handler.opt, cast(HTTPScope, connection.scope)["method"]
    # What may be done before the second factor is written down by itself.
    return bool(opt.get("duties")) and not opt.get("first") and method != "GET"


def _want_duty(caller: Caller, opt: Mapping[str, Any]) -> None:
    """Raise NotAllowed for who may not use a route that says `opt`."""
    duties = opt.get("duties")
    if duties is not None and caller.duty not in duties:
        raise NotAllowed("wrong-duty", f"This is for: {', '.join(sorted(duties))}.")
    if caller.visitor and (duties is None or opt.get("first")):
        raise NotAllowed("visitor", "Who enters a school only administrates it.")
    if caller.duty in TWO_FACTORS and not caller.second and not opt.get("first"):
        raise NotAllowed("second-factor", "Give the second factor first.")
