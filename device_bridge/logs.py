"""One line an event: when, how bad, who, what, then the facts as key=value.

On standard error, and in a file a day, of which the oldest go.
"""

import io
import logging
import os
import sys
import time
from contextlib import suppress
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import Final

LOGS: Final = "logs"
FILES_KEPT: Final = 30
DAY_BYTES_MAX: Final = 1024 * 1024
"""What a day has more than that is on standard error only: a fault in a loop fills no disk."""
_DAY_SECONDS: Final = 86_400

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        facts = " ".join(f"{k}={v!r}" for k, v in vars(record).items() if k not in _OWN)
        return f"{super().formatMessage(record)} {facts}".rstrip()


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log everything of `level` and above; libraries only when they warn."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(Line())
    logging.basicConfig(level=logging.WARNING, handlers=[out], force=True)
    for ours in ("classroom_app", "device_bridge"):
        logging.getLogger(ours).setLevel(level)


def log_to_files(home: Path, name: str) -> None:
    """Log as well to `logs/NAME.log` of `home`, a file a day; where that cannot be, go on without.

    What is older than a clean-up allows goes there and not here: a program may be away for weeks.
    """
    with suppress(OSError):
        for folder in (home, home / LOGS):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = DayFile(home / LOGS / f"{name}.log")
    handler.setFormatter(Line())
    logging.getLogger().addHandler(handler)


class DayFile(TimedRotatingFileHandler):
    """Begun at midnight UTC, mode 0600, at most `DAY_BYTES_MAX` and a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, when="midnight", utc=True, backupCount=FILES_KEPT, encoding="utf-8", delay=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        now = int(time.time())
        if self.rolloverAt - now > _DAY_SECONDS:  # begun by a clock that was ahead
            self.rolloverAt = self.computeRollover(now)
        with suppress(OSError):
            if self._has_room() or self.shouldRollover(record):
                super().emit(record)

    def _has_room(self) -> bool:
        return Path(self.baseFilename).stat().st_size < DAY_BYTES_MAX if self.stream else True

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(io.FileIO(descriptor, "a"), "utf-8", write_through=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: a full disk or a folder that went is told elsewhere."""
