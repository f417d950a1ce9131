"""Reading one object from the school's object store, by an address that needs no token.

In a thread, by the standard library: megabytes come in few large reads, for a fifth of the
processor time that the same bytes cost on the loop.
"""

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from central_mdm.contract.partage import CHUNK_BYTES_MAX
from classroom_app.cloud.errors import NotAServer, Unreachable

# Between two bytes; the whole has an end of its own, from whoever asks.
QUIET_SECONDS = 20.0


def read_object(address: str, verify: ssl.SSLContext | None) -> tuple[int, bytes]:
    """Return status and content, at most a chunk. Blocks. Raises Unreachable or NotAServer."""
    try:
        parts = urlsplit(address)
        where = (parts.hostname or "", parts.port)
    except ValueError:
        raise NotAServer("no-address") from None
    if parts.scheme not in {"http", "https"} or not where[0]:
        raise NotAServer("no-address")
    if parts.scheme == "https":
        connection = HTTPSConnection(*where, timeout=QUIET_SECONDS, context=verify)
    else:
        connection = HTTPConnection(*where, timeout=QUIET_SECONDS)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}")
        response = connection.getresponse()
        content = response.read(CHUNK_BYTES_MAX + 1)
        if response.length and len(content) <= CHUNK_BYTES_MAX:
            raise Unreachable("cut off")
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(type(error).__name__) from None
    finally:
        connection.close()
    if len(content) > CHUNK_BYTES_MAX:
        raise NotAServer("too-large")
    return response.status, content
