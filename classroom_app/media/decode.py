"""Pupils' pictures: JPEG bytes to images at a tile's size, in a few worker threads.

Every byte is hostile: the size is read from the header and bounded before a pixel is decoded.
"""

import io
import struct
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from msgspec import Struct
from PIL import Image, UnidentifiedImageError
from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId

JPEG_BYTES_MAX = 4 * 1024 * 1024  # the lane's own bound
SIDE_MAX = 8192
PIXELS_MAX = 34_000_000  # 8K
PACE_MS = 33
WORKERS = 2


class BadPicture(Exception):
    """These bytes are no picture we open."""


def decode(jpeg: bytes, size: QSize) -> QImage:
    """Return the picture fitted into `size` real pixels, never enlarged.

    Raises `BadPicture` for whatever is not a whole, sensible JPEG.
    """
    if not 0 < len(jpeg) <= JPEG_BYTES_MAX or not jpeg.startswith(b"\xff\xd8"):
        raise BadPicture("not a JPEG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _opened(jpeg, size)
    except (
        OSError,  # truncated, among others
        SyntaxError,  # Pillow's word for a broken header
        ValueError,
        struct.error,
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadPicture(type(error).__name__) from error


def _opened(jpeg: bytes, size: QSize) -> QImage:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        width, height = picture.size
        if not 0 < width <= SIDE_MAX or not 0 < height <= SIDE_MAX or width * height > PIXELS_MAX:
            raise BadPicture("too large")
        target = QSize(width, height)
        if width > size.width() or height > size.height():
            target = target.scaled(size, Qt.AspectRatioMode.KeepAspectRatio)
        fitted = (max(1, target.width()), max(1, target.height()))
        # DCT scaling while decoding: a third of the time of a whole 1080p decode.
        picture.draft("RGB", fitted)
        small = picture.convert("RGB")
        small.thumbnail(fitted, Image.Resampling.BILINEAR, reducing_gap=2.0)
        pixels = small.convert("RGBA").tobytes("raw", "BGRA")
    image = QImage(pixels, small.width, small.height, small.width * 4, QImage.Format.Format_RGB32)
    return image.copy()  # own memory: `pixels` ends here


class _Order(Struct, frozen=True):
    jpeg: bytes
    size: QSize


class Decoder(QObject):
    """Decodes the newest picture a device; an older one still waiting is dropped and counted."""

    ready = Signal(object)  # Mapping[DeviceId, QImage], at most once in 33 ms for all
    unreadable = Signal(str)  # a device whose newest picture is none
    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="decode")
        self._lock = Lock()
        self._waiting: dict[DeviceId, _Order] = {}
        self._busy: set[DeviceId] = set()
        self._done: dict[DeviceId, QImage] = {}
        self._bad: set[DeviceId] = set()
        self.dropped = 0
        self._pace = QTimer(self, singleShot=True, interval=PACE_MS)
        self._pace.timeout.connect(self._tell)
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)

    def put(self, device: DeviceId, jpeg: bytes, size: QSize) -> None:
        """Take a picture to decode; returns at once."""
        with self._lock:
            self.dropped += device in self._waiting
            self._waiting[device] = _Order(jpeg, size)
            if device in self._busy:
                return  # its worker takes the newest when it is done
            self._busy.add(device)
        self._pool.submit(self._work, device)

    def close(self) -> None:
        """Wait for the pictures under way (some ms each); the rest is dropped."""
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown()
        self._pace.stop()

    def _work(self, device: DeviceId) -> None:
        while (order := self._next(device)) is not None:
            try:
                image = decode(order.jpeg, order.size)
            except BadPicture:
                with self._lock:
                    self._bad.add(device)
            else:
                with self._lock:
                    self._done[device] = image
            self._arrived.emit()

    def _next(self, device: DeviceId) -> _Order | None:
        with self._lock:
            order = self._waiting.pop(device, None)
            if order is None:
                self._busy.discard(device)
            return order

    @Slot()
    def _on_arrived(self) -> None:
        if not self._pace.isActive():
            self._pace.start()

    @Slot()
    def _tell(self) -> None:
        with self._lock:
            done: Mapping[DeviceId, QImage] = self._done
            bad, self._bad, self._done = self._bad, set(), {}
        if done:
            self.ready.emit(done)
        for device in bad - done.keys():
            self.unreadable.emit(device)
