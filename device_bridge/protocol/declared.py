"""Whose declaration holds, and what every feature's machine on a device hears alike.

Two teachers may reach one device: the higher version holds, a tie goes to the larger mandate id,
and the loser is told. Seconds are the device's boot clock, which counts suspend.
"""

from typing import Final, Literal

from msgspec import Struct

BELIEVED_MAX: Final = 2**40
"""A device that claims to hold more lies or is broken, or was told so by an app that does: it must
not use up everybody's numbers (2**53)."""


class Author(Struct, frozen=True):
    """Under which lesson and mandate something was declared; `until`: when the mandate ends.

    `key`: thumbprint of the teacher's key, by which the school may end what was declared. `who`:
    the teacher's id, the same with a new key.
    """

    lesson: str = ""
    mandate: str = ""
    teacher: str = ""
    until: float = 0.0
    key: str = ""
    who: str = ""


class Overruled(Struct, frozen=True):
    """An effect: tell the links of `lesson` that `by` holds this feature with `version`."""

    lesson: str
    version: int
    by: str


class MandateSeen(Struct, frozen=True):
    """A lesson's mandate came or was prolonged."""

    author: Author


class LessonEnded(Struct, frozen=True):
    """The lesson is over: nothing of it restricts or watches any more."""

    lesson: str


class SeatCame(Struct, frozen=True):
    """A seat process is there (again) and has shown nothing yet."""


class SeatGone(Struct, frozen=True):
    """No seat: nobody is signed in, or the pupil has killed it."""


class TimePassed(Struct, frozen=True):
    """Look at the clock."""


def judge(
    held: Author, held_version: int, told: Author, version: int, now: float
) -> Literal["newer", "renewal", "older"]:
    """Compare a declaration with the one held, at boot-clock second `now`.

    A number that no app goes above holds nobody off any longer than its mandate.
    """
    if held_version > BELIEVED_MAX and held.until <= now and told.lesson != held.lesson:
        return "newer"
    if version != held_version:
        return "newer" if version > held_version else "older"
    if told.lesson == held.lesson:
        return "renewal"
    return "newer" if told.mandate > held.mandate else "older"
