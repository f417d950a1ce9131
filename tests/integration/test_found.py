"""When a device counts as found, and from when that is timed (`classroom_app.found`)."""

import time
from pathlib import Path

import pytest

from classroom_app.found import Found
from device_bridge.discovery.sightings import Sighting
from tests.school import SmallSchool
from tests.teaching import Place, device, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"), Place("device-2", "hugo", "Hugo"))


async def test_a_device_is_found_when_it_answers_and_not_when_its_record_is_read(
    tmp_path: Path,
) -> None:
    """Its record was there before the class was opened; what is timed began with the opening."""
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1"),
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        nobody = Sighting("device-2", (("127.0.0.1", 9),))
        app.school.places.hear(nobody)
        await until(lambda: app.school.browser.places_taken, "its record")
        before = time.monotonic()
        await app.start()
        await until(lambda: app.here("lina") and app.school.found.seconds)
        took = time.monotonic() - before
        assert app.school.found.seconds.keys() == {"device-1"}, "nobody answers for the other"
        assert 0 < app.school.found.seconds["device-1"] <= took


def test_neither_a_record_nor_a_link_alone_is_a_find_and_the_first_moment_of_both_stays() -> None:
    found = Found(began=100.0)
    found.look("d1", 101.0, heard=True, answers=False)
    found.look("d2", 101.0, heard=False, answers=True)
    assert found.seconds == {}
    found.look("d1", 102.5, heard=True, answers=True)
    found.look("d1", 160.0, heard=True, answers=True)
    assert found.seconds == {"d1": 2.5}
