"""The way of a teacher's keys: from the focus to whoever is signed in."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from classroom_app.domain.lesson import DeviceId
from classroom_app.school import School
from classroom_app.tasks import Tasks
from device_bridge.protocol.control import ControlEvent


class Controls:
    """`Drives` of the presenters. `refused` hears what could not be begun."""

    def __init__(
        self,
        tasks: Tasks,
        school: Callable[[], School | None],
        refused: Callable[[Exception], None],
    ) -> None:
        self._tasks, self._school, self._refused = tasks, school, refused

    def may(self) -> bool:
        school = self._school()
        return school is not None and school.papers.may("control")

    def drive(self, device: DeviceId, screen: int) -> None:
        if school := self._school():
            self._start(school.control.drive(device, screen))

    def give_back(self) -> None:
        if school := self._school():
            self._start(school.control.give_back())

    def send(self, events: Sequence[ControlEvent]) -> None:
        if school := self._school():
            school.control.send(events)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(work, name="control", refused=self._refused)
