"""The class list on a device: the same names in a newer version mean that the teacher said no."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QListWidget
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat.chooser import Chooser
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.presence import Choice

pytestmark = pytest.mark.real_loop
NAMES = (Choice("p1", "Lina"), Choice("p2", "Tom"))


def test_a_no_asks_again_and_a_repeated_order_does_not(
    qtbot: QtBot, nothing_unexpected: list[str]
) -> None:
    chooser = Chooser(Words("en"))
    qtbot.addWidget(chooser)
    chosen: list[str] = []
    chooser.chosen.connect(chosen.append)
    chooser.offer(NAMES, 7)
    title, names = chooser.findChildren(QLabel)[0], chooser.findChildren(QListWidget)[0]
    asks = title.text()
    assert chooser.accessibleName() == names.accessibleName() == asks
    spot = names.visualItemRect(names.item(1)).center()
    QTest.mouseClick(names.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert chosen == ["p2"]
    assert "Tom" in title.text()
    chooser.offer(NAMES, 7)
    assert "Tom" in title.text()
    chooser.offer(NAMES, 8)
    assert title.text() == asks
    chooser.offer((), 9)
    assert not chooser.isVisible()
    # A window of its own, and offscreen has no window manager to raise it.
    nothing_unexpected[:] = [one for one in nothing_unexpected if "plugin does not" not in one]
