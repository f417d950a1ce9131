"""Where the exchange with the school stands: what waits, what was decided, and a turn at once."""

from PySide6.QtCore import Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from classroom_app.presenters import standing
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import School
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import Sheet, label


class StandingSheet(Sheet):
    WIDTH = 480

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("The school"), parent)
        self.in_step = label("", 15, QFont.Weight.DemiBold)
        self.trouble = label("", 14, QFont.Weight.Medium)
        self.waiting = label("", 14, QFont.Weight.Medium, "second")
        for told in (self.in_step, self.trouble, self.waiting):
            self.column.addWidget(told)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        self.column.addLayout(self._lines)
        self.now = flat("sync-again", "main", self)
        self.now.setText(say("Sync now"))
        self.now.setAutoDefault(True)
        self.now.setToolTip(say("Enter: exchange with the school at once"))
        self.now.clicked.connect(desk.sync_now)
        self.column.addWidget(self.now)
        self.first = self.now
        self.work = self.other("standing-work", say("Collected work"), desk.show_work)
        self.seen = self.other("standing-seen", say("Seen: list no more"), desk.seen_decided)
        self._shown: tuple[School, standing.Standing] | None = None
        desk.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        desk = self.desk
        now = (desk.school, desk.standing)
        if now == self._shown:
            return
        if self._shown is None or self._shown[0] != desk.school:
            desk.standing_asked.emit()
        self._shown = now
        trouble = standing.trouble_words(desk.school)
        self.in_step.setText(standing.in_step_words(desk.school, desk.today()))
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))
        self.waiting.setText(standing.waiting_words(desk.standing))
        self.now.setEnabled(not desk.school.busy and not desk.school.none)
        self.work.setVisible(any(one.work for one in desk.standing.decided))
        self.seen.setVisible(bool(desk.standing.decided))
        self._list()
        self.fit()

    def _list(self) -> None:
        while item := self._lines.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for what, why in standing.decided_lines(self.desk.standing, self.desk.today()):
            self._say(label(what, 14, QFont.Weight.DemiBold))
            if why:
                self._say(label(why, 14, QFont.Weight.Medium, "second"))

    def _say(self, told: QLabel) -> None:
        """Add a line, shown at once: a layout gives no room to what is shown a turn later."""
        self._lines.addWidget(told)
        told.show()
