"""The wall's model: one row a seat, what changed told at most once in 33 ms."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec.structs import replace
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.arranging import Plan, as_listed, drawn, with_all
from classroom_app.presenters.sentences import TileWords, hint, name_of, spoken, tile_words
from classroom_app.presenters.words import lasted, say

PACE_MS = 33
Index = QModelIndex | QPersistentModelIndex
LookedAt = Callable[[Mapping[DeviceId, QSize]], None]
ORDERS = ("seats", "name", "attention", "needing")
ZOOMS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5)
# These tiles say how long something has been so.
_AGEING = frozenset({State.GONE, State.DARK, State.STALE})
_URGENT = (State.NOT_COVERED, State.CLOCK, State.TWIN, State.GONE, State.ASKED)
_SORTED = frozenset({"attention", "needing"})
UNCHANGED_SECONDS = 60  # less is no news under a picture


def key_of(tile: Tile) -> str:
    """Return what a seat is known by: its pupil, or its device while nobody sits there."""
    return tile.pupil or tile.device


@lru_cache(maxsize=1024)
def folded(text: str) -> str:
    """Return `text` as fingers type it: "Aïcha" is found by "ai"."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@lru_cache(maxsize=1024)
def counted(text: str) -> str:
    """Return `text` for sorting as people count: "Tablet 9" before "Tablet 10"."""
    return re.sub(r"[0-9]{1,9}", lambda found: found[0].zfill(9), folded(text))


def _by_seat(tile: Tile) -> tuple[bool, int, str]:
    return not tile.pupil, tile.seat or 10**6, counted(tile.name)


def _by_name(tile: Tile) -> tuple[bool, str]:
    return not tile.pupil, counted(tile.name)


def _by_attention(tile: Tile) -> tuple[int, float, int, str]:
    urgent = _URGENT.index(tile.state) + 1 if tile.state in _URGENT else len(_URGENT) + 1
    return (0, tile.wish.since, 0, "") if tile.wish else (urgent, 0.0, tile.seat, folded(tile.name))


def needs_someone(tile: Tile) -> bool:
    """Tell whether a seat needs the teacher: a wish, a failure, a device gone; never activity."""
    return bool(tile.wish or tile.claim) or tile.state in _URGENT


class WallModel(QAbstractListModel):
    """Seats in the teacher's order, filtered by letters; holds who is selected by their keys."""

    TileRole = int(Qt.ItemDataRole.UserRole) + 1
    PictureRole = TileRole + 1
    WordsRole = TileRole + 2

    tiles_changed = Signal()
    turned = Signal(object)  # Mapping[str, Tile]: what tiles were that show another state now
    selection_changed = Signal()
    looks_changed = Signal()  # order, room, filter, zoom, hidden pictures

    def __init__(
        self, clock: Callable[[], float], looked_at: LookedAt, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._looked_at = looked_at
        self._tiles: dict[str, Tile] = {}
        self._rows: list[str] = []
        self._row_of: dict[str, int] = {}
        self._pictures: dict[DeviceId, QImage] = {}
        self._touched: set[str] = set()
        self._seen: dict[DeviceId, QSize] = {}
        self.selected: frozenset[str] = frozenset()
        self.order = "seats"
        self.filter = ""
        self.zoom = 1.0
        self.hidden = False
        self.plan: Plan | None = None
        self.arranging = False
        self.columns = 0
        """So many columns the room has; 0: as many as fit."""
        self.columns_seen = 1
        """So many the wall has now."""
        self._listed_columns = 1
        self.unchanged = False
        self._same_since: dict[DeviceId, float] = {}
        self._said_unchanged: dict[str, str] = {}
        self._pace = QTimer(self, singleShot=True, interval=PACE_MS)
        self._pace.timeout.connect(self.flush)

    # what comes in

    def show(self, tiles: Sequence[Tile]) -> None:
        """Take the wall as it is now. Cheap: call it for every report."""
        now = {key_of(tile): tile for tile in tiles}
        changed = {key for key, tile in now.items() if self._tiles.get(key) != tile}
        structural = now.keys() != self._tiles.keys() or any(
            self._place(now[key]) != self._place(self._tiles[key]) for key in changed
        )
        turned = {
            key: was
            for key in changed
            if (was := self._tiles.get(key)) and was.state is not now[key].state
        }
        self._tiles = now
        if structural:
            self.selected &= now.keys()
            self._arrange()
        self._touch(changed)
        if turned:
            self.turned.emit(turned)

    def picture(self, device: DeviceId, image: QImage) -> None:
        """Take a device's newest picture, ready at the size it was asked in."""
        self.pictures({device: image})

    def pictures(self, images: Mapping[DeviceId, QImage]) -> None:
        """Take what the decoder has ready, all at once."""
        now = self._clock()
        for device, image in images.items():
            # A device that is asked anew tells all of its picture again, changed or not.
            if device not in self._same_since or self._pictures.get(device) != image:
                self._same_since[device] = now
        self._pictures.update(images)
        self._touch(key for key, tile in self._tiles.items() if tile.device in images)

    def forget(self) -> None:
        """Drop all: the lesson is over."""
        self._pictures.clear()
        self._same_since.clear()
        self.filter = ""
        self.plan, self.arranging = None, False
        self.selected = frozenset()
        self.show(())

    def tick(self) -> None:
        """Let the tiles that say how long something lasts say it anew."""
        self._touch(key for key, tile in self._tiles.items() if tile.state in _AGEING)
        if self.unchanged:
            said = {key: self.words(tile).fact for key, tile in self._tiles.items()}
            before, self._said_unchanged = self._said_unchanged, said
            self._touch(key for key, fact in said.items() if before.get(key) != fact)

    def flush(self) -> None:
        """Emit what was touched, as few ranges as there are; the timer calls it."""
        touched, self._touched = self._touched, set()
        self._pace.stop()
        rows = sorted(self._row_of[key] for key in touched if key in self._row_of)
        start = 0
        for at, row in enumerate(rows):
            if at + 1 == len(rows) or rows[at + 1] != row + 1:
                self.dataChanged.emit(self.index(rows[start]), self.index(row))
                start = at + 1
        if touched:
            self.tiles_changed.emit()

    # what the teacher chooses

    def set_order(self, order: str) -> None:
        self.order = order
        self._arrange()
        self.looks_changed.emit()

    def set_plan(self, plan: Plan | None) -> None:
        """Let seats stand as in a room; None: one after the other."""
        self.plan = plan
        self._arrange()
        self.looks_changed.emit()

    def arrange(self, *, on: bool) -> None:
        """Show the gaps of the room, and one more column and row for whom is moved there."""
        if on and not self.arranging:
            # The spare column is none of the list's.
            self._listed_columns = self.columns or self.columns_seen
        self.arranging = on
        self._arrange()
        self.looks_changed.emit()

    def whole_plan(self) -> Plan:
        """Return where each seat stands, also who has no place in the plan yet."""
        keys = [key_of(tile) for tile in self.tiles()]
        if self.plan is None:
            return as_listed(keys, self._listed_columns)
        return with_all(self.plan, keys)

    def set_unchanged(self, unchanged: bool) -> None:  # noqa: FBT001 - as below
        """Say under each picture how long it has been the same, or no longer."""
        self.unchanged = unchanged
        self._touch(self._tiles)
        self.looks_changed.emit()

    def set_filter(self, letters: str) -> None:
        self.filter = letters
        self._arrange()
        self.looks_changed.emit()

    def show_all(self) -> None:
        """Let nobody be filtered out any more."""
        self.filter = ""
        self.set_order("seats" if self.order == "needing" else self.order)

    def set_zoom(self, zoom: float) -> None:
        self.zoom = zoom
        self.looks_changed.emit()

    def set_hidden(self, hidden: bool) -> None:  # noqa: FBT001 - a check box's own signal
        self.hidden = hidden
        self._touch(self._tiles)
        self.looks_changed.emit()

    def select(self, keys: Iterable[str]) -> None:
        """Choose seats by key; those that are not shown are dropped, so no act goes unseen."""
        chosen = frozenset(keys) & self._row_of.keys()
        if chosen != self.selected:
            changed = chosen ^ self.selected
            self.selected = chosen
            self._touch(changed)
            self.selection_changed.emit()

    def resort(self) -> None:
        """Sort anew by what needs attention; the view asks only while no pointer is on it."""
        if self.order in _SORTED:
            self._arrange()

    def see(self, visible: Mapping[DeviceId, QSize]) -> None:
        """Hear from the view which pictures are seen, at which size in real pixels."""
        if visible != self._seen:
            for device in self._seen.keys() - visible.keys():
                self._same_since.pop(device, None)  # what it shows meanwhile nobody knows
            self._seen = dict(visible)
            self._looked_at(self._seen)

    # what is there

    def tiles(self) -> tuple[Tile, ...]:
        """Return the whole class, shown or filtered out, in the order of seats."""
        return tuple(sorted(self._tiles.values(), key=_by_seat))

    def chosen(self) -> tuple[Tile, ...]:
        """Return who an act would touch: the selected, else the whole class."""
        return tuple(
            tile for tile in self.tiles() if not self.selected or key_of(tile) in self.selected
        )

    def tile(self, key: str) -> Tile | None:
        return self._tiles.get(key)

    def row(self, key: str) -> int:
        """Return the row of a seat, -1 where it is filtered out."""
        return self._row_of.get(key, -1)

    def key_at(self, row: int) -> str:
        return self._rows[row]

    def tile_at(self, row: int) -> Tile | None:
        """Return who is shown in a row, None where the room has a gap."""
        return self._tiles.get(self._rows[row])

    def words(self, tile: Tile) -> TileWords:
        words = tile_words(tile, self._clock())
        if self.unchanged and not words.fact and tile.state is State.LIVE and not self.hidden:
            same = self._clock() - self._same_since.get(tile.device, self._clock())
            if same >= UNCHANGED_SECONDS:
                return replace(words, fact=say("Unchanged for {time}", time=lasted(same)))
        return words

    def image(self, device: DeviceId) -> QImage | None:
        return self._pictures.get(device)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let nobody choose or reach a gap."""
        if index.isValid() and not self._rows[index.row()]:
            return Qt.ItemFlag.NoItemFlags
        return super().flags(index)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        tile = self.tile_at(index.row()) if index.isValid() else None
        if tile is None:
            return None
        if role == self.TileRole:
            return tile
        if role == self.PictureRole:
            return self._pictures.get(tile.device)
        if role == self.WordsRole:
            return self.words(tile)
        if role == Qt.ItemDataRole.DisplayRole:
            return name_of(tile)
        if role == Qt.ItemDataRole.ToolTipRole:
            return hint(tile) or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = self.words(tile)
            same = f" {words.fact}." if words.fact and not words.fact_icon else ""
            return spoken(tile, self._clock()) + same
        return None

    def _place(self, tile: Tile) -> object:
        """Return what moves a tile when it changes: its seat and name, never its state."""
        return tile.seat, tile.name, not tile.pupil

    def _touch(self, keys: Iterable[str]) -> None:
        self._touched.update(keys)
        if self._touched and not self._pace.isActive():
            self._pace.start()

    def _arrange(self) -> None:
        """Let each seat stand where it belongs now; a view hears of it only where one moved."""
        letters = folded(self.filter.strip())
        shown = [tile for tile in self._tiles.values() if letters in folded(tile.name)]
        if self.order == "needing":
            shown = [tile for tile in shown if needs_someone(tile)]
        if self.order in _SORTED:
            shown.sort(key=_by_attention)
        elif self.order == "name":
            shown.sort(key=_by_name)
        else:
            shown.sort(key=_by_seat)
        columns, rows = 0, [key_of(tile) for tile in shown]
        if self.order == "seats" and not letters and (self.plan or self.arranging) and shown:
            columns, rows = drawn(self.whole_plan(), spare=self.arranging)
        before = self.selected
        if (columns, rows) != (self.columns, self._rows):
            self.beginResetModel()
            self.columns, self._rows = columns, rows
            self._row_of = {key: row for row, key in enumerate(rows) if key}
            self.selected &= self._row_of.keys()
            self.endResetModel()
        if before != self.selected:
            self.selection_changed.emit()
        self._touch(self._row_of)
