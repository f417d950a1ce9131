"""Names that can be written into a question.

zeroconf reads any bytes as a name, bad UTF-8 with a longer letter for each, and raises when it is
to write what came of it. So a stranger's record must neither be asked for nor be named as known.
"""

from typing import Final

from zeroconf import Error, Zeroconf
from zeroconf.asyncio import AsyncServiceInfo

NAME_BYTES_MAX: Final = 255
LABEL_BYTES_MAX: Final = 63  # both RFC 1035, 2.3.4


def is_writable(name: str) -> bool:
    labels = name.encode(errors="replace").split(b".")
    return len(name.encode(errors="replace")) <= NAME_BYTES_MAX and all(
        len(label) <= LABEL_BYTES_MAX for label in labels
    )


async def asked(zeroconf: Zeroconf, info: AsyncServiceInfo, seconds: float) -> bool:
    """Ask for what `info` lacks; whether all came. What names a bent host is as silent."""
    try:
        return await info.async_request(zeroconf, seconds * 1000)
    except Error:
        return False
