"""Reading a request's body with an end to it."""

from collections.abc import AsyncIterator

from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE as TOO_LARGE

from central_mdm.platform.api import AnyRequest
from central_mdm.platform.errors import Malformed, TooLarge


async def read_body(request: AnyRequest, bytes_max: int) -> bytes:
    """Read at most `bytes_max`, whatever the sender announced. Raises TooLarge or Malformed."""
    return b"".join([piece async for piece in read_pieces(request, bytes_max)])


async def read_pieces(request: AnyRequest, bytes_max: int) -> AsyncIterator[bytes]:
    """Read a body as it comes, for what is too large for memory. Raises as `read_body`."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise TooLarge("too-large")
    total = 0
    try:
        async for piece in request.stream():
            total += len(piece)
            if total > bytes_max:
                raise TooLarge("too-large")
            yield piece
    except ClientException as error:
        if error.status_code == TOO_LARGE:
            raise TooLarge("too-large") from None
        raise Malformed("cut-off", "The body ended early.") from None
