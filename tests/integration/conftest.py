"""What real parts need: a PostgreSQL cluster, a sample school, a desktop and who sits at it."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest

from device_bridge.protocol.seat import SeatUp
from tests import postgres
from tests.desktop import Desktop, desktop
from tests.guard_stand_in import GuardStandIn, guard, start_seat
from tests.mdm import BACKENDS, Mdm, Prepared, prepared, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(scope="session", params=BACKENDS)
def prepared_school(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """Make a school, once of each kind; PostgreSQL is started only where it is asked for."""
    backend: str = request.param
    folder = Path() if backend == "sqlite" else request.getfixturevalue("cluster")
    with prepared(backend, tmp_path_factory.mktemp(backend), folder) as school:
        yield school


@pytest.fixture
async def mdm(tmp_path: Path, prepared_school: Prepared) -> AsyncIterator[Mdm]:
    with prepared_school.copy(tmp_path) as url:
        async with running(tmp_path, url) as made:
            yield made


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desktop]:
    """Open a real desktop, whose ground is green."""
    async with desktop(tmp_path) as opened:
        assert (await opened.run("xsetroot", "-solid", "#20a040"))[0] == 0
        yield opened


@pytest.fixture
async def held(desk: Desktop, tmp_path: Path) -> AsyncGenerator[GuardStandIn]:
    """Start a seat on that desktop; what its guard says is the test's to say."""
    async with guard(tmp_path) as stand_in:
        await start_seat(desk, tmp_path)
        await stand_in.hears(SeatUp, lambda _: True)
        yield stand_in
