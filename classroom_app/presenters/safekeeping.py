"""Keeping a school that has no server: its backup, its hand-over, and its next key."""

from collections.abc import Awaitable, Callable
from itertools import chain, count
from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import QObject, Signal

from classroom_app.domain.founding import SAFE_MIN
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say


class Asked(Struct, frozen=True):
    """What a form asks for: a file, what opens or seals it, and one thing more.

    `again`: a passphrase that is new, typed once more.
    """

    file: str
    passphrase: str
    more: str = ""
    again: str = ""

    def __repr__(self) -> str:
        return "Asked()"


def free_file(name: str) -> str:
    """Return a path in the teacher's own folder where nothing lies: `name`, or it with a number."""
    home, wanted = Path.home(), Path(name)
    numbered = (f"{wanted.stem}-{number}{wanted.suffix}" for number in count(2))
    tried = (home / each for each in chain([name], numbered))
    return str(next(path for path in tried if not path.exists()))


class SafekeepingPresenter(QObject):
    """`said` is the last outcome as a sentence; `busy` while one is awaited."""

    changed = Signal()

    def __init__(self, opens: Opens, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.said = ""
        self.busy = False

    def back_up(self, asked: Asked) -> None:
        """Write the school to a file that opens it on another computer, by what was typed twice."""
        if len(asked.passphrase) >= SAFE_MIN and asked.passphrase != asked.again:
            self._tell(say("The two are not the same."))
            return

        async def work() -> None:
            await self._opens.back_up(asked.file, asked.passphrase)

        self._start(asked, work, say("Written. Keep file and passphrase apart."), more=False)

    def restore(self, asked: Asked) -> None:
        """Open a school's backup here; `more` is the teacher's name."""

        async def work() -> None:
            await self._opens.restore_school(asked.file, asked.passphrase, asked.more)

        self._start(asked, work, "", more=True)

    def succeed(self, asked: Asked) -> None:
        """Make the school's next key by the file for the safe; `more` is where the next goes."""

        async def work() -> None:
            await self._opens.succeed(asked.file, asked.passphrase, asked.more)

        done = say("The old key is no more. Put the new file into the safe.")
        self._start(asked, work, done, more=True)

    def _start(
        self, asked: Asked, work: Callable[[], Awaitable[None]], done: str, *, more: bool
    ) -> None:
        if self.busy:
            return
        if not asked.file or (more and not asked.more):
            self._tell(say("Fill in all of it."))
            return
        if len(asked.passphrase) < SAFE_MIN:
            self._tell(say("The passphrase needs {count} characters or more.", count=SAFE_MIN))
            return

        async def awaited() -> None:
            try:
                await work()
                self.said = done
            finally:
                self.busy = False
                self.changed.emit()

        self.busy = True
        self._tell("")
        self._tasks.start(awaited(), name="safekeeping", refused=self._refused)

    def _refused(self, error: Exception) -> None:
        self._tell(refusal(error))

    def _tell(self, said: str) -> None:
        self.said = said
        self.changed.emit()
