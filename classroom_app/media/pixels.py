"""Pupils' pictures: JPEG bytes to pixels at a tile's size. No Qt: a process of its own runs this.

Every byte is hostile: the size is read from the header and bounded before a pixel is decoded. A
fault in the decoder is that process's, which can open nothing and write nothing but its answer.
"""

import io
import socket
import struct
import sys
import time
import warnings
from contextlib import suppress
from typing import Final

from PIL import Image, UnidentifiedImageError

JPEG_BYTES_MAX: Final = 4 * 1024 * 1024  # the lane's own bound
SIDE_MAX: Final = 8192
PIXELS_MAX: Final = 34_000_000  # 8K
SCANS_MAX: Final = 16
"""Each goes over all pixels again for some fifty bytes. We send one; progressive ones have ten."""
ASKED: Final = struct.Struct("!III")
"""Before the JPEG: its bytes, and the width and height to fit it into."""
ANSWERED: Final = struct.Struct("!II")
"""Before the pixels, four bytes each (BGRA): width and height. Both 0: it is no picture."""
_MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024


class BadPicture(Exception):
    """These bytes are no picture we open."""


def pixels(jpeg: bytes, fit: tuple[int, int]) -> tuple[int, int, bytes]:
    """Return width, height and BGRA of the picture, fitted into `fit`, never enlarged.

    Raises `BadPicture` for whatever is not a whole, sensible JPEG.
    """
    if not 0 < len(jpeg) <= JPEG_BYTES_MAX or not jpeg.startswith(b"\xff\xd8"):
        raise BadPicture("not a JPEG")
    if jpeg.count(b"\xff\xda") > SCANS_MAX:  # pixels' own bytes hold no marker
        raise BadPicture("too many scans")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _opened(jpeg, fit)
    except (
        OSError,  # truncated, among others
        SyntaxError,  # Pillow's word for a broken header
        ValueError,
        struct.error,
        MemoryError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadPicture(type(error).__name__) from error


def _opened(jpeg: bytes, fit: tuple[int, int]) -> tuple[int, int, bytes]:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        width, height = picture.size
        if not 0 < width <= SIDE_MAX or not 0 < height <= SIDE_MAX or width * height > PIXELS_MAX:
            raise BadPicture("too large")
        ratio = min(1.0, fit[0] / width, fit[1] / height)
        fitted = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        # DCT scaling while decoding: a third of the time of a whole 1080p decode.
        picture.draft("RGB", fitted)
        small = picture.convert("RGB")
        small.thumbnail(fitted, Image.Resampling.BILINEAR, reducing_gap=2.0)
        return small.width, small.height, small.convert("RGBA").tobytes("raw", "BGRA")


def serve() -> int:
    """Answer on the socket that is our standard input, until it ends."""
    sample = io.BytesIO()
    Image.new("RGB", (16, 16)).save(sample, "JPEG")
    pixels(sample.getvalue(), (8, 8))  # loads all it needs while files may still be opened
    _give_up_rights()
    with socket.socket(fileno=sys.stdin.fileno()) as line, suppress(EOFError, OSError):
        while True:
            length, width, height = ASKED.unpack(receive(line, bytearray(ASKED.size)))
            jpeg = bytes(receive(line, bytearray(min(length, JPEG_BYTES_MAX))))
            try:
                made = pixels(jpeg, (width, height))
            except BadPicture:
                made = 0, 0, b""
            line.sendall(ANSWERED.pack(*made[:2]))
            line.sendall(made[2])
    return 0


def receive(
    line: socket.socket, into: bytearray | memoryview, until: float | None = None
) -> bytearray | memoryview:
    """Fill `into`. Raises EOFError where the other end has ended.

    Raises TimeoutError where it is not full by `until`, in seconds of the monotonic clock.
    """
    rest = memoryview(into)
    while rest:
        if until is not None:
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError
            line.settimeout(left)
        if not (count := line.recv_into(rest)):
            raise EOFError
        rest = rest[count:]
    return into


def _give_up_rights() -> None:
    """Open no file and no socket, start nothing, write no file, take no more than a gigabyte."""
    with suppress(ImportError):  # Windows
        import resource  # noqa: PLC0415 - not everywhere

        for limit, most in (
            (resource.RLIMIT_NOFILE, 0),
            (resource.RLIMIT_NPROC, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_AS, _MEMORY_BYTES_MAX),
        ):
            resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    sys.exit(serve())
