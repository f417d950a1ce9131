"""Routes of Partage: chunks by hash, files by manifest."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from litestar import Response, Router, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from litestar.response import Stream

from central_mdm.contract.partage import CHUNK_BYTES_MAX, FileAnswer, FileOffered
from central_mdm.partage import rules
from central_mdm.platform.api import TEACHER, AnyRequest, BinaryOperation, problems
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.ground import Ground
from central_mdm.platform.reading import read_body

OFFER_BYTES_MAX = 512 * 1024
ChunkName = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{64}$")]
FileId = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9._:-]{1,64}$", max_length=64)]


def routes(ground: Ground) -> Router:
    @put(
        "/chunks/{name:str}",
        status_code=204,
        opt=TEACHER,
        request_max_body_size=CHUNK_BYTES_MAX,
        operation_class=BinaryOperation,
        responses=problems(401, 403),
    )
    async def put_chunk(request: AnyRequest, name: ChunkName) -> None:
        content = await read_body(request, CHUNK_BYTES_MAX)
        if not content:
            raise Malformed("empty", "A chunk has at least one byte.")
        await rules.keep_chunk(ground, request.user, name, content)

    @post(
        "/files",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=OFFER_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def offer(request: AnyRequest, data: JSONBody[FileOffered]) -> FileAnswer:
        return await rules.offer(ground, request.user, data)

    @get(
        "/files/{file:str}",
        opt=TEACHER,
        responses={
            **problems(401, 403, 404),
            200: ResponseSpec(
                bytes, media_type="application/octet-stream", generate_examples=False
            ),
        },
    )
    async def read(request: AnyRequest, file: FileId) -> Response[bytes] | Stream:
        caller: Caller = request.user
        async with ground.database.reading(caller.school) as connection:
            kept = await rules.find(connection, caller, file)
        # The first chunk before the headers: what is lost is said by a status, not by a cut.
        first = await _chunk(ground, caller.school, kept.chunks[0]) if kept.chunks else b""
        headers = {
            # An attachment of no type, whatever it is: nothing of a pupil's runs in a browser.
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(kept.name, safe='')}",
            "Content-Length": str(kept.size),
            "X-Content-Type-Options": "nosniff",
        }
        rest = _rest(ground, caller.school, first, kept.chunks[1:])
        return Stream(rest, headers=headers, media_type="application/octet-stream")

    return Router("/api", route_handlers=[put_chunk, offer, read], tags=["partage"])


async def _chunk(ground: Ground, school: str, name: str) -> bytes:
    content = await ground.objects.read(school, name)
    if content is None:
        raise Missing("lost-chunk")
    return content


async def _rest(
    ground: Ground, school: str, first: bytes, names: tuple[str, ...]
) -> AsyncIterator[bytes]:
    yield first
    for name in names:
        yield await _chunk(ground, school, name)
