"""The curtain to a screen reader: what stands there is its name."""

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat.cover import Sentence
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.seat import RaiseCurtain

ORDER = RaiseCurtain(7, "Eyes up", "Ms Vidal", 600)


def test_a_screen_reader_hears_who_has_locked_and_until_when(
    qtbot: QtBot,
) -> None:
    curtain = Sentence(QRect(0, 0, 800, 600), Words("en"))
    qtbot.addWidget(curtain)
    curtain.show_order(ORDER, 0.0, 0.0, 600.0)
    name = curtain.accessibleName()
    shown = [one.text() for one in curtain.findChildren(QLabel) if one.text()]
    assert name.startswith("Eyes up. ")
    assert "Ms Vidal" in name
    assert any(text in name for text in shown)
    assert curtain.accessibleDescription().startswith("In an emergency: press the power key")
    curtain.show_lesson("5B", 0, hand_up=False)
    (hand,) = curtain.findChildren(QPushButton)
    assert hand.text().strip(), "its name"
