"""The passphrase of this computer's store, where no keyring keeps its key: asked and chosen."""

from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from classroom_app.domain.founding import SAFE_MIN
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say


class PassphrasePresenter(QObject):
    """`sealed`: one is wanted at each start; `offered`: there is no keyring, so one helps.

    `said` is the last outcome as a sentence; `busy` while one is awaited.
    """

    changed = Signal()

    def __init__(self, opens: Opens, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.sealed = self.offered = self.busy = False
        self.said = ""

    def hold(self, held: str) -> None:
        """Hear by what the store's key is kept (`storage.keys.Held`)."""
        self.sealed, self.offered = held == "passphrase", held != "keyring"
        self.changed.emit()

    def choose(self, before: str, passphrase: str, again: str) -> None:
        """Seal the key by a passphrase that was typed twice; `before` is the one of now."""
        if len(passphrase) < SAFE_MIN:
            self._tell(say("The passphrase needs {count} characters or more.", count=SAFE_MIN))
        elif passphrase != again:
            self._tell(say("The two are not the same."))
        else:
            self._start(before, passphrase, say("From now on Pupitre asks for it at the start."))

    def turn_off(self, before: str) -> None:
        """Let the key lie open again; `before` is the passphrase of now."""
        self._start(before, "", say("Pupitre starts without a passphrase again."))

    def _start(self, before: str, passphrase: str, done: str) -> None:
        async def work() -> None:
            self.hold(await self._opens.choose_passphrase(before, passphrase))
            self._tell(done)

        once(self, work, self._tasks)

    def _tell(self, said: str) -> None:
        self.said = said
        self.changed.emit()

    def refused(self, error: Exception) -> None:
        self._tell(refusal(error))


class UnlockingPresenter(QObject):
    """The one question before anything is open; `open_` raises where the passphrase is another."""

    changed = Signal()

    def __init__(
        self,
        open_: Callable[[str], Awaitable[None]],
        tasks: Starts,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._open, self._tasks = open_, tasks
        self.busy = False
        self.said = ""

    def unlock(self, passphrase: str) -> None:
        if not passphrase:
            return

        async def work() -> None:
            await self._open(passphrase)

        once(self, work, self._tasks)

    def refused(self, error: Exception) -> None:
        self.said = refusal(error)
        self.changed.emit()


def once(
    asks: PassphrasePresenter | UnlockingPresenter,
    work: Callable[[], Awaitable[None]],
    tasks: Starts,
) -> None:
    """Start `work`, unless something is awaited already."""
    if asks.busy:
        return

    async def awaited() -> None:
        try:
            await work()
        finally:
            asks.busy = False
            asks.changed.emit()

    asks.busy, asks.said = True, ""
    asks.changed.emit()
    tasks.start(awaited(), name="passphrase", refused=asks.refused)
