"""`pupitre-agent`, also as `python -m device_bridge.agent`."""

import sys

from device_bridge.early_stop import STOPPED, early_stop


def main() -> int:
    with early_stop():
        from device_bridge.agent.cli import main as run  # noqa: PLC0415 - takes its second here
    try:
        return run()
    except KeyboardInterrupt:  # before there is a loop that hears of it
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
