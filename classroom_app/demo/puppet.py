"""The puppet: lets the demo's driver use the window as a teacher would, over a local socket.

Only `pupitre --puppet SOCKET` opens it: a Unix socket of mode 0600 in a folder of the driver's.
JSON lines; each request names what to `do`; the answer holds `error` where it could not be done.
Whatever a person could click is clicked with a real mouse event on the real widget.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPlainTextEdit, QWidget

REQUEST_BYTES_MAX = 64 * 1024
Answer = dict[str, Any]
Verb = Callable[[Answer], Awaitable[Answer] | Answer]


class PuppetRefusal(Exception):
    """What was asked cannot be done in this window now."""


def found(window: QWidget, kind: type[QWidget], name: str) -> QWidget:
    """Return the visible widget of that object name; raise `PuppetRefusal` where there is none."""
    for widget in window.findChildren(kind, name):
        if widget.isVisible():
            return widget
    raise PuppetRefusal(f"no visible {kind.__name__} named {name!r}")


def click(window: QWidget, name: str) -> None:
    button = found(window, QAbstractButton, name)
    if not button.isEnabled():
        raise PuppetRefusal(f"{name!r} is not enabled")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_text(window: QWidget, name: str, text: str) -> None:
    field = found(window, QWidget, name)
    if not isinstance(field, QLineEdit | QPlainTextEdit):
        raise PuppetRefusal(f"{name!r} takes no text")
    field.setFocus()
    field.clear()
    QTest.keyClicks(field, text)


def press(window: QWidget, keys: str) -> None:
    QTest.keySequence(QApplication.focusWidget() or window, QKeySequence(keys))


def drop(target: QWidget, paths: list[str]) -> None:
    """Drop files on `target` with the events that a file manager causes."""
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(path) for path in paths])
    at = QPointF(target.rect().center())
    shape = (Qt.DropAction.CopyAction, files, Qt.MouseButton.LeftButton)
    no_keys = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QDragEnterEvent(at.toPoint(), *shape, no_keys))
    QApplication.sendEvent(target, QDropEvent(at, *shape, no_keys))


def grab(window: QWidget, path: str) -> float:
    """Write the window's picture; return the wall clock when it was taken."""
    # What has changed its size is given its room first, as it is before a person sees it.
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    at = time.time()
    if not window.grab().save(path):
        raise PuppetRefusal(f"cannot write {path}")
    return at


class Puppet:
    """Answers the driver. `verbs` are those that need more than the window."""

    def __init__(self, window: QWidget, verbs: Mapping[str, Verb]) -> None:
        self._window = window
        self._verbs: dict[str, Verb] = {
            "click": self._click,
            "type": self._type,
            "key": self._key,
            **verbs,
        }

    async def serve(self, socket: Path) -> None:
        """Listen until cancelled."""
        old = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._talk, socket, limit=REQUEST_BYTES_MAX)
        finally:
            os.umask(old)
        async with server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while raw := await reader.readline():
                writer.write(json.dumps(await self._answer(raw)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the driver went away, or we do
        finally:
            writer.close()

    async def _answer(self, raw: bytes) -> Answer:
        try:
            request: Answer = json.loads(raw)
            answer = self._verbs[request["do"]](request)
            return await answer if isinstance(answer, Awaitable) else answer
        except (PuppetRefusal, KeyError, ValueError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _click(self, request: Answer) -> Answer:
        click(self._window, request["name"])
        return {}

    def _type(self, request: Answer) -> Answer:
        type_text(self._window, request["name"], request["text"])
        return {}

    def _key(self, request: Answer) -> Answer:
        press(self._window, request["keys"])
        return {}
