"""How long things hold: the teacher's right offline, and identities that come to their end."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from classroom_app.presenters.words import day, say, weekday

DAY_SECONDS: Final = 24 * 3600
STEPS: Final = (7, 30, 60)
"""Days ahead of an identity's end at which it is told, and then more urgently."""


class Lasting(Struct, frozen=True):
    """All ends in UTC seconds; 0: there is none. `reached`: the school's server answers now.

    `devices`: of those identities that this app knows.
    """

    reached: bool = True
    grant_ends_at: int = 0
    identity_ends_at: float = 0.0
    devices: Sequence[float] = ()


def lines(told: Lasting, now: float) -> list[str]:
    """Return calm sentences, the most pressing first; none where all holds for long."""
    found: list[str] = []
    if told.grant_ends_at and told.grant_ends_at <= now:
        ended = weekday(told.grant_ends_at)
        found.append(say("Your right to teach ended on {day}. Go online once.", day=ended))
    elif told.grant_ends_at and not told.reached:
        found.append(say("Works offline until {day}.", day=weekday(told.grant_ends_at)))
    if told.identity_ends_at and told.identity_ends_at - now <= STEPS[-1] * DAY_SECONDS:
        ends = day(int(told.identity_ends_at))
        found.append(say("Your identity ends on {day}: go online once before.", day=ends))
    near = [ends for ends in told.devices if ends - now <= STEPS[-1] * DAY_SECONDS]
    if near:
        left = (min(near) - now) / DAY_SECONDS
        days = next(step for step in STEPS if left <= step)
        count = sum(ends - now <= days * DAY_SECONDS for ends in near)
        found.append(
            say("{n} identities of devices end in {days} days: go online once.", count, days=days)
        )
    return found
