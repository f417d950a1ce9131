"""A small part of `make attack` in every run of the tests."""

from pathlib import Path

import pytest

from tests.attack.guard import guard_process
from tests.attack.siege import BESIEGERS, Outcome, besiege
from tests.attack.verdict import faults

pytestmark = pytest.mark.real_loop
SECONDS = 2.0


async def test_a_guard_that_is_besieged_serves_its_lesson_and_lets_nobody_in(
    tmp_path: Path,
) -> None:
    async with guard_process(tmp_path) as guard:
        outcome = await besiege(guard, SECONDS, seed=7)
        assert faults(outcome, lives=guard.lives) == []
        assert outcome.attacks.total() >= BESIEGERS


def test_a_guard_that_lets_somebody_in_or_dies_is_not_called_well() -> None:
    assert faults(Outcome(lock_ms=[2.0]), lives=True) == []
    assert faults(Outcome(lock_ms=[2.0]), lives=False) == ["the guard died"]
    fallen = Outcome(lock_ms=[9000.0], let_in=["a stranger"], links_lost=1, bugs=["Traceback"])
    assert len(faults(fallen, lives=True)) == 4
    assert faults(Outcome(), lives=True) == ["no lock was tried"]
