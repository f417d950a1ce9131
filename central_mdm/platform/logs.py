"""The log as lines of JSON, for machines: what happened and where, and nobody's name."""

import logging
from traceback import extract_tb
from typing import Final

from msgspec import json

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One object a record: `at` (UTC seconds), `level`, `logger`, `message`, and its `extra`.

    Of an exception it tells the kind and the way it came, not its words: a database's repeat what
    it was given.
    """

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: str(it) for name, it in vars(record).items() if name not in _OWN}
        if record.exc_info and record.exc_info[0]:
            told["error"] = record.exc_info[0].__name__
            frames = extract_tb(record.exc_info[2])
            told["way"] = [f"{each.filename}:{each.lineno} {each.name}" for each in frames]
        return json.encode(told).decode()
