"""Reading a request's body with an end to it."""

from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE as TOO_LARGE

from central_mdm.platform.api import AnyRequest
from central_mdm.platform.errors import Malformed, TooLarge


async def read_body(request: AnyRequest, bytes_max: int) -> bytes:
    """Read at most `bytes_max`, whatever the sender announced. Raises TooLarge or Malformed."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise TooLarge("too-large")
    pieces: list[bytes] = []
    total = 0
    try:
        async for piece in request.stream():
            total += len(piece)
            if total > bytes_max:
                raise TooLarge("too-large")
            pieces.append(piece)
    except ClientException as error:
        if error.status_code == TOO_LARGE:
            raise TooLarge("too-large") from None
        raise Malformed("cut-off", "The body ended early.") from None
    return b"".join(pieces)
