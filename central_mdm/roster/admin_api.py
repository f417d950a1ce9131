"""Routes of administrators: classes, pupils, teaching, the end of a year, the school's register."""

from typing import Annotated

from litestar import Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter

from central_mdm.contract.register import (
    UPLOAD_BYTES_MAX,
    Archive,
    Archived,
    ClassPut,
    Done,
    Imported,
    Move,
    Placed,
    Placing,
    PupilPut,
    Put,
    Sessions,
    Teaching,
)
from central_mdm.fleet.placing import place, whom
from central_mdm.platform.acting import about
from central_mdm.platform.api import (
    ADMINISTRATOR,
    AnyRequest,
    BinaryOperation,
    OnceOperation,
    done_once,
    problems,
)
from central_mdm.platform.ground import Ground
from central_mdm.platform.reading import read_pieces
from central_mdm.roster import administering
from central_mdm.roster.oneroster.importing import import_register
from central_mdm.roster.uploading import Uploads

Confirm = Annotated[str, QueryParameter(max_length=64, pattern=r"^[0-9a-f]*(?!\n)$")]
DryRun = Annotated[bool, QueryParameter()]


def routes(ground: Ground) -> Router:
    uploads = Uploads()

    @post(
        "/classes",
        status_code=200,
        opt=ADMINISTRATOR,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def put_class(request: AnyRequest, data: JSONBody[ClassPut]) -> Put:
        about(data.id or "a new class")
        return Put(await administering.keep_class(ground, request.user.school, data))

    @post(
        "/pupils",
        status_code=200,
        opt=ADMINISTRATOR,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def put_pupil(request: AnyRequest, data: JSONBody[PupilPut]) -> Put:
        about(f"{data.id or 'a new pupil'} in {data.class_id}")
        return Put(await administering.keep_pupil(ground, request.user.school, data))

    @post("/teaching", status_code=200, opt=ADMINISTRATOR, responses=problems(401, 403, 404, 409))
    async def teaching(request: AnyRequest, data: JSONBody[Teaching]) -> Done:
        until = f" until={data.ends_at}" if data.ends_at else ""
        about(f"{data.teacher} in {data.class_id}", f"teaches={data.teaches}{until}")
        await administering.teach(ground, request.user.school, data)
        return Done()

    @post(
        "/archives",
        status_code=200,
        opt=ADMINISTRATOR,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def archive(request: AnyRequest, data: JSONBody[Archive]) -> Archived:
        about(" ".join(data.classes) or f"session {data.session}")
        return Archived(await administering.archive(ground, request.user.school, data))

    @get("/sessions", opt=ADMINISTRATOR, responses=problems(401, 403))
    async def sessions(request: AnyRequest) -> Sessions:
        school: str = request.user.school
        async with ground.database.reading(school) as connection:
            return Sessions(await administering.sessions_of(connection, school))

    @post(
        "/imports",
        status_code=200,
        opt=ADMINISTRATOR,
        request_max_body_size=UPLOAD_BYTES_MAX,
        operation_class=BinaryOperation,
        responses=problems(401, 403, 409),
    )
    async def import_(
        request: AnyRequest,
        dry_run: DryRun = True,  # noqa: FBT002 - a query has no keywords
        confirm: Confirm = "",
    ) -> Imported:
        about("register", f"dry_run={dry_run} confirm={confirm}")
        school: str = request.user.school
        async with uploads.taken(school, read_pieces(request, UPLOAD_BYTES_MAX)) as bundle:
            return await import_register(ground, school, bundle, dry_run=dry_run, confirm=confirm)

    handlers = [put_class, put_pupil, *_moves(ground), teaching, archive, sessions, import_]
    return Router("/api/admin", route_handlers=handlers, tags=["roster"])


def _moves(ground: Ground) -> tuple[HTTPRouteHandler, ...]:
    @post(
        "/moves",
        status_code=200,
        opt=ADMINISTRATOR,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def move(request: AnyRequest, data: JSONBody[Move]) -> Done:
        about(f"{data.pupil}: {data.from_class} > {data.to_class}")
        await administering.move(ground, request.user.school, data)
        return Done()

    @post(
        "/places",
        status_code=200,
        opt=ADMINISTRATOR,
        operation_class=OnceOperation,
        responses=done_once(401, 403, 404),
    )
    async def places(request: AnyRequest, data: JSONBody[Placing]) -> Placed:
        about(whom(data))
        return Placed(await place(ground, request.user.school, data))

    return move, places
