"""The menu of one seat: what is rarely needed and concerns nobody else."""

from PySide6.QtCore import QPoint, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from classroom_app.domain.tile import Tile
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import say


class TileMenu(QMenu):
    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._key = desk, ""
        self._look = QAction(self)
        self._together = QAction(self)
        self._seat = QAction(self)
        self._check = QAction(self)
        self._look.triggered.connect(self._on_look)
        self._together.triggered.connect(desk.look_closely)
        self._seat.triggered.connect(self._on_seat)
        self._check.triggered.connect(self._on_check)
        self.addActions([self._look, self._together, self._seat, self._check])

    def open(self, tile: Tile, at: QPoint) -> None:
        self.tell(tile)
        self.popup(at)

    def tell(self, tile: Tile) -> None:
        """Show what can be done with this seat."""
        self._key = key_of(tile)
        self._look.setText(say("Look closely"))
        chosen = self._desk.wall.selected
        self._together.setVisible(self._key in chosen and self._desk.fits_beside(len(chosen)))
        self._together.setText(say("Look closely, side by side"))
        self._seat.setText(say("Who sits here…"))
        self._seat.setVisible(bool(tile.device))
        self._check.setText(say("Why not here? Connection check"))
        self._check.setVisible(tile.state in ABSENT)

    @Slot()
    def _on_look(self) -> None:
        self._desk.open(self._key)

    @Slot()
    def _on_seat(self) -> None:
        self._desk.ask("seat", self._key)

    @Slot()
    def _on_check(self) -> None:
        self._desk.check(self._key)
