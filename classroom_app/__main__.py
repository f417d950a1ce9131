"""`pupitre`, also as `python -m classroom_app`."""

import sys
from collections.abc import Callable

from device_bridge.early_stop import start


def main() -> int:
    return start(_load)


def _load() -> Callable[[], int]:
    from classroom_app.cli import main as run  # noqa: PLC0415 - takes its second here

    return run


if __name__ == "__main__":
    sys.exit(main())
