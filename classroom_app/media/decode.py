"""Pupils' pictures on their way to the wall, decoded beside the app; the loop waits for none.

A worker thread waits for each process (`device_bridge.pictures.apart`). A device's next picture is
let in when its last one is done: so what waits here is bounded by how many devices there are.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

from msgspec import Struct
from PySide6.QtCore import QObject, QPoint, QSize, Signal
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from device_bridge.pictures.apart import Apart, Pixels
from device_bridge.pictures.canvas import BadPicture, OutOfStep
from device_bridge.pictures.pixels import PIXEL_BYTES
from device_bridge.protocol.pictures import Frame

PACE_SECONDS: Final = 0.033
WORKERS: Final = 2
DRAWN: Final = QImage.Format.Format_RGB32
"""As Qt draws it without a conversion."""


class News(Struct, frozen=True):
    """What is new in a close picture that is shown at `size`; `image` stands at `at`."""

    size: QSize
    at: QPoint
    image: QImage


class _Worker:
    def __init__(self, number: int) -> None:
        self.apart = Apart()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"decode-{number}")


class Decoder(QObject):
    """Decodes in two processes; a device keeps to one, which knows its close picture."""

    ready = Signal(object)  # Mapping[DeviceId, QImage]: tiles, at most once in 33 ms for all
    news = Signal(str, object)  # device and News: a close picture, at once; its image dies then
    lost = Signal(str)  # a device whose close picture must begin anew

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workers = tuple(_Worker(number) for number in range(WORKERS))
        self._numbers = count(1)
        self._of: dict[DeviceId, int] = {}
        self._done: dict[DeviceId, QImage] = {}
        self._pace: asyncio.TimerHandle | None = None

    @property
    def apart(self) -> tuple[Apart, ...]:
        return tuple(worker.apart for worker in self._workers)

    async def take(self, device: DeviceId, frame: Frame, fit: QSize, *, close: bool) -> bool:
        """Decode a picture, fitted into `fit` real pixels; return when it is told, or refused.

        False: it is none. One that is laid on what never came is `lost`, and no fault.
        """
        worker, which = self._at(device)
        which = which if close else 0
        decoding = worker.thread.submit(worker.apart.decode, frame, _size(fit), which)
        try:
            pixels = await asyncio.wrap_future(decoding)
        except BadPicture:
            return False
        except OutOfStep:
            self.lost.emit(device)
        else:
            if pixels is not None:
                self._tell(device, pixels, close=close)
        return True

    async def again(self, device: DeviceId, fit: QSize) -> QImage | None:
        """Return all of a close picture, fitted into `fit`; None while there is none."""
        worker, which = self._at(device)
        again = worker.thread.submit(worker.apart.again, _size(fit), which)
        try:
            pixels = await asyncio.wrap_future(again)
        except (BadPicture, OutOfStep):
            return None
        return _image(pixels).convertToFormat(DRAWN) if pixels else None

    def close(self) -> None:
        """Wait for the pictures under way (some ms each); the rest is dropped."""
        for worker in self._workers:
            worker.thread.shutdown(cancel_futures=True)
            worker.apart.end()
        if self._pace is not None:
            self._pace.cancel()

    def _at(self, device: DeviceId) -> tuple[_Worker, int]:
        if device not in self._of:
            self._of[device] = next(self._numbers)
        which = self._of[device]
        return self._workers[which % WORKERS], which

    def _tell(self, device: DeviceId, pixels: Pixels, *, close: bool) -> None:
        if close:
            news = News(QSize(*pixels.size), QPoint(pixels.x, pixels.y), _image(pixels))
            self.news.emit(device, news)
            return
        self._done[device] = _image(pixels).convertToFormat(DRAWN)
        if self._pace is None:
            loop = asyncio.get_running_loop()
            self._pace = loop.call_later(PACE_SECONDS, self._tell_tiles)

    def _tell_tiles(self) -> None:
        done, self._done, self._pace = self._done, {}, None
        self.ready.emit(done)


def _size(fit: QSize) -> tuple[int, int]:
    return max(1, fit.width()), max(1, fit.height())


def _image(pixels: Pixels) -> QImage:
    """Return an image that lives as long as `pixels` do."""
    row, form = pixels.width * PIXEL_BYTES, QImage.Format.Format_RGB888
    return QImage(pixels.pixels, pixels.width, pixels.height, row, form)
