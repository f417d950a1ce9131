"""The indicator's state machine: a lesson is "on" only when the pupil can see it."""

import msgspec

from device_bridge.protocol.attention import LEASE_ENDED, LESSON_ENDED, NO_SEAT
from device_bridge.protocol.declared import (
    Author,
    LessonEnded,
    Overruled,
    SeatCame,
    SeatGone,
    TimePassed,
)
from device_bridge.protocol.hello import Report
from device_bridge.protocol.indicator import (
    Bar,
    BarChanged,
    Effect,
    Event,
    LessonTold,
    Presence,
    advance,
)
from device_bridge.protocol.presence import Choice, LessonDeclared
from device_bridge.protocol.seat import IndicatorAnswered, ShowIndicator
from tests.dialogue import Dialogue

CLAIRE = Author("lesson-1", "mandate-1", "Claire", until=5000)
OMAR = Author("lesson-2", "mandate-2", "Omar", until=9000)


def lesson(version: int, author: Author = CLAIRE, *, over: bool = False) -> LessonTold:
    state = "over" if over else "on"
    told = LessonDeclared(version, 600, state, author.lesson, "5b", "5B", author.teacher)
    return LessonTold(told, author)


def bar(order: int, until: int, look: str = "none") -> ShowIndicator:
    assert look in {"none", "overview", "close"}
    return ShowIndicator(
        order,
        on=True,
        teacher_name="Claire",
        class_name="5B",
        until_seconds=until,
        look=look,  # pyright: ignore[reportArgumentType] - asserted above
    )


def seated() -> Dialogue[Presence, Event, Effect]:
    return Dialogue(advance, Presence(seat=True))


def test_the_lesson_is_on_when_the_bar_is_mapped_and_over_when_it_is_gone() -> None:
    say = seated()
    assert say(lesson(3), at=1) == [bar(1000, 3600)]
    assert say.state.shown is None
    assert say(IndicatorAnswered(1000), at=1.1) == [Report("presence", 3, "on")]
    assert say.state.shown == "none"
    assert say(lesson(4, over=True), at=9) == [
        LessonEnded("lesson-1"),
        ShowIndicator(9000, on=False),
    ]
    assert say.state.shown is None
    assert say(IndicatorAnswered(9000), at=9.1) == [Report("presence", 4, "over")]


def test_a_bar_that_is_told_anew_does_not_ask_anew_who_sits_there() -> None:
    """Each order has a number of its own; only the lesson's says that the teacher answered."""
    say = seated()

    def asked(version: int, at: float) -> tuple[int, int]:
        choices = (Choice("p1", "Lina"),)
        told = lesson(version)
        offering = msgspec.structs.replace(told.declared, choices=choices)
        (order,) = say(LessonTold(offering, told.author), at=at)
        assert isinstance(order, ShowIndicator)
        return order.version, order.asked

    assert asked(3, at=1) == (1000, 3)
    (looked,) = say(BarChanged(Bar(look="overview")), at=2)
    assert isinstance(looked, ShowIndicator)
    assert (looked.version, looked.asked) == (2000, 3)
    assert asked(4, at=3) == (3000, 4), "a no: the same names, and a newer version"


def test_a_look_is_shown_only_when_the_bar_has_said_so() -> None:
    say = seated()
    say(lesson(3), at=1)
    say(IndicatorAnswered(1000), at=1.1)
    assert say(BarChanged(Bar("close")), at=2) == [bar(2000, 3599, "close")]
    assert say.state.shown == "none"
    assert say(IndicatorAnswered(1000), at=2.1) == []
    assert say(IndicatorAnswered(2000), at=2.2) == []
    assert say.state.shown == "close"


def test_a_bar_that_fails_or_falls_silent_is_shown_no_more() -> None:
    say = seated()
    say(lesson(3), at=1)
    say(IndicatorAnswered(1000), at=1.1)
    assert say(TimePassed(), at=4) == [bar(4000, 3597)]
    assert say(IndicatorAnswered(4000, "covered"), at=4.1) == [
        Report("presence", 3, "failed", "covered")
    ]
    assert say.state.shown is None
    say(TimePassed(), at=7)
    assert say(IndicatorAnswered(7000), at=7.1) == [Report("presence", 3, "on")]
    say(TimePassed(), at=17)
    assert say.state.shown == "none"
    say(TimePassed(), at=17.2)
    assert say.state.shown is None


def test_without_a_seat_the_lesson_is_failed_until_one_comes() -> None:
    say = Dialogue(advance, Presence())
    assert say(lesson(3), at=1) == [Report("presence", 3, "failed", NO_SEAT)]
    assert say(SeatCame(), at=2) == [bar(2000, 3599)]
    assert say(IndicatorAnswered(2000), at=2.1) == [Report("presence", 3, "on")]
    assert say(SeatGone(), at=3) == [Report("presence", 3, "failed", NO_SEAT)]


def test_a_lesson_that_nobody_renews_ends_and_a_mandate_ends_it_too() -> None:
    say = Dialogue(advance, Presence())
    say(lesson(3), at=1)
    assert say(TimePassed(), at=601) == [
        LessonEnded("lesson-1"),
        Report("presence", 3, "over", LEASE_ENDED),
    ]
    say(lesson(5), at=4900)
    assert say(TimePassed(), at=5000) == [
        LessonEnded("lesson-1"),
        Report("presence", 5, "over", LESSON_ENDED),
    ]


def test_a_second_teacher_with_a_newer_version_ends_the_first_ones_lesson() -> None:
    say = Dialogue(advance, Presence())
    say(lesson(3), at=1)
    assert say(lesson(4, OMAR), at=2) == [
        LessonEnded("lesson-1"),
        Overruled("lesson-1", 4, "Omar"),
        Report("presence", 4, "failed", NO_SEAT),
    ]
    assert say(lesson(3), at=3) == [Overruled("lesson-1", 4, "Omar")]
    assert say(lesson(3, over=True), at=4) == [Overruled("lesson-1", 4, "Omar")]


def test_a_lesson_outnumbered_by_one_that_is_over_is_told_so_and_not_that_another_holds() -> None:
    say = Dialogue(advance, Presence())
    assert say(lesson(9, OMAR), at=100) == [Report("presence", 9, "failed", NO_SEAT)]
    assert say(lesson(4), at=101) == [Overruled("lesson-1", 9, "Omar")]
    over = Report("presence", 10, "over")
    assert say(lesson(10, OMAR, over=True), at=102) == [LessonEnded("lesson-2"), over]
    assert say(lesson(4), at=103) == [over]
    assert say(lesson(11), at=104) == [Report("presence", 11, "failed", NO_SEAT)]
