"""A school's address and code in a file that imaging has placed: used once, then gone.

The image itself holds no key and no identity: each device makes its own at its first start.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from device_bridge.protocol.errors import Broken

FILE_BYTES_MAX: Final = 4096


class Placed(Struct, frozen=True, forbid_unknown_fields=True):
    """What `enrol` needs. `server`: http(s)://host:port."""

    server: Annotated[str, Meta(max_length=256)]
    code: Annotated[str, Meta(max_length=64)]


def read_placed(path: Path) -> Placed | None:
    """Read the file; None where there is none (any more). Raises Broken or OSError."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(FILE_BYTES_MAX + 1), type=Placed)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise Broken(f"{path.name} holds no server and code") from error
