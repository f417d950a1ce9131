"""What the running app knows, for the demo's driver (`demo.verbs.Knows`); nobody else asks it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import Tile
from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.school import School
from classroom_app.storage.keeping import Keeping


class Facts:
    """`clock` is the room's, in seconds; `school` is None while nobody is signed in."""

    def __init__(  # noqa: PLR0913 - one of each part that is asked
        self,
        *,
        desk: DeskPresenter,
        focus: FocusPresenter,
        classes: ClassesPresenter,
        keeping: Keeping,
        home: Path,
        school: Callable[[], School | None],
        clock: Callable[[], float],
    ) -> None:
        self._desk, self._focus, self._classes = desk, focus, classes
        self._keeping, self._home = keeping, home
        self._school, self._clock = school, clock
        self._frames: dict[str, int] = {}
        self._lock_asked_at = 0.0
        self._lock_ms: dict[str, float] = {}

    # what the app tells as it happens

    def lesson_begins(self) -> None:
        self._frames, self._lock_ms = {}, {}

    def lock_asked(self) -> None:
        self._lock_asked_at, self._lock_ms = self._clock(), {}

    def framed(self, device: DeviceId) -> None:
        self._frames[device] = self._frames.get(device, 0) + 1

    def shown(self, school: School, tiles: Sequence[Tile]) -> None:
        """Note each device's first receipt of the newest lock, as the wall shows it."""
        for tile in tiles:
            if not tile.held or tile.device in self._lock_ms:
                continue
            seen = school.room.evidence(tile.device)
            if report := seen.report("attention"):
                # Whoever came after the button was pressed was asked when the link stood.
                asked_at = max(self._lock_asked_at, seen.up_since or 0.0)
                self._lock_ms[tile.device] = (report[1] - asked_at) * 1000

    # what the driver asks

    def facts(self) -> dict[str, Any]:
        school, desk = self._school(), self._desk
        lesson = school.room.lesson if school else None
        return {
            "lesson": lesson.id if lesson else "",
            "classes": [roster.id for roster in self._classes.classes],
            "discovered": dict(school.found.seconds) if school else {},
            "lock_ms": self._lock_ms,
            "free": sum(tile.free for tile in desk.wall.tiles()),
            "focus": self._closely(),
            "waiting": school.sync.state.waiting if school else 0,
            "reached": bool(school and not school.sync.state.why),
            "in_step": bool(school and school.sync.state.in_step),
            "refused": school.sync.state.refused if school else 0,
            "summary": desk.summary,
            "warning": desk.warning,
            "full": desk.full,
            "collected_folder": str(self._home / "collected"),
        }

    async def journal_ids(self) -> list[str]:
        return await self._keeping.journal_ids()

    async def waiting(self) -> int:
        return await self._keeping.waiting_count()

    def frames(self) -> Mapping[str, int]:
        return self._frames

    def _closely(self) -> dict[str, int]:
        shown, size = self._focus.pane.size, self._focus.pane.screen_size
        return {
            "width": shown.width() if self._focus.pane.image else 0,
            "height": shown.height() if self._focus.pane.image else 0,
            "screen_width": size.width(),
            "screen_height": size.height(),
            "frames": self._focus.pane.frames,
        }
