"""Where the exchange with the school stands: what goes, waits or was decided; a turn at once."""

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters import standing
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import School, Sending
from classroom_app.presenters.words import say
from classroom_app.views.anew import sign_in_button
from classroom_app.views.beneath import mark
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import Sheet, label

TRYING_MS = 700
SHARES = 1000
"""Of the bytes that are to go: Qt's own count ends at 2 GiB."""


class SendingRow(QWidget):
    """How far collected work is, and the button that ends it."""

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.words = label("", 14, QFont.Weight.Medium)
        column.addWidget(self.words)
        row = QHBoxLayout()
        row.setSpacing(12)
        self.bar = QProgressBar(self)
        self.bar.setObjectName("sending")
        self.bar.setRange(0, SHARES)
        self.bar.setTextVisible(False)
        row.addWidget(self.bar, 1)
        self.stop = flat("sending-stop", "plain", self)
        self.stop.setText(say("Stop"))
        self.stop.setToolTip(say("Ends after what is under way; nothing that has gone is lost"))
        self.stop.clicked.connect(desk.stop_files)
        row.addWidget(self.stop)
        column.addLayout(row)

    def show_sending(self, school: School) -> None:
        sending = school.sending
        words = standing.sending_words(sending)
        self.setVisible(bool(words))
        self.words.setText(words)
        self.bar.setAccessibleName(words)
        self.bar.setValue(SHARES * sending.sent_bytes // max(1, sending.of_bytes))
        self.stop.setEnabled(school.held != "stopped")


class StandingSheet(Sheet):
    WIDTH = 480

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("The school"), parent)
        self._add_words(self.scrolling())
        self._add_now()
        self._add_saving()
        self.work = self.other("standing-work", say("Collected work"), desk.show_work)
        self.seen = self.other("standing-seen", say("Seen: list no more"), desk.seen_decided)
        self._add_close()
        self._shown: tuple[School, standing.Standing, bool] | None = None
        desk.changed.connect(self.refresh)
        desk.saving.forget()
        desk.saving.changed.connect(self._tell_saving)
        self._tell_saving()
        self.refresh()

    def _add_words(self, column: QVBoxLayout) -> None:
        """Add what is said, with what belongs to a word of it."""
        self.in_step = label("", 15, QFont.Weight.DemiBold)
        self.trouble = label("", 14, QFont.Weight.Medium)
        self.tried = label("", 14, QFont.Weight.Medium, "second")
        self.sending = SendingRow(self.desk, self)
        self.waiting = label("", 14, QFont.Weight.Medium, "second")
        self.held = label("", 14, QFont.Weight.Medium)
        self.anew = sign_in_button(self.desk, "plain", self)
        self.send = self._action("send-now", say("Send now"), self.desk.send_files)
        self.send.setToolTip(say("Sends the works that wait, this once"))
        self.refused = label("", 15, QFont.Weight.DemiBold)
        for told in (
            *(self.in_step, self.trouble, self.tried, self.sending, self.waiting, self.held),
            *(self.anew, self.send, self.refused),
        ):
            column.addWidget(told)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        column.addLayout(self._lines)

    def _add_close(self) -> None:
        """Add a way out that needs no keyboard; where nothing can be exchanged, the keys are at it.

        None of the others closes the sheet and does nothing else.
        """
        close = flat("standing-close", "quiet", self)
        close.setText(say("Close"))
        close.clicked.connect(self.close_sheet)
        self.heading.addWidget(close)
        school = self.desk.school
        self.first = self.anew if school.asks_anew else close if school.none else self.now

    def _action(self, name: str, words: str, do: Callable[[], None]) -> QPushButton:
        """Add a button that leaves the sheet open: what it does is seen there."""
        button = flat(name, "plain", self)
        button.setText(words)
        button.clicked.connect(do)
        self.column.addWidget(button)
        return button

    def _add_now(self) -> None:
        self.now = flat("sync-again", "main", self)
        self.now.setText(say("Sync now"))
        self.now.setAutoDefault(True)
        self.now.setToolTip(say("Enter: exchange with the school at once"))
        self.now.clicked.connect(self._try)
        self.column.addWidget(self.now)
        self.trying = QTimer(self, singleShot=True, interval=TRYING_MS)
        self.trying.timeout.connect(self.refresh)

    def _add_saving(self) -> None:
        self.saved = label("", 14, QFont.Weight.Medium)
        self.save = self._action("save-works", say("Save elsewhere…"), self._choose)
        self.save.setToolTip(say("Copies the works listed here to a folder of your choice"))
        self.stop_saving = self._action("save-stop", say("Stop"), self.desk.saving.stop)
        self.stop_saving.setToolTip(say("Ends after the work that is being copied"))
        self.column.insertWidget(self.column.indexOf(self.save), self.saved)
        self.dialog: QFileDialog | None = None

    @Slot()
    def refresh(self) -> None:
        desk = self.desk
        now = (desk.school, desk.standing, self.trying.isActive())
        if now == self._shown:
            return
        if self._shown is None or _still(self._shown[0]) != _still(desk.school):
            desk.standing_asked.emit()
        listed = self._shown is None or self._shown[1] != desk.standing
        self._shown = now
        self._tell_exchange(desk.school)
        self.work.setVisible(any(one.work for one in desk.standing.decided))
        self.seen.setVisible(bool(desk.standing.decided))
        self.refused.setText(standing.refused_words(desk.standing))
        self.refused.setVisible(bool(desk.standing.decided))
        if listed:
            self._list()
            self._tell_saving()
        self.fit()

    @Slot()
    def _try(self) -> None:
        """Exchange, and say so for as long as one takes to read it: a refusal may come at once."""
        if self._busy():
            return
        self.trying.start()
        self.refresh()
        self.desk.sync_now()

    def _busy(self) -> bool:
        return self.trying.isActive() or standing.exchanging(self.desk.school)

    def _tell_exchange(self, school: School) -> None:
        busy = self._busy()
        today = self.desk.today()
        self.in_step.setText(say("Exchanging…") if busy else standing.in_step_words(school, today))
        self.sending.show_sending(school)
        for told, words in (
            (self.trouble, standing.trouble_words(school)),
            (self.tried, "" if busy else standing.tried_words(school, today)),
            (self.waiting, standing.waiting_words(school, self.desk.standing)),
            (self.held, standing.held_words(school.held)),
        ):
            told.setText(words)
            told.setVisible(bool(words))
        self.anew.setVisible(school.asks_anew)
        self.send.setVisible(standing.sends_now(school.held))
        self.now.setText(say("Exchanging…") if busy else say("Sync now"))
        self.now.setVisible(not school.none)
        # Not disabled: then it would hand the keys on, to a button that does something else.
        mark(self.now, "busy", "yes" if busy else "")

    @Slot()
    def _tell_saving(self) -> None:
        saving = self.desk.saving
        self.saved.setText(saving.said)
        self.saved.setVisible(bool(saving.said))
        had_keys = self.save.hasFocus() or self.stop_saving.hasFocus()
        self.save.setVisible(not saving.busy and bool(standing.works_to_save(self.desk.standing)))
        self.stop_saving.setVisible(saving.busy)
        if had_keys:
            self._give_keys()
        self.fit()

    def _give_keys(self) -> None:
        """Let the keys be where they are of use: saving has a button of its own while it goes."""
        (self.stop_saving if self.desk.saving.busy else self.save).setFocus()

    @Slot()
    def _choose(self) -> None:
        self.dialog = QFileDialog(self.window(), say("Save elsewhere…"))
        self.dialog.setFileMode(QFileDialog.FileMode.Directory)
        self.dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.fileSelected.connect(self._save)
        self.dialog.open()

    @Slot(str)
    def _save(self, folder: str) -> None:
        self.desk.saving.start(standing.works_to_save(self.desk.standing), folder)
        self._give_keys()

    def _list(self) -> None:
        while item := self._lines.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for what, why in standing.decided_lines(self.desk.standing, self.desk.today()):
            if self._lines.count():
                self._lines.addSpacing(8)
            self._say(label(what, 14, QFont.Weight.DemiBold))
            if why:
                self._say(label(why, 14, QFont.Weight.Medium, "second"))

    def _say(self, told: QLabel) -> None:
        """Add a line, shown at once: a layout gives no room to what is shown a turn later."""
        self._lines.addWidget(told)
        told.show()


def _still(school: School) -> School:
    """Return what of it changes what is in the store: not how far a file is."""
    return replace(school, sending=Sending(files=school.sending.files))
