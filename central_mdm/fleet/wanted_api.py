"""Routes on what is wanted of devices: an administrator's, and the device's reports.

Erasing a device has no route: two people do it by `pupitre-mdm wipe`, each by a password.
"""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter

from central_mdm.contract.wanted import (
    Declare,
    Declared,
    Found,
    Group,
    GroupKept,
    LostReported,
    Order,
    Ordered,
    Reports,
    Standings,
    Taken,
    Urged,
)
from central_mdm.fleet import urgent, wanted
from central_mdm.fleet.declaring import declare
from central_mdm.fleet.groups import keep_group
from central_mdm.fleet.orders import order
from central_mdm.platform.acting import about
from central_mdm.platform.api import (
    ADMINISTRATOR,
    DEVICE,
    AnyRequest,
    OnceOperation,
    done_once,
    problems,
)
from central_mdm.platform.ground import Ground

After = Annotated[str, QueryParameter(max_length=64, pattern=r"^[^\x00]*$")]
BODY_BYTES_MAX = 32 * 1024
GROUP_BYTES_MAX = 256 * 1024


def routes(ground: Ground) -> Router:
    @post(
        "/reports",
        status_code=200,
        opt=DEVICE,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def report(request: AnyRequest, data: JSONBody[Reports]) -> Taken:
        return await wanted.take_reports(ground, request.user, data)

    @post(
        "/fleet/groups",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=GROUP_BYTES_MAX,
        responses=problems(401, 403, 404),
    )
    async def group(request: AnyRequest, data: JSONBody[Group]) -> GroupKept:
        school = request.user.school
        about(f"group {data.id}")
        async with ground.database.writing(school) as connection:
            kept = await keep_group(connection, school, data, ground.clock())
            return GroupKept(data.id, kept)

    @post(
        "/fleet/declarations",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=BODY_BYTES_MAX,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def declared(request: AnyRequest, data: JSONBody[Declare]) -> Declared:
        about(f"{data.scope} {data.target}".strip(), f"feature={data.feature}")
        return await declare(ground, request.user.school, request.user.id, data)

    @post(
        "/fleet/orders",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 404, 409),
    )
    async def ordered(request: AnyRequest, data: JSONBody[Order]) -> Ordered:
        told = f"kind={data.kind} order={data.id} minutes={data.minutes}"
        about(f"{data.scope} {data.target}".strip(), told)
        return await order(ground, request.user.school, request.user.id, data)

    @post(
        "/fleet/lost",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=BODY_BYTES_MAX,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def lost(request: AnyRequest, data: JSONBody[LostReported]) -> Urged:
        who = request.user
        about(data.device)
        await urgent.report_lost(ground, who.school, who.id, data.device, data.text)
        return Urged(data.device)

    @post(
        "/fleet/found",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=BODY_BYTES_MAX,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def found(request: AnyRequest, data: JSONBody[Found]) -> Urged:
        who = request.user
        about(data.device)
        await urgent.found(ground, who.school, who.id, data.device)
        return Urged(data.device)

    @get("/fleet/standings", opt=ADMINISTRATOR, responses=problems(401, 403))
    async def standings(request: AnyRequest, after: After = "") -> Standings:
        return await wanted.standings(ground, request.user.school, after)

    handlers = [report, group, declared, ordered, lost, found, standings]
    return Router("/api", route_handlers=handlers, tags=["fleet"])
