"""The list of classes: choose one and its lesson starts."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from classroom_app.domain.lesson import ClassId, Roster
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.leaving import LeavingPresenter
from classroom_app.presenters.pairing import PairingPresenter
from classroom_app.presenters.passphrase import PassphrasePresenter
from classroom_app.presenters.safekeeping import SafekeepingPresenter
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say

LENGTHS = (30, 45, 55, 60, 90, 120, 180, 240)
LENGTH_USUAL = 55


class ClassesPresenter(QObject):
    """`busy` while a lesson is being started, so a double click starts one.

    `minutes`: how long the next lesson lasts; `length_chosen` tells it to who remembers.
    """

    changed = Signal()
    length_chosen = Signal(int)

    def __init__(self, opens: Opens, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.classes: tuple[Roster, ...] = ()
        self.trouble = ""
        self.busy = False
        self.minutes = LENGTH_USUAL
        self.own = False
        """The school is this computer's own: devices are added here."""
        self.whose: tuple[str, str] | None = None
        """By which name the teacher is signed in, at which school; None: nobody is."""
        self.lasting: Callable[[], Sequence[str]] = tuple
        """Sentences on what ends soon (`presenters.lasting`); none where nobody is signed in."""
        self.pairing = PairingPresenter(opens, tasks, self)
        self.safekeeping = SafekeepingPresenter(opens, tasks, self)
        self.passphrase = PassphrasePresenter(opens, tasks, self)
        self.leaving = LeavingPresenter(opens, tasks, self)

    def show(self, classes: Sequence[Roster]) -> None:
        self.classes = tuple(classes)
        self.changed.emit()

    @property
    def waits_for_school(self) -> bool:
        """Whether the first class is still to come, from the school's server."""
        return bool(self.whose) and not self.own and not self.classes

    def no_class(self) -> str:
        """Say why no class is here, and what brings one."""
        if self.whose is None or self.own:
            return say("No class yet.")
        name, school = self.whose
        return say(
            "{name}, you have no class yet ({school}). Your administrator gives you one at the "
            "school's server; it then comes here by itself.",
            name=name,
            school=school,
        )

    def of_device(self, device: str) -> tuple[str, ...]:
        """Return the classes that a device is in."""
        return tuple(
            one.id for one in self.classes if any(each.id == device for each in one.devices)
        )

    def choose_length(self, minutes: int) -> None:
        self.minutes = minutes
        self.length_chosen.emit(minutes)
        self.changed.emit()

    def start(self, class_id: ClassId) -> None:
        if self.busy:
            return
        self.busy, self.trouble = True, ""
        self.changed.emit()
        self._tasks.start(self._start(class_id), name="start-lesson", refused=self._refused)

    async def _start(self, class_id: ClassId) -> None:
        try:
            await self._opens.start_lesson(class_id, self.minutes * 60)
        finally:
            self.busy = False
            self.changed.emit()

    def _refused(self, error: Exception) -> None:
        self.trouble = refusal(error)
        self.changed.emit()


def length_words(minutes: int) -> str:
    """Return a lesson's length as people say it: "55 min", "2 h"."""
    if minutes % 60:
        return say("{count} min", count=minutes)
    return say("{count} h", count=minutes // 60)
