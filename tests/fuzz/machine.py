"""One state machine, round after round: `python -m tests.fuzz.machine NAME SECONDS SEED`.

Each round is hypothesis' own search under a fresh seed, the first under `SEED` itself, until the
time is over. Ends with 1, and `FOUND` on a line beneath hypothesis' smallest example, where a round
fails; that round is played again by its seed.
"""

import sys
import time
import traceback
from importlib import import_module
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.machines import machines

ROUND: Final = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=False,
    print_blob=False,
    # What shrinks is said; to explain why it fails takes many more tries than to find it.
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=(
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ),
)


def rounds(name: str, seconds: float, first: int) -> int:
    """Return how many rounds held. Raises what a round found, with its seed in a note."""
    machine: type[RuleBasedStateMachine] = getattr(import_module(machines()[name]), name)
    ends_at, held = time.monotonic() + seconds, 0
    while not held or time.monotonic() < ends_at:
        try:
            run_state_machine_as_test(seed(first + held)(machine), settings=ROUND)
        except BaseException as error:
            error.add_note(f"seed {first + held}")
            raise
        held += 1
    return held


def main(name: str, seconds: float, first: int) -> int:
    try:
        held = rounds(name, seconds, first)
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        traceback.print_exc(file=sys.stdout)
        print(f"FOUND {name}: {error!r:.200}, {error.__notes__[-1]}", flush=True)
        return 1
    print(f"held {held} rounds of {ROUND.max_examples} examples", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
