"""A screen of raw frames that were drawn ahead: what a busy screen costs, and nothing to draw it.

For benchmarks: a grab copies a frame, as a grab of a real screen does, and stamps who and when.
"""

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from device_bridge.agent.capabilities import Area, Picture
from device_bridge.protocol.hello import Screen
from device_bridge.simulator import code

STAMPS_A_SECOND: Final = 20
"""A code's running number counts twentieths: two grabs in a row never show the same."""
_BYTES: Final = 4
_SMALLER: Final = 4


def age_seconds(number: int, now: float) -> float:
    """Say how long ago the stamp `number` was made, at most one modulo (13 minutes)."""
    age = (now * STAMPS_A_SECOND - number) % code.QUARTERS_MODULO / STAMPS_A_SECOND
    return 0.0 if age > code.QUARTERS_MODULO / STAMPS_A_SECOND - 1 else age


class DrawnAhead:
    """A `Capture` over a file of BGRX frames of `size`, one after the other; each grab the next.

    `now` gives seconds since 1970. Raises `OSError` or `ValueError` for a file that is none.
    """

    def __init__(
        self, device: str, ring: Path, size: tuple[int, int], first: int, now: Callable[[], float]
    ) -> None:
        self._device, self._now, self._size, self._next = device, now, size, first
        with ring.open("rb") as file:
            # One copy in memory for all devices of all processes.
            self._ring = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._frame_bytes = size[0] * size[1] * _BYTES
        if len(self._ring) % self._frame_bytes:
            raise ValueError("the ring is not of whole frames")

    def screens(self) -> tuple[Screen, ...]:
        return (Screen(*self._size),)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Leave it to be compared."""
        del screen

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture:
        """Return the next frame as the only screen's picture."""
        del screen
        start = self._next * self._frame_bytes % len(self._ring)
        self._next += 1
        frame = self._ring[start : start + self._frame_bytes]
        return Picture(*self._size, "BGRX", self._stamped(frame))

    def _stamped(self, frame: memoryview) -> bytes:
        """Return the frame's bytes with the code laid in: copied once, row by row at the code."""
        (left, top, right, foot), stamp = self._stamp()
        row, wide = self._size[0] * _BYTES, (right - left) * _BYTES
        parts = [frame[: top * row + left * _BYTES]]
        for line in range(foot - top):
            after = (top + line) * row + right * _BYTES
            parts += stamp[line * wide : (line + 1) * wide], frame[after : after + row - wide]
        parts.append(frame[(foot - 1) * row + right * _BYTES + row - wide :])
        return b"".join(parts)

    def _stamp(self) -> tuple[tuple[int, int, int, int], memoryview]:
        """Return where the code stands, and its pixels: drawn small, since a whole screen costs."""
        width, height = (side // _SMALLER for side in self._size)
        small = Image.new("RGB", (width, height))
        code.draw(small, self._device, int(self._now() * STAMPS_A_SECOND))
        left, right = round(code.LEFT * width), round((code.LEFT + code.WIDTH) * width)
        top, foot = round(code.TOP * height), round((code.TOP + code.HEIGHT) * height)
        cut = small.crop((left, top, right, foot)).convert("RGBA")
        large = ImageOps.scale(cut, _SMALLER, Image.Resampling.NEAREST)
        where = (left * _SMALLER, top * _SMALLER, right * _SMALLER, foot * _SMALLER)
        return where, memoryview(large.tobytes("raw", "BGRA"))
