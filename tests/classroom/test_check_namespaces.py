"""The app's check page against real faults of real networks, until they are mended."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.classroom.campus import GUEST, PUPILS, WIFI, Campus, campus
from tests.desktop import join_waiters
from tests.namespaces import Classroom

pytestmark = pytest.mark.real_loop

HERE = ("waiting", "live", "dark", "private", "stale", "nobody")


@pytest.fixture
async def school(
    room: Classroom, tmp_path: Path, school_of: Callable[[int], Path]
) -> AsyncIterator[Campus]:
    shutil.copytree(school_of(PUPILS), tmp_path / "mdm")
    async with campus(room, tmp_path) as made:
        yield made
    join_waiters()


async def test_a_firewall_is_named_and_the_class_appears_once_it_lets_mdns_in(
    school: Campus,
) -> None:
    school.teacher.drop_mdns()
    await school.sign_in()
    await school.ask_why()
    rows = await school.told("This computer's firewall keeps Pupitre from listening.")
    assert ("ok", "This computer is on a network.", f"net0, address {WIFI}.1.") in rows
    assert not any(title == "No device announces itself here." for _, title, _ in rows)
    school.teacher.let_mdns()
    await school.page_is("wall")
    await school.states_are(*HERE)


async def test_client_isolation_is_named_by_what_the_devices_told_the_school(
    school: Campus,
) -> None:
    port = school.server.ports["net0"]
    school.room.isolate(school.wifi, but=port)
    await school.sign_in()
    await school.ask_why()
    rows = await school.told("The Wi-Fi probably keeps devices apart.")
    assert [title for state, title, _ in rows if state == "failed"] == [rows[-2][1]]
    school.room.isolate(school.wifi, on=False)
    await school.page_is("wall")
    await school.states_are(*HERE)


async def test_another_network_is_named_on_tiles_and_page_and_no_network_at_all_is_told(
    school: Campus,
) -> None:
    await school.sign_in()
    await school.states_are(*HERE)
    school.teacher.unplug("net0")
    await school.states_are("gone")
    await school.ask_why()
    await school.told("No network.")
    school.teacher.plug("net1")
    school.teacher.route(f"{WIFI}.2/32", f"{GUEST}.2")
    rows = await school.told(
        f"This computer is on “{GUEST}.0/24”, the pupils were last on “{WIFI}.0/24”."
    )
    assert ("ok", "This computer is on a network.", f"net1, address {GUEST}.1.") in rows
    await school.states_are("other-network")
    await school.end_app()
    await school.start_app()
    await school.states_are("other-network")
    await school.ask_why()
    school.teacher.unplug("net1")
    school.teacher.plug("net0")
    await school.page_is("wall")
    await school.states_are(*HERE)
