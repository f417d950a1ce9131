"""What time it is at a server, by the dates in its answers: untrusted, and only told."""

import email.utils
from datetime import UTC, datetime


def moment_of(header: str) -> float | None:
    """Read a date of HTTP (RFC 9110, 5.6.7) as UTC seconds since 1970; None for what is none."""
    try:
        moment: datetime = email.utils.parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):  # a year of twenty digits is the last
        return None


def ahead_seconds(header: str, now: float) -> float | None:
    """Return by how many seconds the server's clock is ahead of `now`, from its Date header.

    The header has whole seconds, so the half is taken off the error.
    """
    if (stamp := moment_of(header)) is None:
        return None
    return stamp + 0.5 - now
