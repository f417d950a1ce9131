"""Networks of their own for tests that need several machines."""

from collections.abc import Generator

import pytest

from tests import namespaces


@pytest.fixture
def room() -> Generator[namespaces.Classroom]:
    with namespaces.classroom() as made:
        yield made
