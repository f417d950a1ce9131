"""Of which sign-in a refresh token came, read from the token: its row is gone once it is of no use.

The random part of a token is followed by `~` and its descent: msgpack and a MAC, as in
`platform.passes`, over both. So a spent one that somebody shows many renewals later still ends its
family, and no row is kept for that.
"""

from typing import Final

from msgspec import DecodeError, Struct, msgpack

from central_mdm.contract.names import Count, Id
from central_mdm.platform.passes import read_marked, write_marked

_AFTER: Final = "~"


class Descent(Struct, frozen=True, array_like=True):
    """`family`: all that came of one sign-in. `ends_at`: of the token, UTC seconds.

    `parent_told`: the token by which it was bought tells its own descent.
    """

    family: Id
    ends_at: Count
    parent_told: bool = False


_read: Final = msgpack.Decoder(Descent)


def with_descent(key: bytes, school: str, secret: str, descent: Descent) -> str:
    """Return the secret part of a token of which `read_descent` tells where it came from."""
    told = write_marked(key, _about(school, secret), msgpack.encode(descent))
    return f"{secret}{_AFTER}{told}"


def read_descent(key: bytes, school: str, token: str, now: int) -> Descent | None:
    """Return it; None where the token has ended, is none of ours, or is of before there was one."""
    secret, _, told = token.split(".")[1].partition(_AFTER)
    content = read_marked(key, _about(school, secret), told)
    if content is None:
        return None
    try:
        descent = _read.decode(content)
    except DecodeError:
        return None
    return descent if descent.ends_at > now else None


def _about(school: str, secret: str) -> str:
    return f"refresh {school} {secret}"
