"""The sentence above the classes after a lesson: counted anew until all have answered."""

import pytest

from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.summary import Summary
from classroom_app.services.presence import Ended
from tests.ui.conftest import Opens
from tests.ui.room import LESSON, Room, live

pytestmark = pytest.mark.real_loop


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin([live(1, "Adam"), live(2, "Lina")])
    return made


def over(*devices: str) -> Ended:
    return Ended(LESSON, tuple(DeviceId(device) for device in devices), 2)


def not_yet(number: int, name: str) -> Tile:
    return live(number, name, free=False)


def test_the_summary_is_counted_anew_until_the_last_device_is_free_and_then_no_more(
    room: Room,
) -> None:
    summary = Summary(room.desk)
    summary.ended(over("d1", "d2"), [not_yet(1, "Adam"), not_yet(2, "Lina")])
    assert room.desk.summary == "Lesson over. 0 of 2 free, 2 works collected."
    summary.look([live(1, "Adam"), not_yet(2, "Lina")])
    assert room.desk.summary == "Lesson over. 1 of 2 free, 2 works collected."
    assert summary.open
    summary.look([live(1, "Adam"), live(2, "Lina")])
    assert room.desk.summary == "Lesson over. 2 of 2 free, 2 works collected."
    assert not summary.open
    summary.look([live(1, "Adam"), not_yet(2, "Lina")])
    assert room.desk.summary == "Lesson over. 2 of 2 free, 2 works collected."


def test_who_is_away_has_not_answered_so_the_summary_waits_for_them(room: Room) -> None:
    summary = Summary(room.desk)
    summary.ended(over("d1", "d2"), [live(1, "Adam"), live(2, "Lina", State.GONE)])
    summary.look([live(1, "Adam"), live(2, "Lina", State.GONE)])
    said = "Lesson over. 1 of 1 free, 2 works collected. 1 device was not here."
    assert (room.desk.summary, summary.open) == (said, True)
    summary.look([live(1, "Adam"), live(2, "Lina")])
    assert room.desk.summary == "Lesson over. 2 of 2 free, 2 works collected."
    assert not summary.open


def test_one_work_is_counted_as_one(room: Room) -> None:
    Summary(room.desk).ended(Ended(LESSON, (DeviceId("d1"),), 1), [live(1, "Adam")])
    assert room.desk.summary == "Lesson over. 1 of 1 free, 1 work collected."
