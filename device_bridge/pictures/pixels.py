"""A process of its own that turns strangers' patches into pixels.

A fault in a decoder is this process's, which can open nothing and write nothing but its answer.
"""

import io
import socket
import struct
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Final

from PIL import Image

from device_bridge.memory import keep_freed_memory
from device_bridge.pictures.canvas import BadPicture, Canvas, OutOfStep, Part, single
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.fields import PICTURE_BYTES_MAX
from device_bridge.protocol.messages import decode_picture_from_device
from device_bridge.protocol.pictures import Frame, covering

ASKED: Final = struct.Struct("!IIII")
"""Before a frame as it is on the wire: its bytes, the width and height to fit it into, and which
picture it goes on with, 0: none, it is whole. No bytes: all of that picture once more."""
ANSWERED: Final = struct.Struct("!BIIIIII")
"""Before the pixels, red, green and blue: one of the following, the width and height of the
picture as it is shown, and where in it the pixels stand: x, y, width and height."""
PIXEL_BYTES: Final = 3
"""Not as Qt draws them: Pillow takes thrice as long for those, and Qt next to nothing."""
SHOWN, NOT_YET, BAD, OUT_OF_STEP = range(4)
CANVASES_MAX: Final = 4
_MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024


class Canvases:
    """The pictures that go on, by their numbers; the one longest unused gives way."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Canvas] = OrderedDict()

    def answer(self, raw: bytes, fit: tuple[int, int], which: int) -> tuple[int, Part | None]:
        """Return what to say to one request, and what is to be seen."""
        try:
            part = self._part(raw, fit, which)
        except OutOfStep:
            return OUT_OF_STEP, None
        except (BadPicture, DeviceError):
            self._kept.pop(which, None)
            return BAD, None
        return (SHOWN if part else NOT_YET), part

    def _part(self, raw: bytes, fit: tuple[int, int], which: int) -> Part | None:
        if not raw:
            return self._kept[which].again(fit) if which in self._kept else None
        frame = decode_picture_from_device(raw)
        if not isinstance(frame, Frame) or not all(fit):
            raise BadPicture("no frame")
        return self._canvas(which).lay(frame, fit) if which else single(frame, fit)

    def _canvas(self, which: int) -> Canvas:
        canvas = self._kept.pop(which, None) or Canvas()
        self._kept[which] = canvas
        if len(self._kept) > CANVASES_MAX:
            self._kept.popitem(last=False)
        return canvas


def serve() -> int:
    """Answer on the socket that is our standard input, until it ends."""
    keep_freed_memory()
    _warm_up()
    _give_up_rights()
    canvases = Canvases()
    with socket.socket(fileno=sys.stdin.fileno()) as line, suppress(EOFError, OSError):
        while True:
            length, width, height, which = ASKED.unpack(receive(line, bytearray(ASKED.size)))
            raw = bytes(receive(line, bytearray(min(length, PICTURE_BYTES_MAX))))
            state, part = canvases.answer(raw, (width, height), which)
            if part is None:
                line.sendall(ANSWERED.pack(state, 0, 0, 0, 0, 0, 0))
                continue
            line.sendall(ANSWERED.pack(state, *part.size, part.x, part.y, *part.image.size))
            line.sendall(part.image.tobytes())
    return 0


def _warm_up() -> None:
    """Load all that is needed while files may still be opened."""
    for codec in ("jpeg", "webp"):
        sample = io.BytesIO()
        Image.new("RGB", (16, 16)).save(sample, codec.upper())
        patches = covering(sample.getvalue(), 16, 16, codec)
        single(Frame(1, 1, 16, 16, 16, 16, patches), (8, 8))


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
