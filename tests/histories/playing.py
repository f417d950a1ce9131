"""Playing many histories one after another, in a worker of its own."""

import gc
import json
import time
from collections.abc import Iterable
from typing import Any, Final

from tests.histories import history
from tests.histories.planted import BROKE, finds

_COLLECTED_EVERY: Final = 20_000
"""Objects: a history makes many that live until its end, and the usual 700 look at them all."""


def settle_memory() -> None:
    gc.freeze()
    gc.set_threshold(_COLLECTED_EVERY, 20, 50)


def some(seeds: Iterable[int], plant: str) -> list[dict[str, Any]]:
    """Play these; with a planted bug until one finds it."""
    told: list[dict[str, Any]] = []
    with history.template() as made:
        settle_memory()
        for seed in seeds:
            told.append(_played(made, seed, plant))
            if told[-1]["faults"]:
                print(json.dumps(told[-1]), flush=True)
            if plant and finds(plant, told[-1]["faults"]):
                break
    return told


def _played(made: history.Template, seed: int, plant: str) -> dict[str, Any]:
    begun = time.process_time()
    try:
        verdict = history.run(made, seed, plant)
        found = {"faults": verdict.faults, "trace": verdict.trace, "crashes": verdict.crashes}
        found |= {"requests": verdict.requests, "points": verdict.points}
    except Exception as error:  # noqa: BLE001 - a history that breaks has failed, the others go on
        found = {"faults": (f"{BROKE}{error!r}",), "crashes": 0, "requests": 0, "points": 0}
    return {"seed": seed, **found, "cpu_seconds": round(time.process_time() - begun, 2)}
