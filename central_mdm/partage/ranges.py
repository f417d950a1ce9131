"""Reading a Range header: one part of bytes (RFC 9110, 14.2)."""

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


def range_of(header: str, size: int) -> range | None:
    """Return the part that is asked for, empty where there is no such; None: all of it.

    Several parts, or another unit, are a Range that we do not know: all is sent then.
    """
    found = _ONE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return range(max(size - int(found[2]), 0), size)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    return range(first, last + 1)
