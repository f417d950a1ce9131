"""Routes of signing in with an account that is kept elsewhere."""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.openid import OpenIdAsked, OpenIdBegun, OpenIdDone, SignInWays
from central_mdm.identity import openid
from central_mdm.identity.providers import Providers
from central_mdm.platform.api import NO_TOKEN, OPEN, problems
from central_mdm.platform.ground import Ground

BODY_BYTES_MAX = 16 * 1024
SchoolId = Annotated[
    str, QueryParameter(pattern=r"^[A-Za-z0-9._:-]+(?!\n)$", min_length=1, max_length=64)
]


def routes(ground: Ground) -> Router:
    providers = Providers(ground.clock)

    @get("/sign-in-ways", opt=OPEN, security=NO_TOKEN, responses=problems())
    async def ways(school: SchoolId) -> SignInWays:
        return SignInWays(await openid.label_of(ground, school))

    @post(
        "/openid",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(404),
    )
    async def begin(data: JSONBody[OpenIdAsked]) -> OpenIdBegun:
        return await openid.begin(ground, providers, data)

    @post(
        "/openid/code",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 404),
    )
    async def finish(data: JSONBody[OpenIdDone]) -> SignedIn:
        return await openid.finish(ground, providers, data)

    return Router("/api", route_handlers=[ways, begin, finish], tags=["identity"])
