"""The last line of every benchmark: one JSON object, with the machine it was measured on."""

import json
import os
import platform
from collections.abc import Mapping


def machine() -> dict[str, object]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),  # who else ran, when a figure looks odd
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def report(benchmark: str, args: Mapping[str, object], figures: Mapping[str, float]) -> None:
    """Print the result. Names of figures stay stable; numbers are rounded to what they tell."""
    told = {
        "benchmark": benchmark,
        "args": {name: _plain(each) for name, each in args.items()},
        "machine": machine(),
        "figures": {name: float(f"{number:.4g}") for name, number in figures.items()},
    }
    print(json.dumps(told), flush=True)


def _plain(argument: object) -> object:
    return argument if isinstance(argument, int | float | bool) else str(argument)
