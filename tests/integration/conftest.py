"""What real parts need: one PostgreSQL cluster a run, one MDM a test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.mdm import BACKENDS, Mdm, database_url, running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=BACKENDS)
def mdm_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Make an empty database, once of each kind; PostgreSQL is started only where asked for."""
    folder = Path() if request.param == "sqlite" else request.getfixturevalue("cluster")
    with database_url(request.param, folder) as url:
        yield url


@pytest.fixture
async def mdm(tmp_path: Path, mdm_database: str) -> AsyncIterator[Mdm]:
    async with running(tmp_path, mdm_database) as made:
        yield made
