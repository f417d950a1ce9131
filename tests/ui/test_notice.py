"""A message on the pupil's desktop: answered in the lesson, read on when that is over."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat.talking import Notice
from device_bridge.agent.seat.words import Words


@pytest.fixture(autouse=True)
def offscreen(nothing_unexpected: list[str]) -> Iterator[None]:
    yield
    nothing_unexpected.clear()  # the offscreen plug-in knows no window of a fixed width


def notice_in(qtbot: QtBot, *, answered: bool = True) -> Notice:
    notice = Notice(Words("en"), "n1", "Claire", "Page 12", answered=answered)
    qtbot.addWidget(notice)
    notice.show()
    qtbot.waitExposed(notice)
    return notice


def written_in(notice: Notice) -> list[tuple[str, str]]:
    """Return where its answers go."""
    sent = list[tuple[str, str]]()

    def goes_out(id_: str, text: str) -> None:
        sent.append((id_, text))

    notice.written.connect(goes_out)
    return sent


def shown(notice: Notice) -> list[str]:
    """Return what may be read, typed into and pressed, from above."""
    told = [
        *((one, one.text()) for one in notice.findChildren(QLabel) if one.text()),
        *((one, f"[{one.text()}]") for one in notice.findChildren(QLineEdit)),
        *((one, one.text()) for one in notice.findChildren(QPushButton)),
    ]
    return [text for widget, text in told if widget.isVisible()]


def types(notice: Notice, text: str) -> None:
    at = notice.focusWidget() or notice
    QTest.keyClicks(at, text)
    QTest.keyClick(at, Qt.Key.Key_Return)


@pytest.mark.parametrize("typed", ["", "see you tomor"])
def test_what_is_typed_when_the_lesson_ends_stays_and_goes_nowhere(
    qtbot: QtBot, typed: str
) -> None:
    notice = notice_in(qtbot)
    sent = written_in(notice)
    notice.start_writing()
    QTest.keyClicks(notice.focusWidget(), typed)
    assert shown(notice) == ["Claire says", "Page 12", f"[{typed}]", "Send", "Close"]
    notice.lesson(on=False)
    types(notice, "row ")
    over = "The lesson is over: no answer goes out any more."
    line = [f"[{typed}]"] if typed else []
    assert shown(notice) == ["Claire says", "Page 12", over, *line, "Close"]
    assert sent == []
    notice.lesson(on=True)  # the guard was away for a moment, or another lesson is on
    assert shown(notice) == ["Claire says", "Page 12", f"[{typed}]", "Send", "Close"]


def test_the_schools_words_have_no_line_for_an_answer_that_nobody_reads(qtbot: QtBot) -> None:
    notice = notice_in(qtbot, answered=False)
    for _ in range(2):
        assert shown(notice) == ["Claire says", "Page 12", "Close"]
        notice.lesson(on=False)


def test_an_answer_in_the_lesson_is_sent(qtbot: QtBot) -> None:
    notice = notice_in(qtbot)
    sent = written_in(notice)
    notice.start_writing()
    types(notice, "yes")
    assert sent == [("n1", "yes")]
    assert not notice.isVisible()
