"""One process that decodes pictures for us: a fault in there costs a picture and no lesson."""

import logging
import socket
import subprocess
import sys
import time
from typing import Final

from msgspec import Struct

from device_bridge.pictures.canvas import BadPicture, OutOfStep
from device_bridge.pictures.pixels import (
    ANSWERED,
    ASKED,
    NOT_YET,
    OUT_OF_STEP,
    PIXEL_BYTES,
    SHOWN,
    receive,
)
from device_bridge.protocol.messages import encode
from device_bridge.protocol.pictures import Frame

log = logging.getLogger(__name__)
ANSWER_SECONDS: Final = 5.0
"""Far above any picture: who has not answered by then hangs."""
TRIES: Final = 2
"""What ended for another reason loses no picture: a still screen sends no second one."""


class Pixels(Struct, frozen=True):
    """What is new of a picture that is shown at `size`, to be put at `x`, `y`.

    `pixels` has `PIXEL_BYTES` each, red first, row by row without padding.
    """

    size: tuple[int, int]
    x: int
    y: int
    width: int
    height: int
    pixels: bytearray


class Apart:
    """Starts its process when it is first needed, and again after a fault. One thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def decode(self, frame: Frame, fit: tuple[int, int], which: int = 0) -> Pixels | None:
        """Return what a frame makes new, fitted into `fit` real pixels, never enlarged.

        `which`, from 1, numbers a picture that goes on by patches; 0: each frame is a whole one.
        None: it is not whole yet. Raises `OutOfStep` where it must begin anew, `BadPicture` for
        what is none, for one that twice ended the process, and for one over which it hung.
        """
        return self._answer(encode(frame), fit, which)

    def again(self, fit: tuple[int, int], which: int) -> Pixels | None:
        """Return all of a picture that goes on, fitted into `fit`. Raises as `decode` does."""
        return self._answer(b"", fit, which)

    def _answer(self, raw: bytes, fit: tuple[int, int], which: int) -> Pixels | None:
        for _ in range(TRIES):
            try:
                return self._asked(self._line or self._started(), raw, fit, which)
            except (OSError, EOFError) as error:
                log.warning("decoder ended", extra={"why": type(error).__name__})
                self.end()
                if isinstance(error, TimeoutError):
                    break
        raise BadPicture("decoder")

    def _asked(
        self, line: socket.socket, raw: bytes, fit: tuple[int, int], which: int
    ) -> Pixels | None:
        until = time.monotonic() + ANSWER_SECONDS
        line.settimeout(ANSWER_SECONDS)
        line.sendall(ASKED.pack(len(raw), *fit, which) + raw)
        answer = ANSWERED.unpack(receive(line, bytearray(ANSWERED.size), until))
        state, across, down, x, y, width, height = answer
        if state == NOT_YET:
            return None
        if state == OUT_OF_STEP:
            raise OutOfStep
        if state != SHOWN:
            raise BadPicture("none")
        inside = x + width <= across <= max(1, fit[0]) and y + height <= down <= max(1, fit[1])
        if not inside:
            raise EOFError  # not what was asked: nothing that it says is believed
        pixels = bytearray(width * height * PIXEL_BYTES)
        receive(line, pixels, until)
        return Pixels((across, down), x, y, width, height, pixels)

    def end(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._line = None

    @property
    def pid(self) -> int:
        """Its process; 0 while there is none."""
        return self._process.pid if self._process else 0

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                _command(),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl+C is for the program, which then ends it
            )
        self._line = ours
        return ours


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--decode-pictures"]
    return [sys.executable, "-m", "device_bridge.pictures.pixels"]
