"""The account that a visitor reads while the lesson plays itself."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from classroom_app.demo.report import STEPS

BAR = 26


class Teller:
    """Prints one line a step; on a terminal the running step shows how far it is."""

    def __init__(
        self, out: TextIO = sys.stdout, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._clock = clock
        self._live = out.isatty()
        self._step = 0
        self._title = ""
        self.began = clock()

    def title(self, words: str) -> None:
        self._out.write(f"\n  {words}\n\n")
        self._out.flush()

    def step(self, title: str) -> None:
        self._step += 1
        self._title = title
        self.progress("")

    def progress(self, words: str, done: int = 0, of: int = 0) -> None:
        """Say how far the running step is; only where there is a terminal to redraw."""
        if not self._live:
            return
        filled = round(BAR * (self._step - 1 + (done / of if of else 0.0)) / STEPS)
        bar = "█" * filled + "·" * (BAR - filled)
        self._out.write(f"\r\x1b[K  {bar} {self._step:2}/{STEPS} {self._title} {words}")
        self._out.flush()

    def ended(self, *, ok: bool, detail: str, seconds: float) -> None:
        start = "\r\x1b[K" if self._live else ""
        mark = "✓" if ok else "✗"
        now = self._clock() - self.began
        head = f"{start}  {mark} {self._step:2}/{STEPS}  {self._title}"
        self._out.write(f"{head}  ({seconds:.1f} s, at {now:.0f} s)\n          {detail}\n")
        self._out.flush()

    def say(self, words: str) -> None:
        self._out.write(f"  {words}\n")
        self._out.flush()
