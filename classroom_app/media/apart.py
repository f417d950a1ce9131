"""One process that decodes pictures for us: a fault in there costs a picture and no lesson."""

import logging
import socket
import subprocess
import sys
import time
from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage

from classroom_app.media.pixels import ANSWERED, ASKED, BadPicture, receive

log = logging.getLogger(__name__)
ANSWER_SECONDS: Final = 5.0
"""Far above any picture: who has not answered by then hangs."""
TRIES: Final = 2
"""What ended for another reason loses no picture: a still screen sends no second one."""


class Apart:
    """Starts its process when it is first needed, and again after a fault. One thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def decode(self, jpeg: bytes, size: QSize) -> QImage:
        """Return the picture fitted into `size` real pixels, never enlarged.

        Raises `BadPicture` for what is none, for one that twice ended the process, and for one
        over which it hung.
        """
        for _ in range(TRIES):
            try:
                return self._asked(self._line or self._started(), jpeg, size)
            except (OSError, EOFError) as error:
                log.warning("decoder ended", extra={"why": type(error).__name__})
                self.end()
                if isinstance(error, TimeoutError):
                    break
        raise BadPicture("decoder")

    def _asked(self, line: socket.socket, jpeg: bytes, size: QSize) -> QImage:
        until = time.monotonic() + ANSWER_SECONDS
        line.settimeout(ANSWER_SECONDS)
        line.sendall(ASKED.pack(len(jpeg), size.width(), size.height()) + jpeg)
        width, height = ANSWERED.unpack(receive(line, bytearray(ANSWERED.size), until))
        if not width or not height:
            raise BadPicture("none")
        if width > max(1, size.width()) or height > max(1, size.height()):
            raise EOFError  # not what was asked: nothing that it says is believed
        image = QImage(width, height, QImage.Format.Format_RGB32)
        receive(line, memoryview(image.bits()), until)
        return image

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
                start_new_session=True,  # Ctrl+C is for the app, which then ends it
            )
        self._line = ours
        return ours


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--decode-pictures"]
    return [sys.executable, "-m", "classroom_app.media.pixels"]
