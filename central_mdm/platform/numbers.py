"""Numbers that only rise: a copy of the database gives none twice, with something else in it.

They go by the clock, which has gone on since the copy was made. Where the clock is behind them
they go by chance: counted on one by one, they would come to the same as before.
"""

import secrets
from typing import Final

from sqlalchemy import ColumnElement, case

STRETCH: Final = 1024


def number_after(last: int, now: int) -> int:
    """Return the number that follows `last` at `now`, UTC seconds."""
    return now if now > last else last + 1 + secrets.randbelow(STRETCH)


def numbers_after(last: ColumnElement[int], now: int) -> ColumnElement[int]:
    """Return the same of a column, to be written into its rows."""
    return case((last < now, now), else_=last + 1 + secrets.randbelow(STRETCH))
