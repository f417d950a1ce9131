"""A screen reader hears bar and notices, which never take the keyboard: as notifications, once."""

import pytest
from msgspec.structs import replace
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat import aloud
from device_bridge.agent.seat.bar import IndicatorBar
from device_bridge.agent.seat.talking import Notice
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.seat import ShowIndicator

LESSON = ShowIndicator(1, on=True, teacher_name="Claire", until_seconds=1900)


class Reader(QAccessible):
    """Hears what is told to readers while a window stands there."""

    heard: list[str]

    @staticmethod
    def updateAccessibility(event: QAccessibleEvent) -> None:  # noqa: N802 - Qt's name
        assert event.type() == QAccessible.Event.ObjectShow
        Reader.heard.append(event.accessibleInterface().text(QAccessible.Text.Name))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    aloud.hear_notifications()
    Reader.heard = []
    monkeypatch.setattr(aloud, "QAccessible", Reader)
    return Reader.heard


def notification_of(window: QWidget) -> str:
    """Return what is read when `window` shows."""
    (label,) = window.findChildren(QLabel, aloud.ALOUD)
    told = QAccessible.queryAccessibleInterface(label)
    assert told.role() == QAccessible.Role.Notification
    return told.text(QAccessible.Text.Name)


def test_a_screen_reader_hears_who_looks_when_it_begins_and_at_each_change_but_not_each_minute(
    qtbot: QtBot, heard: list[str], nothing_unexpected: list[str]
) -> None:
    bar = IndicatorBar(Words("en"))
    qtbot.addWidget(bar)
    bar.show_order(LESSON, 0.0, hand_up=False)
    bar.show()
    assert notification_of(bar) == "Claire leads this lesson"
    assert heard == [], "showing it is what has it read"

    close = replace(LESSON, look="close", close_seconds=600)
    bar.show_order(close, 0.0, hand_up=False)
    bar.show_order(replace(close, close_seconds=540, received=1), 60.0, hand_up=False)
    assert heard == ["Claire looks closely, for 10 min more at the most"]

    bar.show_order(LESSON, 0.0, hand_up=True)
    bar.show_order(replace(LESSON, hand_place=2), 0.0, hand_up=False)
    assert heard[1:] == [
        "Claire leads this lesson, Hand up",
        "Claire leads this lesson, Hand up: no. 2",
    ]
    nothing_unexpected.clear()  # the offscreen plug-in has no masks


def test_a_screen_reader_hears_a_message_that_takes_no_key(qtbot: QtBot, heard: list[str]) -> None:
    notice = Notice(Words("en"), "n1", "Claire", "Page 12", answered=True)
    qtbot.addWidget(notice)
    assert notification_of(notice) == "Claire says: Page 12"
    assert heard == []
