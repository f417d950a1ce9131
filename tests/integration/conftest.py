"""What real parts need: one PostgreSQL cluster a run, one sample school, one copy of it a test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import postgres
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
