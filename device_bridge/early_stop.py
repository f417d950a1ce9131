"""Ctrl+C while a program is still loading what it is made of."""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOPPED: Final = 130
"""What a shell says of a program that Ctrl+C has ended."""


@contextmanager
def early_stop() -> Generator[None]:
    """End at once and without a word on Ctrl+C, as long as this is entered.

    A library in C that is interrupted while it loads may die of it, so nothing is raised into it;
    and nothing is begun yet that would have to be ended in order.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # whoever started us wants it otherwise
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(load: Callable[[], Callable[[], int]]) -> int:
    """Run the program that `load` imports; return its exit code."""
    with early_stop():
        run = load()
    try:
        return run()
    except KeyboardInterrupt:  # before there is a loop that hears of it
        return STOPPED


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(STOPPED)
