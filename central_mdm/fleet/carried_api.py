"""The route of who carries between devices and the MDM: any teacher's app."""

from litestar import Router, post
from litestar.params import JSONBody

from central_mdm.contract.carried import Carried, Carry
from central_mdm.fleet.carried import carry
from central_mdm.platform.api import TEACHER, AnyRequest, problems
from central_mdm.platform.ground import Ground

BODY_BYTES_MAX = 1024 * 1024


def routes(ground: Ground) -> Router:
    @post(
        "/carried",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def carries(request: AnyRequest, data: JSONBody[Carry]) -> Carried:
        return await carry(ground, request.user, data)

    return Router("/api", route_handlers=[carries], tags=["fleet"])
