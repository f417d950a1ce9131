"""A few histories: under faults the real programs lose nothing; one seed is one history."""

import gc
from collections.abc import Iterator

import pytest

from tests.histories import history
from tests.histories.checker import Ledger
from tests.histories.told import Named, Naming
from tests.histories.world import World


@pytest.fixture(scope="module")
def made() -> Iterator[history.Template]:
    with history.template() as template:
        yield template


def test_a_history_that_is_over_leaves_nothing_of_its_world(
    made: history.Template, caplog: pytest.LogCaptureFixture
) -> None:
    history.run(made, 4)
    caplog.clear()
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, World)]


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


def test_a_class_has_the_name_that_the_office_was_told_or_maybe_one_that_failed() -> None:
    ledger = Ledger(names={"1A": {"Class 1A"}})
    for fact in (Naming("1A", "Class 7"), Naming("1A", "Class 8")):
        fact.enter(ledger)
    ledger.back_up()
    Named("1A", "Class 8").enter(ledger)
    assert ledger.names == {"1A": {"Class 8"}}
    ledger.set_back()
    assert ledger.names == {"1A": {"Class 1A", "Class 7", "Class 8"}}


def test_a_class_that_nobody_knows_the_name_of_is_known_when_it_is_named() -> None:
    ledger = Ledger()
    Naming("1A", "Class 7").enter(ledger)
    assert ledger.names == {}
    Named("1A", "Class 8").enter(ledger)
    assert ledger.names == {"1A": {"Class 8"}}
