"""Routes of the fleet: enrolment by code, check-in."""

from litestar import Router, post
from litestar.params import JSONBody

from central_mdm.contract.fleet import CheckedIn, CheckIn, Enrol, Enrolled
from central_mdm.fleet import enrolment, rules
from central_mdm.fleet.seen import Seen
from central_mdm.platform.api import DEVICE, NO_TOKEN, OPEN, AnyRequest, problems
from central_mdm.platform.ground import Ground

BODY_BYTES_MAX = 32 * 1024


def routes(ground: Ground, seen: Seen) -> Router:
    @post(
        "/enrolments",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(403),
    )
    async def enrol(data: JSONBody[Enrol]) -> Enrolled:
        return await enrolment.enrol(ground, data)

    @post(
        "/check-in",
        status_code=200,
        opt=DEVICE,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def check_in(request: AnyRequest, data: JSONBody[CheckIn]) -> CheckedIn:
        return await rules.check_in(ground, seen, request.user, data)

    return Router("/api", route_handlers=[enrol, check_in], tags=["fleet"])
