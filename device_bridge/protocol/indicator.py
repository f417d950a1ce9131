"""How a device keeps its pupil told of the lesson: the state machine of `presence`.

Orders to the bar go out, its answers come in. `shown` is what the bar is proved to say now; no
picture may leave the device that the bar does not tell of. Apart from `presence.py`, which the
seat's messages are made of.

A teacher may share the class: then another's lesson of it stands beside, the bar names both, and
the first of those beside leads on when the one that led ends. Any other lesson takes their place.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.attention import LEASE_ENDED, LESSON_ENDED, NO_SEAT, REVOKED
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
from device_bridge.protocol.fields import NAME_MAX, PROOF_OLD_SECONDS, PROOF_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import IndicatorAnswered, ShowIndicator

LookShown = Literal["none", "overview", "close"]
_LEASE_SECONDS_MAX: Final = 4 * 3600
BESIDE_MAX: Final = 3
"""A bar has room for so many names beside the first."""
AWAY_MAX: Final = 8


class Bar(Struct, frozen=True):
    """What the bar says besides the lesson. `hand_place` 0: hand down.

    `close_until`, `private_until`: boot-clock seconds, 0 when it is not so. `private_left`: the
    seconds that the pupil may still take. `stills` counts the pictures kept of this screen in the
    lesson, and until `still_until` the bar says that the newest is. `drives`: who has keyboard and
    pointer. `showing`, `whose`: as in `ShowIndicator`.
    """

    look: LookShown = "none"
    hand_place: int = 0
    received: int = 0
    received_folder: str = ""
    hand_in_folder: str = ""
    close_until: float = 0.0
    private_left: int = 0
    private_until: float = 0.0
    stills: int = 0
    still_until: float = 0.0
    drives: str = ""
    showing: Literal["", "here", "source"] = ""
    whose: str = ""


class Beside(Struct, frozen=True):
    """Another teacher's lesson of the same class that is on as well; moments as in `Presence`.

    `named`: the first order to the bar that names this teacher.
    """

    declared: LessonDeclared
    author: Author
    lease_ends_at: float
    until_at: float
    told: Report | None = None
    named: int = 0

    @property
    def ends_at(self) -> float:
        return min(self.lease_ends_at, self.author.until)


class Presence(Struct, frozen=True):
    """What a device holds of its lesson. Moments are boot-clock seconds.

    `home` is the lesson that came first of those that share the device: its name stands for what
    they have in common, folders and the pupil's private time, also when it has ended.

    `order` numbers what the bar is told, apart from the declaration's version: the look changes
    within one version; `proved` is the newest order that the bar was seen to follow. `shown` is
    None while no bar is proved.

    `away` are lessons that had to go though their version is above the one that holds, each with
    its version: told again it takes nobody's place while that goes on, only a higher one does.
    """

    version: int = 0
    declared: LessonDeclared | None = None
    on: bool = False
    lease_ends_at: float = 0.0
    until_at: float = 0.0
    author: Author = Author()
    bar: Bar = Bar()
    seat: bool = False
    order: int = 0
    ordered_at: float = 0.0
    shown: LookShown | None = None
    proved_at: float = 0.0
    proved: int = 0
    why_over: str = ""
    told: Report | None = None
    home: str = ""
    beside: tuple[Beside, ...] = ()
    away: tuple[tuple[str, int], ...] = ()

    @property
    def ends_at(self) -> float:
        return min(self.lease_ends_at, self.author.until)

    @property
    def authors(self) -> tuple[Author, ...]:
        """Whose lessons these are, the one that leads first."""
        return (self.author, *[one.author for one in self.beside])

    @property
    def names(self) -> tuple[str, ...]:
        """Whose lessons are on, as the bar says it."""
        return tuple(author.teacher for author in self.authors) if self.on else ()

    @property
    def lessons(self) -> tuple[str, ...]:
        """All lessons that are on."""
        return tuple([author.lesson for author in self.authors]) if self.on else ()

    @property
    def told_of(self) -> tuple[str, ...]:
        """The lessons whose teachers the bar is proved to name now."""
        if not self.on or self.shown is None:
            return ()
        beside = (one.author.lesson for one in self.beside if one.named <= self.proved)
        return (self.author.lesson, *beside)

    @property
    def newest(self) -> int:
        """The highest version that holds of any of them: what an app has to outnumber."""
        return max(self.version, *(one.declared.version for one in self.beside), 0)


class Aside(Struct, frozen=True):
    """An effect: a report for the apps of one lesson only, of what `author` declared."""

    author: Author
    report: Report


class LessonTold(Struct, frozen=True):
    """A declaration that was allowed, and by whom."""

    declared: LessonDeclared
    author: Author


class BarChanged(Struct, frozen=True):
    """Another feature has something new for the bar."""

    bar: Bar


Event = (
    LessonTold
    | LessonEnded
    | IndicatorAnswered
    | BarChanged
    | MandateSeen
    | SeatCame
    | SeatGone
    | TimePassed
)
Effect = ShowIndicator | Report | Aside | Overruled | LessonEnded


def advance(  # noqa: C901 - one case an event
    held: Presence, event: Event, now: float
) -> tuple[Presence, list[Effect]]:
    """Take one event at boot-clock second `now`; return the next state and what to do, in order."""
    match event:
        case LessonTold(declared, author):
            return _told(held, declared, author, now)
        case LessonEnded(lesson) if held.on and lesson == held.author.lesson:
            return _over(held, REVOKED, now)
        case LessonEnded(lesson) if lesson in held.lessons:
            return _leave(held, lesson, REVOKED, now)
        case IndicatorAnswered(version, reason) if version == held.order and held.seat:
            return _answered(held, reason, now)
        case BarChanged(bar) if bar != held.bar:
            return _ordered(replace(held, bar=bar), now) if held.on else (_with(held, bar), [])
        case MandateSeen(author) if author.lesson:
            beside = tuple(
                replace(one, author=_prolonged(one.author, author)) for one in held.beside
            )
            return replace(held, author=_prolonged(held.author, author), beside=beside), []
        case SeatCame():
            return _ordered(replace(held, seat=True, shown=None), now)
        case SeatGone():
            lost = replace(held, seat=False, shown=None)
            return _report(lost, "failed", NO_SEAT) if held.on else _report_over(lost)
        case TimePassed():
            return _looked_at_the_clock(held, now)
        case LessonEnded() | IndicatorAnswered() | BarChanged() | MandateSeen():
            return held, []  # an echo of the past, or nothing new


def _with(held: Presence, bar: Bar) -> Presence:
    return replace(held, bar=bar)


def _prolonged(held: Author, seen: Author) -> Author:
    if held.lesson != seen.lesson:
        return held
    return replace(held, until=max(held.until, seen.until))


def _told(
    held: Presence, declared: LessonDeclared, author: Author, now: float
) -> tuple[Presence, list[Effect]]:
    if _comes_back(held, declared, author):
        held = _led_again(held, declared, author)
    elif _shares(held, declared, author):
        return _told_beside(held, declared, author, now)
    foreign = author.lesson != held.author.lesson
    older = judge(held.author, held.version, author, declared.version, now) == "older"
    if older or (held.on and (author.lesson, declared.version) in held.away):
        if foreign and not held.on:
            # What outnumbers it is over: the app numbers anew above that and has the device.
            return _report_over(replace(held, told=None))
        loser = Overruled(author.lesson, held.version, held.author.teacher)
        return held, [loser] if foreign else []
    stays = _same_class(held, declared) and _may_stay(held, declared, foreign=foreign)
    stay = tuple(one for one in held.beside if stays and one.author.key != author.key)
    gone = [one for one in held.beside if one not in stay]
    away = held.away if held.on and not foreign else ()
    away = (*away, *((one.author.lesson, one.declared.version) for one in gone))[-AWAY_MAX:]
    before = _sent_away(held, gone, declared, author)
    # A bar that names another teacher proves nothing of this one.
    named = held.on and held.author.teacher == author.teacher
    taken = replace(
        held,
        version=declared.version,
        declared=declared,
        on=declared.state == "on",
        lease_ends_at=now + declared.lease_seconds,
        until_at=now + declared.until_seconds,
        author=author,
        shown=held.shown if named else None,
        why_over="",
        told=None,
        home=held.home if held.home and (stay or not foreign) else author.lesson,
        beside=stay,
        away=away,
    )
    if not taken.on:
        taken, effects = _over(taken, "", now)
    elif taken.ends_at <= now:
        taken, effects = _over(taken, _why_over(taken, now), now)
    else:
        taken, effects = _ordered(taken, now)
    return taken, [*before, *effects]


def _shares(held: Presence, declared: LessonDeclared, author: Author) -> bool:
    """Whether it stands beside the lesson that leads: that is of the same class and shared.

    One's own new lesson is no guest; one that ends takes nobody's place, whatever its class.
    """
    if not held.on or held.declared is None or author.lesson == held.author.lesson:
        return False
    if author.lesson in {*held.lessons, held.home} or declared.state == "over":
        return True
    shared = held.declared.shared and author.key != held.author.key
    return shared and _same_class(held, declared)


def _sent_away(
    held: Presence, gone: Sequence[Beside], declared: LessonDeclared, author: Author
) -> list[Effect]:
    """End the lessons whose place is taken: who led, if that is another, and those beside."""
    effects: list[Effect] = []
    for one in (held.author, *(each.author for each in gone)) if held.on else ():
        if one.lesson != author.lesson:
            loser = Overruled(one.lesson, declared.version, author.teacher)
            effects += [LessonEnded(one.lesson), loser]
    return effects


def _may_stay(held: Presence, declared: LessonDeclared, *, foreign: bool) -> bool:
    """Whether those beside stay: until who shares takes that back, or the class changes hands.

    A guest who leads on, when the one who shared is gone, has nothing to take back.
    """
    if declared.shared or declared.state == "over":
        return True
    return not foreign and held.declared is not None and not held.declared.shared


def _comes_back(held: Presence, declared: LessonDeclared, author: Author) -> bool:
    """Whether it is the lesson that shared, which was gone for a while, led on by a guest."""
    first = held.on and author.lesson == held.home != held.author.lesson
    colleague = author.key != held.author.key and declared.state == "on"
    return first and colleague and _same_class(held, declared)


def _led_again(held: Presence, declared: LessonDeclared, author: Author) -> Presence:
    """Let the lesson that shared lead again, and who led on stand beside."""
    if held.declared is None:
        return held
    led = Beside(held.declared, held.author, held.lease_ends_at, held.until_at, held.told)
    rest = tuple(one for one in held.beside if one.author.lesson != author.lesson)
    # The bar does not name this teacher yet.
    return replace(
        held,
        version=0,
        declared=replace(declared, shared=True),
        author=author,
        shown=None,
        told=None,
        beside=(led, *rest),
    )


def _same_class(held: Presence, declared: LessonDeclared) -> bool:
    return held.declared is not None and held.declared.class_id == declared.class_id


def _told_beside(
    held: Presence, declared: LessonDeclared, author: Author, now: float
) -> tuple[Presence, list[Effect]]:
    mine = next((one for one in held.beside if one.author.lesson == author.lesson), None)
    if mine is not None and declared.version < mine.declared.version:
        return held, []  # an echo of the past
    lease_ends_at = now + declared.lease_seconds
    told = mine.told if mine is not None and mine.declared.version == declared.version else None
    named = mine.named if mine is not None else held.order + 1
    one = Beside(declared, author, lease_ends_at, now + declared.until_seconds, told, named)
    if declared.state == "over" or one.ends_at <= now:
        if mine is None and declared.version < held.version:
            return held, [Overruled(author.lesson, held.version, held.author.teacher)]
        if mine is None:
            return held, [Aside(author, Report("presence", declared.version, "over"))]
        held = replace(held, beside=_placed(held.beside, one))
        return _leave(held, author.lesson, "", now)
    effects: list[Effect] = []
    if mine is None:
        # A teacher who begins anew, at another computer say, is still one.
        for old in [each.author for each in held.beside if each.author.key == author.key]:
            held, left = _leave(held, old.lesson, "", now)
            effects += left
        if len(held.beside) >= BESIDE_MAX:
            return held, [*effects, Overruled(author.lesson, held.version, held.author.teacher)]
    held, shown = _ordered(replace(held, beside=_placed(held.beside, one)), now)
    return held, [*effects, *shown]


def _placed(beside: tuple[Beside, ...], one: Beside) -> tuple[Beside, ...]:
    """Put `one` in the place of its earlier self, or last."""
    if all(each.author.lesson != one.author.lesson for each in beside):
        return (*beside, one)
    return tuple(one if each.author.lesson == one.author.lesson else each for each in beside)


def _leave(held: Presence, lesson: str, why: str, now: float) -> tuple[Presence, list[Effect]]:
    """End a lesson that stands beside the one that leads."""
    gone = [one for one in held.beside if one.author.lesson == lesson]
    rest = tuple(one for one in held.beside if one.author.lesson != lesson)
    held, effects = _ordered(replace(held, beside=rest), now)
    for one in gone:
        report = Report("presence", one.declared.version, "over", why)
        effects = [LessonEnded(lesson), Aside(one.author, report), *effects]
    return held, effects


def _lead_on(held: Presence, why: str, now: float) -> tuple[Presence, list[Effect]]:
    """End the lesson that leads; the next one beside it takes its place on the same bar."""
    over = Aside(held.author, Report("presence", held.version, "over", why))
    first, *rest = held.beside
    led = replace(
        held,
        version=first.declared.version,
        declared=first.declared,
        on=True,
        lease_ends_at=first.lease_ends_at,
        until_at=first.until_at,
        author=first.author,
        beside=tuple(rest),
        told=first.told,
    )
    led, effects = _ordered(led, now)
    return led, [LessonEnded(held.author.lesson), over, *effects]


def _answered(held: Presence, reason: str, now: float) -> tuple[Presence, list[Effect]]:
    if reason:
        return _report(replace(held, shown=None), "failed", reason)
    if not held.on:
        return _report_over(replace(held, shown=None))
    shown = replace(held, shown=held.bar.look, proved_at=now, proved=held.order)
    return _report(shown, "on", "")


def _looked_at_the_clock(held: Presence, now: float) -> tuple[Presence, list[Effect]]:
    ended: list[Effect] = []
    for one in held.beside:
        if one.ends_at <= now:
            held, effects = _leave(held, one.author.lesson, _why_over(one, now), now)
            ended += effects
    if held.on and held.ends_at <= now:
        held, effects = _over(held, _why_over(held, now), now)
        ended += effects
    if ended:
        return held, ended
    if held.shown is not None and now - held.proved_at > PROOF_OLD_SECONDS:
        held = replace(held, shown=None)
    if held.on and held.seat and now - held.ordered_at >= PROOF_SECONDS:
        return _ordered(held, now)
    return held, []


def _why_over(held: Presence | Beside, now: float) -> str:
    return LESSON_ENDED if held.author.until <= now else LEASE_ENDED


def _over(held: Presence, why: str, now: float) -> tuple[Presence, list[Effect]]:
    """End the lesson; "over" is reported when the bar is proved gone, or where there is none."""
    if held.beside:
        return _lead_on(held, why, now)
    ended = replace(
        held, on=False, why_over=why, shown=None, bar=replace(held.bar, look="none", drives="")
    )
    ended, effects = _ordered(ended, now)
    if not ended.seat:
        ended, effects = _report_over(ended)
    return ended, [LessonEnded(held.author.lesson), *effects]


def _ordered(held: Presence, now: float) -> tuple[Presence, list[Effect]]:
    """Tell the bar how it should look, and ask by that whether it does."""
    if not held.seat:
        return _report(held, "failed", NO_SEAT) if held.on else (held, [])
    # A seat may outlive its guard: numbers must rise over the guard's lives as well.
    ordered = replace(held, order=max(held.order + 1, int(now * 1000)), ordered_at=now)
    return ordered, [_order(ordered, now)]


def _order(held: Presence, now: float) -> ShowIndicator:
    if not held.on or held.declared is None:
        return ShowIndicator(held.order, on=False)
    choices = () if held.declared.pupil else held.declared.choices
    return ShowIndicator(
        held.order,
        on=True,
        teacher_name=held.declared.teacher_name,
        class_name=held.declared.class_name,
        until_seconds=_left(max(held.until_at, *(one.until_at for one in held.beside), 0), now),
        pupil_name=held.declared.pupil_name,
        look=held.bar.look,
        hand_place=held.bar.hand_place,
        received=held.bar.received,
        choices=choices,
        hand_in_folder=held.bar.hand_in_folder,
        received_folder=held.bar.received_folder,
        close_seconds=_left(held.bar.close_until, now) if held.bar.look == "close" else 0,
        private="on" if held.bar.private_until else "offered" if held.bar.private_left else "",
        private_seconds=_left(held.bar.private_until, now),
        stills=held.bar.stills,
        still_now=held.bar.still_until > now,
        also=tuple(one.declared.teacher_name for one in held.beside),
        drives=held.bar.drives,
        showing=held.bar.showing,
        whose=held.bar.whose[:NAME_MAX],
        asked=held.version if choices else 0,
    )


def _left(until: float, now: float) -> int:
    return int(min(max(0.0, until - now), _LEASE_SECONDS_MAX))


def _report_over(held: Presence) -> tuple[Presence, list[Effect]]:
    if held.declared is None:
        return held, []
    return _report(held, "over", held.why_over)


def _report(
    held: Presence, state: Literal["on", "over", "failed"], reason: str
) -> tuple[Presence, list[Effect]]:
    """Say it once: the same words again would only wake the wall."""
    report = Report("presence", held.version, state, reason)
    effects: list[Effect] = [] if report == held.told else [report]
    beside: list[Beside] = []
    for one in held.beside:
        theirs = replace(report, version=one.declared.version)
        if theirs != one.told:
            effects.append(Aside(one.author, theirs))
        beside.append(replace(one, told=theirs))
    return replace(held, told=report, beside=tuple(beside)), effects
