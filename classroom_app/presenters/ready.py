"""Documents that stand ready for a class: the list, and what is being taken into it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from classroom_app.domain.errors import RoomError
from classroom_app.domain.lesson import ClassId
from classroom_app.domain.ready import Offered
from classroom_app.presenters.acts import Readies, Starts, Work
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say
from device_bridge.protocol.errors import DeviceError


class ReadyPresenter(QObject):
    """`offered` is the list of `class_id`, `troubles` why files that were chosen are not in it.

    `watched`: a sheet shows both; else `refused` hears what went wrong, with the file's name.
    """

    changed = Signal()

    def __init__(
        self,
        keeps: Readies,
        tasks: Starts,
        refused: Callable[[Exception, str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeps, self._tasks, self._refused = keeps, tasks, refused
        self.class_id, self.class_name = ClassId(""), ""
        self.offered: tuple[Offered, ...] = ()
        self.troubles: tuple[str, ...] = ()
        self.watched = self._busy = False
        self._waiting: list[tuple[ClassId, Path]] = []

    def open(self, class_id: ClassId, class_name: str) -> None:
        """Turn to a class; what is known of it is looked up anew."""
        if class_id != self.class_id:
            self.offered = ()
        self.class_id, self.class_name, self.troubles = class_id, class_name, ()
        self._start(self._look(), "ready")

    def choose(self, paths: Sequence[Path]) -> None:
        """Keep files ready, one after another; one that cannot be taken keeps back no other."""
        self._waiting += [(self.class_id, path) for path in paths]
        if self._busy or not self._waiting:
            return
        self._busy, self.troubles = True, ()
        self._start(self._keep(), "keep-ready")
        self.changed.emit()

    def take_out(self, document: str) -> None:
        self._start(self._take_out(self.class_id, document), "take-out-ready")

    def under_way(self) -> str:
        """Say what is being copied now, and how many files wait; "": nothing."""
        if not self._waiting:
            return ""
        copied = say("Copying {name}…", name=self._waiting[0][1].name)
        more = len(self._waiting) - 1
        return f"{copied} {say('Then {n} more.', more)}" if more else copied

    def _start(self, work: Work, name: str) -> None:
        self._tasks.start(work, name=name, refused=lambda error: self._refused(error, ""))

    async def _look(self) -> None:
        class_id = self.class_id
        offered = await self._keeps.ready_for(class_id)
        if class_id == self.class_id and offered != self.offered:
            self.offered = offered
            self.changed.emit()

    async def _keep(self) -> None:
        try:
            while self._waiting:
                class_id, path = self._waiting[0]
                try:
                    await self._keeps.keep_ready(class_id, path)
                except (RoomError, DeviceError, OSError) as error:
                    self._not_kept(path.name, error)
                del self._waiting[0]
                await self._look()
                self.changed.emit()
        finally:
            self._waiting.clear()
            self._busy = False
            self.changed.emit()

    async def _take_out(self, class_id: ClassId, document: str) -> None:
        await self._keeps.take_out_ready(class_id, document)
        await self._look()

    def _not_kept(self, name: str, error: Exception) -> None:
        if not self.watched:
            self._refused(error, name)
            return
        why = refusal(error, name)
        told = why if name in why else say("{names}: {why}", names=name, why=why)
        self.troubles = (*self.troubles, told)
