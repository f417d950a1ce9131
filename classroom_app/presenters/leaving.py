"""A device leaves a school that has no server: its release, and the receipt it gives for it."""

from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from classroom_app.domain.lesson import DeviceId
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say
from device_bridge.protocol.errors import NotAllowed


class LeavingPresenter(QObject):
    """`said` is the last outcome as a sentence."""

    changed = Signal()

    def __init__(self, opens: Opens, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.said = ""

    def release(self, device: DeviceId, name: str, path: str, passphrase: str) -> None:
        """Write the release of a device to a file; it is put in at the device itself."""

        async def work() -> None:
            await self._opens.release(device, path, passphrase)

        self._start(path, work, say("Written. Bring that file to {name}.", name=name))

    def note_left(self, path: str) -> None:
        """Read the receipt that a device has left behind."""

        async def work() -> None:
            await self._opens.note_left(path)

        self._start(path, work, say("It has left the school. Nothing of the school is on it."))

    def _start(self, path: str, work: Callable[[], Awaitable[None]], done: str) -> None:
        if not path:
            self._tell(say("Fill in all of it."))
            return

        async def awaited() -> None:
            await work()
            self._tell(done)

        self._tell("")
        self._tasks.start(awaited(), name="leaving", refused=self._refused)

    def _refused(self, error: Exception) -> None:
        receipt = isinstance(error, NotAllowed)  # only a receipt is judged here
        no = say("This is no receipt of a device of this school.")
        self._tell(no if receipt else refusal(error))

    def _tell(self, said: str) -> None:
        self.said = said
        self.changed.emit()
