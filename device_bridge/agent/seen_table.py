"""Who looked, as a table in the pupil's language; for the window and for the command line."""

import time
from collections.abc import Sequence
from typing import Final

from device_bridge.agent.seat.words import Words
from device_bridge.protocol.asking import Seen
from device_bridge.protocol.plain import plain

COLUMNS: Final = ("from", "to", "who", "what", "lesson")


def table(rows: Sequence[Seen], words: Words) -> list[list[str]]:
    """Say it as cells, the headings first, in the device's own time."""
    head = [words(f"seen-{one}") for one in COLUMNS]
    return [head, *(_cells(one, words) for one in rows)]


def _cells(one: Seen, words: Words) -> list[str]:
    who = words("seen-erased") if one.who is None else plain(one.who, 64)
    what = words(one.what) if one.what.startswith("seen-") else ""
    return [_moment(one.at), _moment(one.until), who, what, plain(one.class_name, 64)]


def _moment(at: int) -> str:
    """Say a moment in the device's own time; "" where it is not known."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else ""
    except (OverflowError, ValueError, OSError):  # a clock beyond what a calendar holds
        return ""
