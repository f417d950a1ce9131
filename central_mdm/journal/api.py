"""Routes of the journal: events come in batches, each gets its answer; signed heads as well."""

from litestar import Router, post
from litestar.params import JSONBody

from central_mdm.contract.heads import HEADS_MAX, HeadsHeard, HeadsTold
from central_mdm.contract.journal import BATCH_MAX, Pushed
from central_mdm.journal.heads import hear
from central_mdm.journal.reading import BODY_BYTES_MAX, read_batch
from central_mdm.journal.rules import take
from central_mdm.platform.api import TEACHER, AnyRequest, BatchOperation, problems
from central_mdm.platform.ground import Ground
from central_mdm.platform.reading import read_body

PUSH_BYTES_MAX = BATCH_MAX * (BODY_BYTES_MAX + 1024)
HEADS_BYTES_MAX = HEADS_MAX * 8 * 1024


def routes(ground: Ground) -> Router:
    @post(
        "/journal",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=PUSH_BYTES_MAX,
        operation_class=BatchOperation,
        responses=problems(401, 403),
    )
    async def push(request: AnyRequest) -> Pushed:
        batch = read_batch(await read_body(request, PUSH_BYTES_MAX))
        return Pushed(await take(ground, request.user, batch))

    @post(
        "/journal/heads",
        status_code=200,
        opt=TEACHER,
        request_max_body_size=HEADS_BYTES_MAX,
        responses=problems(401, 403),
    )
    async def tell_heads(request: AnyRequest, data: JSONBody[HeadsTold]) -> HeadsHeard:
        return await hear(ground, request.user, data)

    return Router("/api", route_handlers=[push, tell_heads], tags=["journal"])
