"""`pupitre-agent`, also as `python -m device_bridge.agent`."""

import sys
from collections.abc import Callable

from device_bridge.early_stop import start


def main() -> int:
    return start(_load)


def _load() -> Callable[[], int]:
    if sys.argv[1:] == ["--decode-pictures"]:  # as `pictures.apart` starts the packaged program
        from device_bridge.pictures.pixels import serve  # noqa: PLC0415 - that process needs no more

        return serve
    from device_bridge.agent.cli import main as run  # noqa: PLC0415 - takes its second here

    return run


if __name__ == "__main__":
    sys.exit(main())
