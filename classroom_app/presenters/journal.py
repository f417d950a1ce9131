"""The journal of the lesson as a list: when, what, with whom."""

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from classroom_app.presenters.receipts import clock_time
from classroom_app.presenters.sentences import reason
from classroom_app.presenters.words import later, say
from classroom_app.services.journal import ROWS_MAX
from device_bridge.protocol.plain import plain

Index = QModelIndex | QPersistentModelIndex


class JournalRow(Struct, frozen=True):
    """One act or event: `kind` as the journal writes it, `who` already joined for reading."""

    id: str
    at: float
    kind: str
    who: str = ""
    what: str = ""


_KINDS = {
    "lesson-started": later("Lesson started"),
    "lesson-ended": later("Lesson ended"),
    "lesson-resumed": later("Lesson went on after its end"),
    "lesson-extended": later("End of the lesson moved"),
    "lesson-shared": later("Shared with colleagues"),
    "lesson-unshared": later("No longer shared with colleagues"),
    "lock-asked": later("Lock asked"),
    "shown": later("Screen shown to the class"),
    "show-over": later("Shown no more"),
    "lock": later("Lock asked"),
    "free-asked": later("Free asked"),
    "free": later("Free asked"),
    "locked": later("Locked, with receipt"),
    "freed": later("Free, with receipt"),
    "not-covered": later("Not covered"),
    "handed-out": later("Handed out"),
    "hand-out": later("Handed out"),
    "withdrawn": later("Withdrawn"),
    "arrived": later("Arrived"),
    "opened": later("Opened"),
    "collect-asked": later("Collected"),
    "collected": later("Work taken in"),
    "handed-in": later("Work taken in"),
    "message": later("Message"),
    "message-said": later("Message"),
    "message-shown": later("Message shown"),
    "hand-up": later("Hand up"),
    "hand-down": later("Hand down"),
    "hand-answered": later("Hand answered"),
    "words": later("Pupil wrote"),
    "reply": later("Pupil replied"),
    "connected": later("Came"),
    "came": later("Came"),
    "gone": later("Went"),
    "looked": later("Looked closely"),
    "looked-away": later("Close look ended"),
    "look-over": later("Close look ended: its time was up"),
    "control-taken": later("Asked for mouse and keyboard"),
    "control-ended": later("Mouse and keyboard given back"),
    "control-taken-back": later("Mouse and keyboard taken back by the pupil"),
    "still": later("Picture of the screen asked for"),
    "private": later("Screen kept private by the pupil"),
    "private-over": later("Screen no longer private"),
    "sat": later("Takes a seat"),
    "left-seat": later("Nobody sits there any more"),
    "claimed": later("A name was chosen there, and waits for your yes"),
    "bar-shown": later("The device's bar says whose lesson it is"),
    "bar-failed": later("The device's bar is not shown"),
    "bar-over": later("The device's bar has gone"),
    "not-arrived": later("Could not be handed out"),
    "superseded": later("Another teacher's order holds"),
    "page-opened": later("Page opened"),
    "command-done": later("Done, with receipt"),
    "command-refused": later("Refused by the device"),
    "command-failed": later("Did not work there"),
    "command-late": later("Came too late"),
    "command-not-there": later("Not reached"),
    "undone": later("Taken back"),
}


WHAT_MAX = 500
# What they tell is a word for programs; a reason is read as on a tile.
_WORDS = {
    ("sat", "roster"): "",
    ("sat", "teacher"): "",
    ("sat", "pupil"): later("chosen on the device"),
    ("left-seat", "teacher"): "",
    ("lesson-ended", "teacher"): "",
    ("lesson-ended", "time"): later("its time was up"),
    ("lesson-ended", "left"): later("your right does not reach it"),
    ("show-over", "teacher"): "",
}
_REASONED = frozenset({"bar-failed", "not-covered", "not-arrived", "show-over"}) | {
    f"command-{state}" for state in ("refused", "failed", "late")
}
# What they tell is a moment, in UTC seconds.
_UNTIL = frozenset({"lesson-resumed", "lesson-extended"})


def line(row: JournalRow) -> str:
    """Return a row as one line; a kind we do not know is shown by its name."""
    kind = say(_KINDS[row.kind]) if row.kind in _KINDS else row.kind.replace("-", " ")
    what = _what(row)
    return " · ".join(part for part in (kind, row.who, plain(what, WHAT_MAX)) if part)


def _what(row: JournalRow) -> str:
    if row.kind in _UNTIL:
        return say("until {time}", time=clock_time(int(row.what)))
    if (row.kind, row.what) in _WORDS:
        word = _WORDS[row.kind, row.what]
        return say(word) if word else ""
    return reason(row.what) if row.kind in _REASONED else row.what


class JournalModel(QAbstractListModel):
    """Newest first; rows are added at the top."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[JournalRow] = []

    def show(self, rows: Sequence[JournalRow]) -> None:
        """Take the lesson's whole journal, oldest first."""
        self.beginResetModel()
        self._rows = list(reversed(rows))
        self.endResetModel()

    def add(self, rows: Sequence[JournalRow]) -> None:
        """Take what is new, oldest first; of more than a page the oldest goes."""
        if not rows:
            return
        self.beginInsertRows(QModelIndex(), 0, len(rows) - 1)
        self._rows[:0] = reversed(rows)
        self.endInsertRows()
        if len(self._rows) > ROWS_MAX:
            self.beginRemoveRows(QModelIndex(), ROWS_MAX, len(self._rows) - 1)
            del self._rows[ROWS_MAX:]
            self.endRemoveRows()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return f"{clock_time(row.at)}   {line(row)}"
        return None
