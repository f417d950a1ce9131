"""Whether the network is metered, asked on a real bus; NetworkManager's part is a stand-in's."""

from pathlib import Path

import pytest

from classroom_app.metered import MANAGER, MANAGER_PATH, by_network_manager, by_this_system
from tests.buses import always, bus_in, service

pytestmark = pytest.mark.real_loop


@pytest.mark.parametrize(
    ("told", "metered"), [(0, None), (1, True), (2, False), (3, True), (4, False), (77, None)]
)
def test_what_the_manager_says_or_guesses_is_believed(
    tmp_path: Path,
    told: int,
    metered: bool | None,  # noqa: FBT001 - a parameter of the test
) -> None:
    with (
        bus_in(tmp_path) as bus,
        service(bus, MANAGER, {(MANAGER_PATH, "Get"): always("v", ("u", told))}),
    ):
        assert by_network_manager(bus) is metered


def test_nobody_who_answers_or_no_bus_at_all_means_that_it_is_not_known(tmp_path: Path) -> None:
    with bus_in(tmp_path) as bus:
        assert by_network_manager(bus) is None
        with service(bus, MANAGER, {}):
            assert by_network_manager(bus) is None
        with service(bus, MANAGER, {(MANAGER_PATH, "Get"): always("v", ("s", "yes"))}):
            assert by_network_manager(bus) is None
    assert by_network_manager(f"unix:path={tmp_path}/gone") is None


async def test_this_system_is_asked_off_the_loop() -> None:
    assert await by_this_system() in {True, False, None}
