"""Routes of who administrates: the second factor, a region's schools, who was ended by mistake."""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.region import Entered, School, Schools
from central_mdm.contract.register import Done, Return
from central_mdm.contract.second_factor import FactorGiven, FactorMade
from central_mdm.identity import people, region, rules, second_factor
from central_mdm.platform.acting import about, by_itself
from central_mdm.platform.api import ADMINISTRATOR, FIRST, REGION, AnyRequest, problems
from central_mdm.platform.ground import Ground

BODY_BYTES_MAX = 16 * 1024
MemberId = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9._:-]{1,64}(?!\n)$", max_length=64)]
AfterId = Annotated[str, QueryParameter(pattern=r"^[A-Za-z0-9._:-]*(?!\n)$", max_length=64)]


def routes(ground: Ground) -> Router:
    @post("/second-factor/enrolment", status_code=200, opt=FIRST, responses=problems(401, 403, 409))
    async def enrol(request: AnyRequest) -> FactorMade:
        return await second_factor.enrol(ground, request.user)

    @post(
        "/second-factor",
        status_code=200,
        opt=FIRST,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 429),
    )
    async def give(request: AnyRequest, data: JSONBody[FactorGiven]) -> SignedIn:
        return await rules.complete(ground, request.user, data.code, data.csr)

    @get("/region/schools", opt=REGION, responses=problems(401, 403))
    async def schools(request: AnyRequest, after: AfterId = "") -> Schools:
        async with ground.database.reading(request.user.school) as connection:
            return await region.schools_of(connection, request.user.school, after)

    @post(
        "/region/schools",
        status_code=201,
        opt=REGION,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 409),
    )
    async def open_school(request: AnyRequest, data: JSONBody[School]) -> School:
        about(data.school)
        by_itself()
        await region.open_member(ground, request.user, data)
        return data

    @post(
        "/region/schools/{member:str}/visits",
        status_code=201,
        opt=REGION,
        responses=problems(401, 403, 404),
    )
    async def enter(request: AnyRequest, member: MemberId) -> Entered:
        about(member)
        by_itself()
        return await region.enter(ground, request.user, member)

    @post(
        "/admin/returns",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=BODY_BYTES_MAX,
        responses=problems(401, 403, 404, 409),
    )
    async def let_in_again(request: AnyRequest, data: JSONBody[Return]) -> Done:
        about(data.teacher)
        await people.let_in_again(ground, request.user.school, data.teacher)
        return Done()

    handlers = [enrol, give, schools, open_school, enter, let_in_again]
    return Router("/api", route_handlers=handlers, tags=["identity"])
