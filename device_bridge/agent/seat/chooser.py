"""The class list on a device that knows nobody yet: the pupil says who sits here."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QFont, QGuiApplication
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from device_bridge.agent.seat.paint import BARE, face, label
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.plain import plain
from device_bridge.protocol.presence import Choice

PUPIL: Final = Qt.ItemDataRole.UserRole
LIST: Final = """
QWidget#chooser { background: #17202A; }
QListWidget { background: #26323E; color: white; border: 0; border-radius: 8px; outline: 0; }
QListWidget::item { padding: 9px 14px; }
QListWidget::item:hover { background: #33414F; }
QListWidget::item:selected { background: #0B4FB3; color: white; }
QScrollBar:vertical { background: transparent; width: 14px; margin: 3px; }
QScrollBar::handle:vertical { background: #8A96A3; border-radius: 4px; min-height: 36px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""


class Chooser(QWidget):
    """Names in the order that the teacher's class list has them. One press chooses."""

    chosen = Signal(str)

    def __init__(self, words: Words) -> None:
        super().__init__(None, BARE)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("chooser")
        self.setStyleSheet(LIST)
        self._words = words
        self._offered: tuple[int, tuple[Choice, ...]] = (0, ())
        self._title = label(self, face(20, QFont.Weight.DemiBold))
        self._title.setWordWrap(True)
        self._list = QListWidget(self)
        self._list.setFont(face(17))
        self._list.itemClicked.connect(self._clicked)
        self._list.itemActivated.connect(self._clicked)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 20)
        column.setSpacing(14)
        column.addWidget(self._title)
        column.addWidget(self._list)

    def offer(self, choices: tuple[Choice, ...], version: int) -> None:
        """Offer these names of the lesson's `version`; none takes the list away.

        The same names in a newer version ask anew: the teacher did not take the last answer.
        """
        if not choices:
            self._offered = (0, ())
            self.hide()
            return
        if (version, choices) == self._offered:
            return
        self._offered = version, choices
        self._title.setText(self._words("who"))
        for told in (self, self._list):
            told.setAccessibleName(self._title.text())
        self._list.clear()
        for choice in choices:
            item = QListWidgetItem(plain(choice.name, 40), self._list)
            item.setData(PUPIL, choice.pupil)
        area = QGuiApplication.primaryScreen().geometry()
        height = min(area.height() - 160, 110 + 42 * len(choices))
        self.setGeometry(area.center().x() - 210, area.top() + 90, 420, height)
        self.show()
        self.raise_()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()

    def _clicked(self, item: QListWidgetItem) -> None:
        self._title.setText(self._words("chosen", who=item.text()))
        self.chosen.emit(str(item.data(PUPIL)))
