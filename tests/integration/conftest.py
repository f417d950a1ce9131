"""What real parts need: a PostgreSQL cluster, a sample school, a desktop and who sits at it."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from central_mdm.platform import database
from device_bridge.protocol.seat import SeatUp
from tests import postgres
from tests.desktop import Desktop, desktop
from tests.guard_stand_in import GuardStandIn, guard, start_seat
from tests.mdm import BACKENDS, Mdm, Prepared, prepared, running


@pytest.fixture(scope="session")
def a_cluster() -> Iterator[Callable[[], Path]]:
    """Start PostgreSQL once, and only where it is asked for."""
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(postgres.cluster()))


@pytest.fixture(scope="session")
def school_on(
    a_cluster: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Prepared]]:
    """Make a school, once of each kind."""
    with ExitStack() as stack:

        @cache
        def made(backend: str) -> Prepared:
            folder = Path() if backend == "sqlite" else a_cluster()
            return stack.enter_context(prepared(backend, tmp_path_factory.mktemp(backend), folder))

        yield made


@pytest.fixture(scope="session", params=BACKENDS)
def prepared_school(
    request: pytest.FixtureRequest, school_on: Callable[[str], Prepared]
) -> Prepared:
    return school_on(request.param)


@pytest.fixture
async def mdm(
    tmp_path: Path, prepared_school: Prepared, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Mdm]:
    # Tests let requests wait for each other while they look on, on a machine that has more to do.
    monkeypatch.setattr(database, "LOCK_SECONDS", 60)
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
