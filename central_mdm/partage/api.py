"""Routes of Partage: chunks by hash, files by manifest, both ways."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, cast
from urllib.parse import quote

from litestar import Response, Router, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream
from litestar.types import ASGIApp, HTTPScope, Message, Middleware, Receive, Scope, Send
from msgspec.structs import replace

from central_mdm.contract.partage import (
    CHUNK_BYTES_MAX,
    FileAnswer,
    FileKept,
    FileOffered,
    FilesAsked,
    FilesLacking,
    FilesListed,
)
from central_mdm.partage import reading, rules
from central_mdm.partage.holding import read_chunk
from central_mdm.partage.quota import Lent
from central_mdm.partage.ranges import range_of
from central_mdm.platform.api import TEACHER, AnyRequest, BinaryOperation, problems
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.ground import Ground
from central_mdm.platform.limits import Beside
from central_mdm.platform.reading import read_body

OFFER_BYTES_MAX = 512 * 1024
CHUNKS_BESIDE = 12
"""So many of a person come at once, and so many go, each in memory for as long as its line takes.
An app sends five and reads eight: room for what a line that was cut has left half done.
"""
ID = r"^[A-Za-z0-9._:-]{1,64}(?!\n)$"
ChunkName = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{64}(?!\n)$")]
FileId = Annotated[str, PathParameter(pattern=ID, max_length=64)]
OfFile = Annotated[str, QueryParameter(name="file", pattern=ID, max_length=64)]
ClassId = Annotated[str, QueryParameter(name="class", max_length=64, min_length=1)]
After = Annotated[str, QueryParameter(name="after", max_length=64)]
Range = Annotated[str, HeaderParameter(name="Range", max_length=100)]
IfNoneMatch = Annotated[str, HeaderParameter(name="If-None-Match", max_length=200)]
# Of no type, whatever it is: nothing of a pupil's runs in a browser.
BYTES = "application/octet-stream"
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}


def _bytes(text: str) -> ResponseSpec:
    return ResponseSpec(bytes, media_type=BYTES, generate_examples=False, description=text)


def _nothing(text: str) -> ResponseSpec:
    return ResponseSpec(None, generate_examples=False, description=text)


def routes(ground: Ground) -> Router:
    reading_here = [_few_of_each(Beside(CHUNKS_BESIDE))]
    handlers = [*_taking(ground), _chunks(ground, reading_here), *_files(ground, reading_here)]
    return Router("/api", route_handlers=handlers, tags=["partage"])


def _few_of_each(places: Beside) -> Middleware:
    """Keep a person's place until what was asked for is read, not only written: it is in memory."""

    def around(app: ASGIApp) -> ASGIApp:
        async def held(scope: Scope, receive: Receive, send: Send) -> None:
            caller: Caller = cast(HTTPScope, scope)["user"]
            with places.place((caller.school, caller.id)):
                await app(scope, receive, _until_read(send))

        return held

    return around


def _until_read(send: Send) -> Send:
    """Let nothing follow a chunk, nor be read: uvicorn takes what it is given, and then waits."""

    async def sends(message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            await send({**message, "more_body": True})
            message = {**message, "body": b""}
        await send(message)

    return sends


def _taking(ground: Ground) -> tuple[HTTPRouteHandler, ...]:
    lent = Lent(ground.clock)
    putting = Beside(CHUNKS_BESIDE)

    @put(
        "/chunks/{name:str}",
        status_code=204,
        opt=TEACHER,
        request_max_body_size=CHUNK_BYTES_MAX,
        operation_class=BinaryOperation,
        responses=problems(401, 403, 413),
    )
    async def put_chunk(request: AnyRequest, name: ChunkName) -> None:
        caller: Caller = request.user
        with putting.place((caller.school, caller.id)):
            content = await read_body(request, CHUNK_BYTES_MAX)
            if not content:
                raise Malformed("empty", "A chunk has at least one byte.")
            await rules.keep_chunk(ground, lent, caller, name, content)

    @post(
        "/files",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=OFFER_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def offer(request: AnyRequest, data: JSONBody[FileOffered]) -> FileAnswer:
        return await rules.offer(ground, lent, request.user, data)

    @post("/files/lacking", status_code=200, opt=TEACHER, responses=problems(401, 403))
    async def lacking(request: AnyRequest, data: JSONBody[FilesAsked]) -> FilesLacking:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            return FilesLacking(await reading.lacking(connection, caller, data.ids))

    return put_chunk, offer, lacking


def _chunks(ground: Ground, around: Sequence[Middleware]) -> HTTPRouteHandler:
    @get(
        "/chunks/{name:str}",
        opt=TEACHER,
        middleware=around,
        responses={
            **problems(401, 403, 404),
            200: _bytes("The chunk"),
            206: _bytes("The part of it that was asked for"),
            304: _nothing("It is the one that is held already"),
            307: _nothing("It lies at another address, which needs no token"),
            416: _nothing("It has no such part"),
        },
    )
    async def get_chunk(
        request: AnyRequest,
        name: ChunkName,
        file: OfFile,
        part: Range = "",
        held: IfNoneMatch = "",
    ) -> Response[bytes]:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            kept = await reading.find(connection, caller, file, ground.clock())
        if name not in kept.chunks():
            raise Missing("no-chunk")
        if name in held:
            return _said(304, _about(name))
        for address in await ground.objects.addresses(caller.school, [name]):
            return _said(307, {"Location": address, "Cache-Control": "no-store"})
        return _part(await read_chunk(ground, caller.school, name), part, _about(name))

    return get_chunk


def _files(ground: Ground, around: Sequence[Middleware]) -> tuple[HTTPRouteHandler, ...]:
    @get("/files", opt=TEACHER, responses=problems(401, 403, 404))
    async def listed(request: AnyRequest, class_id: ClassId, after: After = "") -> FilesListed:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            return await reading.list_files(connection, caller, class_id, after, ground.clock())

    @get("/files/{file:str}/manifest", opt=TEACHER, responses=problems(401, 403, 404))
    async def manifest(request: AnyRequest, file: FileId) -> FileKept:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            kept = await reading.find(connection, caller, file, ground.clock())
        places = await ground.objects.addresses(caller.school, kept.chunks())
        return replace(kept.about, addresses=places)

    @get(
        "/files/{file:str}",
        opt=TEACHER,
        middleware=around,
        responses={**problems(401, 403, 404), 200: _bytes("The whole file")},
    )
    async def read(request: AnyRequest, file: FileId) -> Response[bytes] | Stream:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            kept = await reading.find(connection, caller, file, ground.clock())
        chunks = kept.chunks()
        # The first chunk before the headers: what is lost is said by a status, not by a cut.
        first = await read_chunk(ground, caller.school, chunks[0]) if chunks else b""
        name = quote(kept.about.name, safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Length": str(kept.size),
            **NO_SNIFF,
        }
        rest = _rest(ground, caller.school, first, chunks[1:])
        return Stream(rest, headers=headers, media_type=BYTES)

    return listed, manifest, read


def _about(name: str) -> dict[str, str]:
    return {"ETag": f'"{name}"', "Cache-Control": "private, immutable", **NO_SNIFF}


def _said(status: int, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(b"", status_code=status, headers=dict(headers), media_type=BYTES)


def _part(content: bytes, asked: str, headers: Mapping[str, str]) -> Response[bytes]:
    """Answer with the part that a Range header asks for, or with all where it asks for none."""
    whole = len(content)
    headers = {"Accept-Ranges": "bytes", **headers}
    found = range_of(asked, whole)
    if found is None:
        return Response(content, headers=headers, media_type=BYTES)
    if not found:
        return _said(416, {**headers, "Content-Range": f"bytes */{whole}"})
    headers["Content-Range"] = f"bytes {found.start}-{found.stop - 1}/{whole}"
    some = content[found.start : found.stop]
    return Response(some, status_code=206, headers=headers, media_type=BYTES)


async def _rest(
    ground: Ground, school: str, first: bytes, names: tuple[str, ...]
) -> AsyncIterator[bytes]:
    yield first
    del first  # it would be held until the last
    for name in names:
        yield await read_chunk(ground, school, name)
