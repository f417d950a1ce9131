"""`pupitre-mdm`, also as `python -m central_mdm`."""

import os
import signal
import sys
from types import FrameType
from typing import Final

STOPPED: Final = 130
"""What a shell says of a program that Ctrl+C has ended."""


def main() -> int:
    """Run the command; Ctrl+C before it serves ends it at once and without a word."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if hears:
        signal.signal(signal.SIGINT, _end)
    # Litestar takes up a Pydantic that happens to be installed: a quarter of a start, for nothing.
    sys.modules["pydantic"] = None  # pyright: ignore[reportArgumentType] - as importlib has it
    from central_mdm.cli import main as run  # noqa: PLC0415 - takes its second here

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:
        return STOPPED


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(STOPPED)


if __name__ == "__main__":
    sys.exit(main())
