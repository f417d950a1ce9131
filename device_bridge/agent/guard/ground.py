"""What a device knows by itself: its boot clock, its time floor, the classes it serves."""

import time
from collections.abc import Callable
from typing import Final

from central_mdm.contract.grants import Assignment
from device_bridge.trust.floor import FLOOR_LOWEST, Doubt, Floor

_UNRULED: Final = Assignment("", "", 0, (), 0)


class GroundHere:
    """Fulfils `trust.floor.Ground`. `doubt`: what is held against a moment that was signed."""

    def __init__(
        self,
        boot: Callable[[], float],
        floor_seconds: float,
        wall: Callable[[], float] = time.time,
        doubt: Doubt | None = None,
    ) -> None:
        self._boot, self._wall = boot, wall
        self._floor = Floor(max(floor_seconds, FLOOR_LOWEST), boot(), doubt)
        self._assignment: Assignment | None = None

    def boot(self) -> float:
        return self._boot()

    def floor(self) -> float:
        return self._floor.at(self._boot())

    @property
    def doubt(self) -> Doubt | None:
        return self._floor.doubt

    def doubts(self) -> bool:
        """Tell whether time goes by that a doubt has still to be held."""
        return self.doubt is not None and not self.doubt.is_old(self._boot())

    def classes(self) -> tuple[str, ...]:
        return self._assignment.classes if self._assignment else ()

    @property
    def assignment(self) -> Assignment | None:
        return self._assignment

    @property
    def rules(self) -> Assignment:
        """What the school rules here; its own words' defaults while it has said nothing."""
        return self._assignment or _UNRULED

    @property
    def assignment_version(self) -> int:
        return self._assignment.version if self._assignment else 0

    def signed_at(self, issued_at: int) -> None:
        self._floor = self._floor.raised(issued_at, self._boot(), self._wall())

    def serve_none(self) -> None:
        """Serve no class until the next assignment: the school that signed the last has ended."""
        self._assignment = None

    def assign(self, assignment: Assignment) -> bool:
        """Take a newer assignment whose signature is checked; False for an older one."""
        if self._assignment and assignment.version < self._assignment.version:
            return False
        self._assignment = assignment
        self.signed_at(assignment.issued_at)
        return True
