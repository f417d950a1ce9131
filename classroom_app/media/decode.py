"""Pupils' pictures on their way to the wall: the newest of each device, decoded beside the app.

A few worker threads wait for as many processes (`media.apart`); the loop waits for none.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock

from msgspec import Struct
from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from classroom_app.media.apart import Apart
from classroom_app.media.pixels import BadPicture

PACE_MS = 33
WORKERS = 2


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
        self.apart = tuple(Apart() for _ in range(WORKERS))
        self._idle = SimpleQueue[Apart]()
        for each in self.apart:
            self._idle.put(each)
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
                return  # queued anew when its worker is done
            self._busy.add(device)
        self._pool.submit(self._work, device)

    def close(self) -> None:
        """Wait for the pictures under way (some ms each); the rest is dropped."""
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown()
        for each in self.apart:
            each.end()
        self._pace.stop()

    def _work(self, device: DeviceId) -> None:
        """Decode one picture; the device's next one queues behind all others'."""
        with self._lock:
            order = self._waiting.pop(device, None)
        if order is not None:
            self._decode(device, order)
            self._arrived.emit()
        with self._lock:
            if device in self._waiting:
                self._pool.submit(self._work, device)
            else:
                self._busy.discard(device)

    def _decode(self, device: DeviceId, order: _Order) -> None:
        apart = self._idle.get()
        try:
            image = apart.decode(order.jpeg, order.size)
        except BadPicture:
            with self._lock:
                self._bad.add(device)
        else:
            with self._lock:
                self._done[device] = image
        finally:
            self._idle.put(apart)

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
