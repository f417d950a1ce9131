"""A device's pass of the day: known by a MAC, looked up nowhere.

It reads `p.<what>.<school>`: `what` is msgpack (device, mark, ends_at) and its MAC, HMAC-SHA256
(RFC 2104) by the servers' own key over school and content, as URL-safe base64. `mark` is of the
secret that the device was given last: who enrols anew ends the passes of before.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final

from msgspec import DecodeError, Meta, Struct, msgpack

from central_mdm.contract.names import Count, Id

DAY_SECONDS: Final = 24 * 3600
SOONEST_SECONDS: Final = 3600
NONCE_SECONDS: Final = 300
MAC_BYTES: Final = 32
MARK_CHARS: Final = 16
_TIME_BYTES: Final = 8


class Pass(Struct, frozen=True, array_like=True):
    """Who came, and until when (UTC seconds) that is known without a look into the database."""

    device: Id
    mark: Annotated[str, Meta(min_length=MARK_CHARS, max_length=MARK_CHARS)]
    ends_at: Count


_read: Final = msgpack.Decoder(Pass)


def ends_at(device: str, now: int) -> int:
    """Return when its pass ends: at its own moment of the day, an hour from `now` at the soonest.

    So the proofs of a fleet that enrolled in one morning spread over the day.
    """
    phase = int.from_bytes(hashlib.sha256(device.encode()).digest()[8:16], "big") % DAY_SECONDS
    wait = (phase - now) % DAY_SECONDS
    return now + (wait if wait >= SOONEST_SECONDS else DAY_SECONDS)


def write_pass(key: bytes, school: str, held: Pass) -> str:
    return f"p.{write_marked(key, f'pass {school}', msgpack.encode(held))}.{school}"


def read_pass(key: bytes, school: str, token: str, now: int) -> Pass | None:
    """Return what a pass of this school says; None where it is none of ours or has ended.

    So it is with one of a day to come: it was written while a server's clock was ahead.
    """
    _, _, rest = token.partition(".")
    content = read_marked(key, f"pass {school}", rest.partition(".")[0])
    if content is None:
        return None
    try:
        held = _read.decode(content)
    except DecodeError:
        return None
    return held if now < held.ends_at <= now + DAY_SECONDS else None


def new_nonce(key: bytes, now: int) -> str:
    """Make a nonce that any of the servers knows again for five minutes, and nobody keeps."""
    return write_marked(key, "nonce", now.to_bytes(_TIME_BYTES, "big"))


def is_fresh(key: bytes, nonce: str, now: int) -> bool:
    stamp = read_marked(key, "nonce", nonce)
    return stamp is not None and 0 <= now - int.from_bytes(stamp, "big") <= NONCE_SECONDS


def write_marked(key: bytes, about: str, content: bytes) -> str:
    """Write what any of the servers knows again as its own, and as what it is `about`."""
    return _text(_mac(key, about, content) + content)


def read_marked(key: bytes, about: str, text: str) -> bytes | None:
    """Return the content; None where no server of ours has written it."""
    raw = _bytes(text)
    mac, content = raw[:MAC_BYTES], raw[MAC_BYTES:]
    return content if hmac.compare_digest(mac, _mac(key, about, content)) else None


def _mac(key: bytes, about: str, content: bytes) -> bytes:
    return hmac.digest(key, about.encode() + b"\0" + content, "sha256")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
