"""qasync's loop with less of Qt between two callbacks.

qasync starts one of Qt's timers for each `call_soon`, and switches a socket's notifier off and on
again for each time it is ready. With a class that talks at once that is most of the loop's work.
Here what is due soon waits in one queue behind one timer, and a ready socket is served at once.

What still runs when the program's own work is done ends before the loop does: nobody holds what
answers a server's guests (the demo's driver, a browser). Left to Python's end it would close its
sockets when Qt's part of them is gone: "QSocketNotifier already deleted".
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol, TypeVar

import qasync
from PySide6.QtCore import QCoreApplication, QSocketNotifier, QTimer

Callback = Callable[..., object]
T = TypeVar("T")
Key = tuple[int, QSocketNotifier.Type]


class HasFileno(Protocol):
    def fileno(self) -> int: ...


Descriptor = int | HasFileno


class DeskLoop(qasync.QEventLoop):
    """Use as `qasync.QEventLoop`. On Windows sockets are qasync's own matter."""

    def __init__(self, app: QCoreApplication) -> None:
        self._notifiers: dict[Key, QSocketNotifier] = {}
        self._soon: deque[asyncio.Handle] = deque()
        self._soon_timer = QTimer()
        self._soon_timer.setInterval(0)
        self._soon_timer.timeout.connect(self._run_soon)
        super().__init__(app)  # last: it watches asyncio's own pipe

    def call_soon(
        self, callback: Callback, *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self._soon:
            if self.is_closed():
                raise RuntimeError("Event loop is closed")
            self._soon_timer.start()
        self._soon.append(handle)
        return handle

    def _run_soon(self) -> None:
        """Run what waits now; what that adds comes after Qt has had its turn, as in asyncio."""
        for _ in range(len(self._soon)):
            handle = self._soon.popleft()
            if not handle.cancelled():
                _run(handle)
        if not self._soon:
            self._soon_timer.stop()

    def close(self) -> None:
        super().close()
        self._soon_timer.stop()
        self._soon.clear()
        for notifier in self._notifiers.values():
            notifier.setEnabled(False)
        self._notifiers.clear()

    if sys.platform != "win32":

        def _add_reader(self, fd: Descriptor, callback: Callback, *args: object) -> None:
            handle = asyncio.Handle(callback, args, self)
            self._watch((_number(fd), QSocketNotifier.Type.Read), handle)

        def _add_writer(self, fd: Descriptor, callback: Callback, *args: object) -> None:
            handle = asyncio.Handle(callback, args, self)
            self._watch((_number(fd), QSocketNotifier.Type.Write), handle)

        def _remove_reader(self, fd: Descriptor) -> bool:
            return self._unwatch((_number(fd), QSocketNotifier.Type.Read))

        def _remove_writer(self, fd: Descriptor) -> bool:
            return self._unwatch((_number(fd), QSocketNotifier.Type.Write))

    def _watch(self, key: Key, handle: asyncio.Handle) -> None:
        self._unwatch(key)
        notifier = QSocketNotifier(*key)
        notifier.activated.connect(lambda: _run(handle))
        self._notifiers[key] = notifier

    def _unwatch(self, key: Key) -> bool:
        notifier = self._notifiers.pop(key, None)
        if notifier is None:
            return False
        notifier.setEnabled(False)
        # Held on to for a turn: it may be just this notifier's signal that we are called by.
        self.call_soon(_let_go, notifier)
        return True


def run(app: QCoreApplication, work: Coroutine[Any, Any, T]) -> T:
    """Do `work`, end what else still runs, and close the loop, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=lambda: DeskLoop(app)) as runner:
        return runner.run(work)


def _number(fd: Descriptor) -> int:
    return fd if isinstance(fd, int) else fd.fileno()


def _let_go(_: QSocketNotifier) -> None:
    """Be the last to know it."""


def _run(handle: asyncio.Handle) -> None:
    # What a loop does with a handle: in its context, its exception to the loop's handler.
    handle._run()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
