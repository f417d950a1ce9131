"""Routes of identity: sign in, refresh, grants, certificates renewed, what was administrated."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter

from central_mdm.contract.audit import Acts
from central_mdm.contract.identity import (
    GrantIssued,
    ListBrought,
    Refresh,
    Renew,
    Renewed,
    SignedIn,
    SignIn,
    Trust,
)
from central_mdm.identity import audit, revocation, rules, succession
from central_mdm.identity.renewal import renew_carried
from central_mdm.platform.api import (
    AUDITED,
    NO_TOKEN,
    OPEN,
    TEACHER,
    AnyRequest,
    OnceOperation,
    done_once,
    problems,
)
from central_mdm.platform.ground import Ground

BODY_BYTES_MAX = 16 * 1024
LIST_BYTES_MAX = 64 * 1024
TakeBack = Callable[[Ground, str, str], Awaitable[None]]
Key = Annotated[str, QueryParameter(pattern=r"^([0-9a-f]{64})?(?!\n)$")]
Number = Annotated[int, QueryParameter(ge=0, le=2**53)]


def routes(ground: Ground, take_back: TakeBack) -> Router:
    """`take_back` ends again whom a list ends that somebody has brought."""

    @post(
        "/sign-in",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 429),
    )
    async def sign_in(data: JSONBody[SignIn]) -> SignedIn:
        return await rules.sign_in(ground, data)

    @post(
        "/refresh",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401),
    )
    async def refresh(request: AnyRequest, data: JSONBody[Refresh]) -> SignedIn:
        address = request.client.host if request.client else ""
        return await rules.refresh(ground, data.refresh, address)

    @post("/grants", status_code=200, opt=TEACHER, responses=problems(401, 403, 409))
    async def grant(request: AnyRequest, key: Key = "") -> GrantIssued:
        return await rules.grant(ground, request.user, key)

    @post(
        "/renewals",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=BODY_BYTES_MAX,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404, 429),
    )
    async def renewal(request: AnyRequest, data: JSONBody[Renew]) -> Renewed:
        return Renewed(await renew_carried(ground, request.user, data.csr))

    @get("/trust", opt=TEACHER, responses=problems(401, 403))
    async def trust(request: AnyRequest, deny_list: Number = 0, epoch: Number = 0) -> Trust:
        async with ground.database.reading(request.user.school) as connection:
            newer = await revocation.newer(connection, request.user.school, deny_list)
            since = await succession.since(connection, request.user.school, epoch)
            lost = await revocation.is_lost(connection, request.user.school, deny_list)
        return Trust(newer, since, lost)

    @post(
        "/trust",
        status_code=204,
        opt=TEACHER,
        request_max_body_size=LIST_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def brought(request: AnyRequest, data: JSONBody[ListBrought]) -> None:
        await take_back(ground, request.user.school, data.deny_list)

    @get("/audit", opt=AUDITED, responses=problems(401, 403))
    async def acts(request: AnyRequest, before: Number = 0) -> Acts:
        async with ground.database.reading(request.user.school) as connection:
            return await audit.acts_before(connection, request.user.school, before)

    handlers = [sign_in, refresh, grant, renewal, trust, brought, acts]
    return Router("/api", route_handlers=handlers, tags=["identity"])
