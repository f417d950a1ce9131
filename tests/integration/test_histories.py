"""A few histories: under faults the real programs lose nothing; one seed is one history."""

from collections.abc import Iterator

import pytest

from tests.histories import history


@pytest.fixture(scope="module")
def made() -> Iterator[history.Template]:
    with history.template() as template:
        yield template


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_is_there_once_after_all_faults(
    made: history.Template, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    verdict = history.run(made, seed)
    caplog.clear()  # disks were full, and journals set back
    assert verdict.faults == ()
    assert verdict.crashes > 10


def test_the_same_seed_is_the_same_history(
    made: history.Template, caplog: pytest.LogCaptureFixture
) -> None:
    one, same = (history.run(made, 3) for _ in range(2))
    caplog.clear()
    assert one == same
