"""What `make fuzz` does with state machines: it knows all of them, and tells what one has found."""

import re
from pathlib import Path

import pytest
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.fuzz import machine
from tests.machines import machines

TESTS = Path(__file__).parents[1]


def test_every_state_machine_of_the_tests_is_searched_by_make_fuzz() -> None:
    sources = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    made = re.compile(r"^class (\w+)\((?:\w+, )*RuleBasedStateMachine\):", re.MULTILINE)
    assert machines().keys() == {name for source in sources for name in made.findall(source)}


def test_what_a_machine_finds_is_told_with_its_smallest_example_and_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Brittle(RuleBasedStateMachine):
        @rule()
        def breaks(self) -> None:
            raise OSError("broken")

    monkeypatch.setattr(machine, "machines", lambda: {"Brittle": machine.__name__})
    monkeypatch.setattr(machine, "Brittle", Brittle, raising=False)
    assert machine.main("Brittle", 60.0, 5) == 1
    told = capsys.readouterr().out
    assert "state.breaks()" in told
    assert told.endswith("FOUND Brittle: OSError('broken'), seed 5\n")
