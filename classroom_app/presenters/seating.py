"""What a teacher has arranged for one class: where seats stand, and groups of pupils."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Signal, Slot

from classroom_app.presenters import arranging
from classroom_app.presenters.arranging import GROUPS_MAX, Plan, Spot
from classroom_app.presenters.wall import WallModel

SEATS, GROUPS = "seats-of", "groups-of"


class Seating(QObject):
    """`read` gives what was kept under a name; `chosen` tells a name and what to keep there."""

    changed = Signal()  # arranging begins or ends, or something can be taken back
    chosen = Signal(str, str)

    def __init__(self, wall: WallModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wall, self._class = wall, ""
        self.read: Callable[[str], str] = lambda _: ""
        self._before: list[Plan | None] = []
        self._groups: dict[int, frozenset[str]] = {}
        self._groups_before = self._groups

    def enter(self, class_id: str) -> None:
        """Take up what was kept of a class."""
        self.done()
        self._class = class_id
        self._groups = arranging.read_groups(self.read(f"{GROUPS}/{class_id}"))
        self._wall.set_plan(arranging.read(self.read(f"{SEATS}/{class_id}")))

    # seats

    @property
    def on(self) -> bool:
        return self._wall.arranging

    @property
    def undoes(self) -> bool:
        return self.on and bool(self._before)

    @property
    def arranged(self) -> bool:
        return self._wall.plan is not None

    @Slot()
    def begin(self) -> None:
        """Let seats be moved. Each move is kept at once; Undo takes one back."""
        self._before = []
        self._wall.select(())
        self._wall.set_filter("")
        self._wall.set_order("seats")
        self._wall.arrange(on=True)
        self.changed.emit()

    def place(self, key: str, spot: Spot) -> None:
        """Move a seat; whoever stands there takes the place that it leaves."""
        before = self._wall.whole_plan()
        after = arranging.moved(before, key, spot)
        if after != before:
            self._before.append(self._wall.plan)
            self._keep(after)

    def step(self, key: str, across: int, down: int) -> None:
        """Move a seat by columns and rows."""
        at = self._wall.whole_plan().spots.get(key)
        if at:
            self.place(key, (at[0] + across, at[1] + down))

    @Slot()
    def as_listed(self) -> None:
        """Let seats stand in the order of the class list again."""
        if self._wall.plan:
            self._before.append(self._wall.plan)
            self._keep(None)

    @Slot()
    def undo(self) -> None:
        if self._before:
            self._keep(self._before.pop())

    @Slot()
    def done(self) -> None:
        if self.on:
            if self._wall.plan:
                self._keep(arranging.trimmed(self._wall.plan))
            self._wall.arrange(on=False)
            self.changed.emit()

    def _keep(self, plan: Plan | None) -> None:
        self._wall.set_plan(plan)
        self.chosen.emit(f"{SEATS}/{self._class}", arranging.kept(plan))
        self.changed.emit()

    # groups

    def groups(self) -> dict[int, frozenset[str]]:
        """Return who is in which group, of those who are in the class."""
        found = {number: self._of_class(keys) for number, keys in self._groups.items()}
        return {number: found[number] for number in sorted(found) if found[number]}

    def next_free(self) -> int:
        """Return the first number that is no group yet; 0: all are taken."""
        taken = self.groups()
        return next((at for at in range(1, GROUPS_MAX + 1) if at not in taken), 0)

    def keep_group(self, number: int, keys: Iterable[str]) -> None:
        self._groups_before = self._groups
        self._set_groups({**self._groups, number: frozenset(keys)})

    def undo_group(self) -> None:
        self._set_groups(self._groups_before)

    def _set_groups(self, groups: dict[int, frozenset[str]]) -> None:
        self._groups = groups
        self.chosen.emit(f"{GROUPS}/{self._class}", arranging.kept_groups(groups))

    def _of_class(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(key for key in keys if self._wall.tile(key))
