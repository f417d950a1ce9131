"""Patches into pictures. Every byte is hostile.

Sizes are read from headers and bounded before a pixel is decoded; nothing is drawn beside the
picture.
"""

import io
import math
import struct
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from PIL import Image, UnidentifiedImageError

from device_bridge.pictures.raster import fitting, resized
from device_bridge.protocol.pictures import IMAGE_BYTES_MAX, Frame, Patch, covers

SIDE_MAX: Final = 8192
PIXELS_MAX: Final = 34_000_000  # 8K
SCANS_MAX: Final = 16
"""Each goes over all pixels again for some fifty bytes. We send one; progressive ones have ten."""
_EDGE: Final = 3
"""Pixels around what changed that its scaling also touches."""
_MAGIC: Final = {"jpeg": b"\xff\xd8", "webp": b"RIFF"}


class BadPicture(Exception):
    """These bytes are no picture we open."""


class OutOfStep(Exception):
    """The patches are laid on a picture that never came: a whole one is needed."""


_PILLOWS: Final = (
    OSError,  # truncated, among others
    SyntaxError,  # Pillow's word for a broken header
    ValueError,
    EOFError,
    struct.error,
    MemoryError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@contextmanager
def _told() -> Generator[None]:
    """Turn whatever Pillow raises at hostile bytes into `BadPicture`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except _PILLOWS as error:
        raise BadPicture(type(error).__name__) from error


class Part(Struct, frozen=True):
    """What is new of a picture shown at `size`; `image` stands at `x`, `y` in it.

    It may be the picture itself, on which the next frame is drawn.
    """

    size: tuple[int, int]
    x: int
    y: int
    image: Image.Image


def single(frame: Frame, fit: tuple[int, int]) -> Part:
    """Return a whole picture of one patch, fitted into `fit`, never enlarged.

    Raises `BadPicture` for whatever is not that.
    """
    if len(frame.patches) != 1 or not covers(frame.patches, (frame.width, frame.height)):
        raise BadPicture("not whole")
    with _told():
        image = _opened(frame.patches[0], fit)
    return Part(image.size, 0, 0, image)


class Canvas:
    """One picture that goes on, at its own size."""

    def __init__(self) -> None:
        self._image: Image.Image | None = None
        self._number = 0
        self._bare = 0
        self._shown = (0, 0)

    def again(self, fit: tuple[int, int]) -> Part | None:
        """Return all of the picture, fitted into `fit`; None before it was whole once."""
        if self._image is None or self._bare > 0:
            return None
        self._shown = fitting(self._image.size, *fit)
        return _part(self._image, self._shown, None)

    def lay(self, frame: Frame, fit: tuple[int, int]) -> Part | None:
        """Lay a frame's patches; return what is new, fitted into `fit`; None: nothing, yet.

        Raises `OutOfStep`, or `BadPicture`: the picture must then begin anew.
        """
        size = frame.width, frame.height
        alone = not frame.base and len(frame.patches) == 1 and covers(frame.patches, size)
        image = None if alone else self._ground(frame)
        self._image, before = None, self._bare
        with _told():
            if image is None:
                self._bare, image = 0, _opened(frame.patches[0])
            else:
                self._draw(image, frame.patches)
        self._image, self._number = image, frame.number
        if self._bare > 0 or not frame.patches:
            return None
        size = fitting(image.size, *fit)
        new = before > 0 or size != self._shown
        self._shown = size
        return _part(image, size, None if new else frame.patches)

    def _draw(self, image: Image.Image, patches: Sequence[Patch]) -> None:
        for patch in patches:
            self._bare -= patch.width * patch.height
            image.paste(_opened(_within(patch, image.size)), (patch.x, patch.y))

    def _ground(self, frame: Frame) -> Image.Image:
        """Return what the frame is laid on."""
        size = frame.width, frame.height
        if not frame.base:
            if not _sensible(size):
                raise BadPicture("too large")
            self._bare = size[0] * size[1]
            return Image.new("RGB", size)
        if self._image is None or self._number != frame.base or self._image.size != size:
            raise OutOfStep
        return self._image


def _part(image: Image.Image, size: tuple[int, int], patches: Sequence[Patch] | None) -> Part:
    """Scale what the patches cover, None: all."""
    box = (0, 0, *image.size) if patches is None else _around(patches)
    if size == image.size:
        new = image if box == (0, 0, *size) else image.crop(box)
        return Part(size, box[0], box[1], new)
    across, down = image.width / size[0], image.height / size[1]
    left, top = max(0, int(box[0] / across) - _EDGE), max(0, int(box[1] / down) - _EDGE)
    right = min(size[0], math.ceil(box[2] / across) + _EDGE)
    bottom = min(size[1], math.ceil(box[3] / down) + _EDGE)
    source = (left * across, top * down, right * across, bottom * down)
    scaled = resized(image, (right - left, bottom - top), source)
    return Part(size, left, top, scaled)


def _around(patches: Sequence[Patch]) -> tuple[int, int, int, int]:
    return (
        min(patch.x for patch in patches),
        min(patch.y for patch in patches),
        max(patch.x + patch.width for patch in patches),
        max(patch.y + patch.height for patch in patches),
    )


def _within(patch: Patch, size: tuple[int, int]) -> Patch:
    if patch.x + patch.width > size[0] or patch.y + patch.height > size[1]:
        raise BadPicture("beside the picture")
    return patch


def _opened(patch: Patch, fit: tuple[int, int] | None = None) -> Image.Image:
    """Decode a patch: at its own size, or fitted into `fit`."""
    raw = patch.image
    if not 0 < len(raw) <= IMAGE_BYTES_MAX or not raw.startswith(_MAGIC[patch.codec]):
        raise BadPicture(f"no {patch.codec}")
    if raw.count(b"\xff\xda") > SCANS_MAX and patch.codec == "jpeg":
        raise BadPicture("too many scans")  # pixels' own bytes hold no marker
    with Image.open(io.BytesIO(raw), formats=(patch.codec.upper(),)) as picture:
        if not _sensible(picture.size):
            raise BadPicture("too large")
        if picture.size != (patch.width, patch.height):
            raise BadPicture("another size")
        if fit is None:
            return _rgb(picture)
        fitted = fitting(picture.size, *fit)
        # DCT scaling while decoding: a third of the time of a whole 1080p decode.
        picture.draft("RGB", fitted)
        small = _rgb(picture)
        return small if small.size == fitted else resized(small, fitted)


def _rgb(picture: Image.Image) -> Image.Image:
    """Decode it. Converting what is RGB already is a copy: a third of a close picture's time."""
    picture.load()
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _sensible(size: tuple[int, int]) -> bool:
    width, height = size
    return 0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX and width * height <= PIXELS_MAX
