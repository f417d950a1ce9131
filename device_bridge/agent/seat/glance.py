"""One look at a screen, in a worker thread: nothing new, nothing to see, or a picture.

Unchanged pixels cost one hash and no encoding.
"""

from io import BytesIO
from typing import Final, Literal

from blake3 import blake3
from msgspec import Struct
from PIL import Image

from device_bridge.agent.capabilities import Capture, Picture
from device_bridge.protocol.fields import PICTURE_BYTES_MAX
from device_bridge.protocol.seat import Look

JPEG_BYTES_MAX: Final = PICTURE_BYTES_MAX - 1024
QUALITIES: Final = {"overview": (70, 50, 30), "close": (80, 60, 35)}
"""Tried in turn: a noisy 4K screen at the best one may not fit a message."""


class Unchanged(Struct, frozen=True):
    """The screen shows what it showed at the last glance."""


class Nothing(Struct, frozen=True):
    """No picture, with the state to tell: "dark" or "failed"."""

    state: Literal["dark", "failed"]
    reason: str
    seen: bytes = b""


class Encoded(Struct, frozen=True):
    """A JPEG of the screen at the size asked for; `seen` recognises the pixels again."""

    seen: bytes
    width: int
    height: int
    screen_width: int
    screen_height: int
    jpeg: bytes


Glance = Unchanged | Nothing | Encoded


def glance(capture: Capture, look: Look, seen: bytes) -> Glance:
    """Grab `look.screen` and compare with `seen`, the last glance's (empty: nothing yet)."""
    picture = capture.grab(look.screen)
    if picture is None:
        return Nothing("failed", "the screen cannot be seen")
    if not _whole(picture):
        return Nothing("failed", "the picture is not whole")
    now = blake3(picture.pixels).digest()
    if now == seen:
        return Unchanged()
    image = _image(picture)
    if _uniform(image):
        return Nothing("dark", "", now)
    small = _fitted(image, look.width, look.height)
    jpeg = _jpeg(small, look)
    if jpeg is None:
        return Nothing("failed", "the picture is too large")
    return Encoded(now, small.width, small.height, picture.width, picture.height, jpeg)


def _whole(picture: Picture) -> bool:
    depth = {"RGB": 3, "BGRX": 4}.get(picture.layout, 0)
    pixels = picture.width * picture.height
    return depth > 0 and pixels > 0 and len(picture.pixels) == pixels * depth


def _image(picture: Picture) -> Image.Image:
    size = (picture.width, picture.height)
    return Image.frombuffer("RGB", size, picture.pixels, "raw", picture.layout, 0, 1)


def _uniform(image: Image.Image) -> bool:
    """Whether every pixel is alike. One row decides it for nearly every screen."""
    row = image.crop((0, image.height // 2, image.width, image.height // 2 + 1))
    return _flat(row) and _flat(image)


def _flat(image: Image.Image) -> bool:
    return all(_range_of(image.getchannel(channel)) == 0 for channel in "RGB")


def _range_of(channel: Image.Image) -> float:
    low, high = channel.getextrema()
    return float(str(high)) - float(str(low))


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale to fit, never enlarge. `reducing_gap` lets Pillow average whole blocks first."""
    image.thumbnail((max(1, width), max(1, height)), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def _jpeg(image: Image.Image, look: Look) -> bytes | None:
    for quality in QUALITIES["close" if look.look == "close" else "overview"]:
        written = BytesIO()
        image.save(written, "JPEG", quality=quality)
        if written.tell() <= JPEG_BYTES_MAX:
            return written.getvalue()
    return None
