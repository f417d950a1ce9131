"""One line an event on standard error: when, how bad, who, what, then the facts as key=value."""

import logging
import sys
from typing import Final

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
