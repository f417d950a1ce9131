"""The lock: how it is declared, and how a device keeps it.

`advance` is the device's state machine: declarations, proofs and time in, curtain orders and
reports out. It says "locked" only after the curtain's own proof of the version that holds, and it
is free at the latest when lease or mandate end, whoever is in reach.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.declared import (
    Author,
    LessonEnded,
    MandateSeen,
    Overruled,
    SeatCame,
    SeatGone,
    TimePassed,
    judge,
)
from device_bridge.protocol.fields import (
    LEASE_SECONDS_MAX,
    PROOF_SECONDS,
    LeaseSeconds,
    Name,
    Sentence,
    Version,
)
from device_bridge.protocol.hello import Report
from device_bridge.protocol.seat import CurtainAnswered, DropCurtain, RaiseCurtain

NO_SEAT: Final = "no-seat"
LEASE_ENDED: Final = "lease-ended"
LESSON_ENDED: Final = "lesson-ended"
REVOKED: Final = "revoked"
"""The school has ended whoever declared it."""


class LockDeclared(Struct, frozen=True, tag="lock-declared"):
    """Lock or free, and how long a lock may last without news.

    A lesson begins and ends with a free of no lease: it ends what its own teacher declared and
    takes nothing from another who shares the class.
    """

    version: Version
    locked: bool
    lease_seconds: LeaseSeconds
    sentence: Sentence = ""
    teacher_name: Name = ""


class Attention(Struct, frozen=True):
    """What a device holds of the lock.

    `lease_ends_at` and `author.until` are boot-clock seconds. `proved_at` is when the curtain
    last proved this version, None: not since it was asked anew. `told` is the last report, so
    that one event makes one.
    """

    version: int = 0
    locked: bool = False
    lease_ends_at: float = 0.0
    author: Author = Author()
    sentence: str = ""
    teacher_name: str = ""
    seat: bool = False
    in_reach: bool = False
    asked_at: float = 0.0
    proved_at: float | None = None
    told: Report | None = None

    @property
    def ends_at(self) -> float:
        return min(self.lease_ends_at, self.author.until)


class LockTold(Struct, frozen=True):
    """A declaration that was allowed, and by whom."""

    declared: LockDeclared
    author: Author


class ReachChanged(Struct, frozen=True):
    """Whether a teacher's app is linked: if not, the curtain counts down."""

    in_reach: bool


Event = (
    LockTold
    | CurtainAnswered
    | MandateSeen
    | LessonEnded
    | ReachChanged
    | SeatCame
    | SeatGone
    | TimePassed
)
Effect = RaiseCurtain | DropCurtain | Report | Overruled


def advance(  # noqa: C901 - one case an event
    held: Attention, event: Event, now: float
) -> tuple[Attention, list[Effect]]:
    """Take one event at boot-clock second `now`; return the next state and what to do, in order."""
    match event:
        case LockTold(declared, author):
            return _told(held, declared, author, now)
        case CurtainAnswered(version, reason) if held.locked and version == held.version:
            proved = replace(held, proved_at=None if reason else now)
            return _report(proved, "failed" if reason else "locked", reason)
        case MandateSeen(author) if author.lesson and author.lesson == held.author.lesson:
            until = max(held.author.until, author.until)
            return replace(held, author=replace(held.author, until=until)), []
        case LessonEnded(lesson) if held.locked and lesson == held.author.lesson:
            return _free(held, LESSON_ENDED)
        case ReachChanged(in_reach):
            return _asked(replace(held, in_reach=in_reach), now, changed=in_reach != held.in_reach)
        case SeatCame():
            return _seat_came(replace(held, seat=True, proved_at=None), now)
        case SeatGone():
            lost = replace(held, seat=False, proved_at=None)
            return _report(lost, "failed", NO_SEAT) if held.locked else (lost, [])
        case TimePassed():
            return _looked_at_the_clock(held, now)
        case CurtainAnswered() | MandateSeen() | LessonEnded():
            return held, []  # an echo of the past, or another lesson's


def proof(held: Attention, now: float) -> tuple[int, int]:
    """For the pulse: the proved version and its proof's age in ms; (0, 0): no proof."""
    if not held.locked or held.proved_at is None:
        return 0, 0
    return held.version, min(int(max(0.0, now - held.proved_at) * 1000), 2**31)


def _told(
    held: Attention, declared: LockDeclared, author: Author, now: float
) -> tuple[Attention, list[Effect]]:
    verdict = judge(held.author, held.version, author, declared.version, now)
    foreign = author.lesson != held.author.lesson
    if verdict == "older":
        if foreign:
            return held, [Overruled(author.lesson, held.version, held.author.teacher)]
        # An app that was killed on a full disk does not know its last word: it is told what holds.
        if held.told is None and not held.locked:
            return _report(held, "free", "")
        return held, [held.told] if held.told else []
    if held.locked and _lets_go(declared) and author.key != held.author.key:
        return held, [held.told] if held.told else []
    losers: list[Effect] = []
    if foreign and held.locked:
        losers = [Overruled(held.author.lesson, declared.version, author.teacher)]
    taken = replace(
        held,
        version=declared.version,
        locked=declared.locked,
        lease_ends_at=now + declared.lease_seconds,
        author=author,
        sentence=declared.sentence,
        teacher_name=declared.teacher_name,
        # A renewal asks for a fresh proof, but the old one of the same version still counts.
        proved_at=held.proved_at if verdict == "renewal" and held.locked else None,
        told=None,
    )
    taken, effects = _applied(taken, now)
    return taken, [*effects, *losers]


def _lets_go(declared: LockDeclared) -> bool:
    return not declared.locked and declared.lease_seconds == 0


def _applied(held: Attention, now: float) -> tuple[Attention, list[Effect]]:
    if not held.locked:
        return _free(held, "")
    if held.ends_at <= now:
        return _free(held, _why_over(held, now))
    if not held.seat:
        return _report(held, "failed", NO_SEAT)
    return _asked(held, now, changed=True)


def _looked_at_the_clock(held: Attention, now: float) -> tuple[Attention, list[Effect]]:
    if held.locked and held.ends_at <= now:
        return _free(held, _why_over(held, now))
    return _asked(held, now, changed=now - held.asked_at >= PROOF_SECONDS)


def _why_over(held: Attention, now: float) -> str:
    return LESSON_ENDED if held.author.until <= now else LEASE_ENDED


def _asked(held: Attention, now: float, *, changed: bool) -> tuple[Attention, list[Effect]]:
    """Order the curtain, and with it its proof, where a seat can hear it."""
    if not (changed and held.locked and held.seat) or held.ends_at <= now:
        return held, []
    order = RaiseCurtain(
        held.version,
        held.sentence,
        held.teacher_name,
        frees_in_seconds=int(held.ends_at - now),
        in_reach=held.in_reach,
        lesson_ends_in_seconds=min(LEASE_SECONDS_MAX, int(held.author.until - now)),
    )
    return replace(held, asked_at=now), [order]


def _free(held: Attention, why: str) -> tuple[Attention, list[Effect]]:
    freed = replace(held, locked=False, proved_at=None)
    freed, reports = _report(freed, "free", why)
    return freed, [DropCurtain(held.version), *reports]


def _seat_came(held: Attention, now: float) -> tuple[Attention, list[Effect]]:
    if held.locked:
        return _asked(held, now, changed=True)
    # A curtain that outlived its guard must not outlive the lock.
    return held, [DropCurtain(held.version)]


def _report(
    held: Attention, state: Literal["locked", "free", "failed"], reason: str
) -> tuple[Attention, list[Effect]]:
    """Say it once: the same words again would only wake the wall."""
    report = Report("attention", held.version, state, reason)
    if report == held.told:
        return held, []
    return replace(held, told=report), [report]
