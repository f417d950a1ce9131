"""Routes of the fleet: enrolment by code, check-in, leaving, where a class's devices are."""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter

from central_mdm.contract.fleet import (
    CheckedIn,
    CheckIn,
    Enrol,
    Enrolled,
    PapersGiven,
    Passed,
    Proof,
    Successor,
    Whereabouts,
)
from central_mdm.contract.leaving import Left, SignedReceipt
from central_mdm.fleet import enrolment, leaving, proving, rules, successors
from central_mdm.fleet.certified import Certificates
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.whereabouts import whereabouts
from central_mdm.platform.api import (
    DEVICE,
    NO_TOKEN,
    OPEN,
    TEACHER,
    AnyRequest,
    OnceOperation,
    done_once,
    problems,
)
from central_mdm.platform.ground import Ground

ClassId = Annotated[str, QueryParameter(name="class", max_length=64, min_length=1)]
BODY_BYTES_MAX = 32 * 1024
CHECK_IN_BYTES_MAX = 96 * 1024
"""With the whole deny list of a device that knows of one more than we."""


def routes(ground: Ground, seen: Seen, certificates: Certificates) -> Router:
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
        "/proofs",
        status_code=200,
        opt=OPEN,
        security=NO_TOKEN,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def proof(data: JSONBody[Proof]) -> Passed:
        return await proving.prove(ground, certificates, data)

    @post(
        "/check-in",
        status_code=200,
        opt=DEVICE,
        request_max_body_size=CHECK_IN_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def check_in(request: AnyRequest, data: JSONBody[CheckIn]) -> CheckedIn:
        return await rules.check_in(ground, seen, request.user, data)

    @post(
        "/receipts",
        status_code=200,
        opt=DEVICE,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def receipt(request: AnyRequest, data: JSONBody[SignedReceipt]) -> Left:
        return await leaving.take_receipt(ground, request.user.school, data)

    @get("/whereabouts", opt=TEACHER, responses=problems(401, 403))
    async def where(request: AnyRequest, class_id: ClassId) -> Whereabouts:
        caller = request.user
        async with ground.database.reading(caller.school) as connection:
            return await whereabouts(connection, caller, class_id, ground.clock())

    @post(
        "/successors",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=BODY_BYTES_MAX,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404, 429),
    )
    async def successor(request: AnyRequest, data: JSONBody[Successor]) -> PapersGiven:
        return await successors.papers_for(ground, request.user, data.key)

    handlers = [enrol, proof, check_in, receipt, where, successor]
    return Router("/api", route_handlers=handlers, tags=["fleet"])
