"""Hypothesis' state machines: quick and always the same in `make test`, long in `make fuzz`."""

import re
from pathlib import Path
from typing import Final

from hypothesis import settings

QUICK: Final = settings(
    max_examples=30, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
"""What a machine does in every run of the tests; new ways are for `make fuzz`."""
_TESTS: Final = Path(__file__).parent
_MACHINE: Final = re.compile(r"^Test(\w+) = \1\.TestCase$", re.MULTILINE)


def machines() -> dict[str, str]:
    """Return by its name the module of each machine of the tests, without importing it."""
    found: dict[str, str] = {}
    for path in sorted(_TESTS.rglob("test_*.py")):
        for name in _MACHINE.findall(path.read_text(encoding="utf-8")):
            assert name not in found, f"two machines are called {name}"
            found[name] = ".".join(("tests", *path.relative_to(_TESTS).with_suffix("").parts))
    return found
