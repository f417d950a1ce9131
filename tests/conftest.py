"""Whatever nobody expected fails the test: warnings, Qt's words, lost exceptions, leaks.

`make test` runs two tests at a time: each of its workers has a loopback of its own, so that what
one announces there is not heard by the other.

Async tests run on a loop whose time leaps to the next timer. A test with real sockets, processes
or worker threads is marked `real_loop` and runs on the plain one.
"""

import asyncio
import logging
import os
import selectors
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# No test, nor an app it starts, may leave a key in the keyring of whoever runs it.
os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

import pytest
from PySide6.QtCore import QCoreApplication, QMessageLogContext, QtMsgType, qInstallMessageHandler

from classroom_app.presenters.words import Translator
from tests.namespaces import move_out

ENDING_SECONDS = 1.0


class _Leap(selectors.DefaultSelector):
    """Where the loop would sleep, time leaps; only real descriptors are really waited for."""

    leapt_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(5.0)
        ready = super().select(0)
        if not ready:
            self.leapt_seconds += timeout
        return ready


class LeapLoop(asyncio.SelectorEventLoop):
    """A loop on which an hour costs nothing, and a busy machine no time."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)
        self._began = super().time()

    def time(self) -> float:
        return self._began + self._leap.leapt_seconds


def pytest_xdist_auto_num_workers() -> int:
    """Without root there is one loopback for all, so one worker.

    With it one more than cores, three at most: much of a test is waiting for processes.
    """
    return 1 if os.geteuid() else min(3, (os.cpu_count() or 1) + 1)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") and not os.geteuid():
        move_out()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    del config
    if item.get_closest_marker("real_loop"):
        return {"real": asyncio.SelectorEventLoop}
    return {"leap": LeapLoop}


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    """Set up first, so it looks last, when every other fixture has cleaned up."""
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture(autouse=True)
def nothing_unexpected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[list[str]]:
    """Yield the list of complaints; a test that provokes one removes it."""
    complaints: list[str] = []

    def crashed(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        complaints.append(f"unhandled, as from a slot: {kind.__name__}: {error}")

    def spoke(kind: QtMsgType, _: QMessageLogContext, text: str | None) -> None:
        if kind in {QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg}:
            complaints.append(f"Qt: {text}")

    monkeypatch.setattr(sys, "excepthook", crashed)
    earlier = qInstallMessageHandler(spoke)
    before = set(threading.enumerate())
    with caplog.at_level(logging.WARNING):
        yield complaints
    qInstallMessageHandler(earlier)
    loud = [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING]
    complaints += [f"log: {r.name}: {r.getMessage()}" for r in loud]
    for thread in set(threading.enumerate()) - before:
        thread.join(ENDING_SECONDS)  # asyncio's own tells of a child's end, and then ends
        if thread.is_alive():
            complaints.append(f"thread left: {thread.name}")
    assert not complaints


@pytest.fixture(autouse=True)
def language_ends() -> Iterator[None]:
    """Let no test speak the language of another that ran before it."""
    yield
    if app := QCoreApplication.instance():
        for left in app.findChildren(Translator):
            app.removeTranslator(left)
            left.deleteLater()


@pytest.fixture(autouse=True)
async def worker_threads_end(nothing_unexpected: list[str]) -> AsyncIterator[None]:
    """End the loop's own executor, as `asyncio.run` would, before threads are counted."""
    del nothing_unexpected
    yield
    await asyncio.get_running_loop().shutdown_default_executor()
