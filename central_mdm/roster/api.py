"""Routes of the roster: what may be pulled, and its changes."""

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from central_mdm.contract.register import Timetable
from central_mdm.contract.roster import CURSOR_MAX, Changes, Scopes
from central_mdm.platform.api import TEACHER, AnyRequest, problems
from central_mdm.platform.authentication import Caller
from central_mdm.platform.ground import Ground
from central_mdm.platform.pace import next_turn
from central_mdm.roster import reading
from central_mdm.roster.administering import timetable_of

# Litestar gives a parameter called `scope` the ASGI scope.
ScopeName = Annotated[str, QueryParameter(name="scope", max_length=80, min_length=1)]
Cursor = Annotated[str, QueryParameter(max_length=CURSOR_MAX)]
Limit = Annotated[int, QueryParameter(ge=1, le=reading.PAGE_MAX)]


def routes(ground: Ground) -> Router:
    @get("/scopes", opt=TEACHER, responses=problems(401, 403))
    async def scopes(request: AnyRequest) -> Scopes:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            now = ground.clock()
            again = next_turn(caller.id, now, ground.first_seconds)
            return await reading.scopes_of(connection, caller, now, again)

    @get("/changes", opt=TEACHER, responses=problems(401, 403))
    async def changes(
        request: AnyRequest,
        wanted: ScopeName,
        cursor: Cursor = "",
        limit: Limit = reading.PAGE_MAX,
    ) -> Changes:
        caller: Caller = request.user
        now = ground.clock()
        async with ground.database.reading(caller.school) as connection:
            return await reading.changes_of(connection, caller, wanted, cursor, limit, now)

    @get("/timetable", opt=TEACHER, responses=problems(401, 403))
    async def timetable(request: AnyRequest) -> Timetable:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            return Timetable(await timetable_of(connection, caller, ground.clock()))

    return Router("/api", route_handlers=[scopes, changes, timetable], tags=["roster"])
