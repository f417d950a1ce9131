"""A program that dies around a commit, a rename or an fsync of its own, by its own `kill -9`."""

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from sqlcipher3 import dbapi2


class Fuse:
    """Each commit, rename and fsync is two points: just before it, and just after."""

    def __init__(self, points: int) -> None:
        self._points = points

    def passes(self) -> None:
        self._points -= 1
        if not self._points:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def passing(*what: Any, **how: Any) -> Any:  # noqa: ANN401 - as the real one's
            self.passes()
            answer = real(*what, **how)
            self.passes()
            return answer

        return passing


def light(points: int) -> None:
    """Have this process die at its so many-th point from now; a program lights one at most."""
    fuse = Fuse(points)

    class Driver(dbapi2.Connection):
        def execute(self, sql: str, *args: Any) -> Any:  # noqa: ANN401 # pyright: ignore[reportIncompatibleMethodOverride] - ours are by position
            run = super().execute
            return (fuse.around(run) if sql == "COMMIT" else run)(sql, *args)

    def connect(*where: Any, **how: Any) -> Any:  # noqa: ANN401 - the driver's own
        return _OPEN(*where, factory=Driver, **how)

    dbapi2.connect = connect
    os.replace = fuse.around(os.replace)
    os.fsync = fuse.around(os.fsync)


_OPEN: Final[Any] = dbapi2.connect
