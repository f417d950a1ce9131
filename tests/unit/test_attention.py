"""The lock's state machine: what holds, what is reported, and when it ends."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from device_bridge.protocol.attention import (
    LEASE_ENDED,
    LESSON_ENDED,
    NO_SEAT,
    Attention,
    Effect,
    Event,
    LockDeclared,
    LockTold,
    ReachChanged,
    advance,
    proof,
)
from device_bridge.protocol.declared import (
    Author,
    LessonEnded,
    MandateSeen,
    Overruled,
    SeatCame,
    SeatGone,
    TimePassed,
)
from device_bridge.protocol.hello import Report
from device_bridge.protocol.seat import CurtainAnswered, DropCurtain, RaiseCurtain
from tests.dialogue import Dialogue
from tests.machines import QUICK

CLAIRE = Author("lesson-1", "mandate-1", "Claire", until=5000)
OMAR = Author("lesson-2", "mandate-2", "Omar", until=9000)


def lock(version: int, author: Author = CLAIRE, lease: int = 600) -> LockTold:
    return LockTold(LockDeclared(version, locked=True, lease_seconds=lease), author)


def free(version: int, author: Author = CLAIRE) -> LockTold:
    return LockTold(LockDeclared(version, locked=False, lease_seconds=0), author)


def report(version: int, state: str, reason: str = "") -> Report:
    match state:
        case "locked" | "free" | "failed":
            return Report("attention", version, state, reason)
        case _:
            raise AssertionError(state)


def seated() -> Dialogue[Attention, Event, Effect]:
    return Dialogue(advance, Attention(seat=True, in_reach=True))


def order(version: int, frees_in: int, at: int, *, in_reach: bool = True) -> RaiseCurtain:
    """Return the order at second `at` of a lock by Claire, whose mandate ends at 5000."""
    ends = 5000 - at
    return RaiseCurtain(
        version, frees_in_seconds=frees_in, in_reach=in_reach, lesson_ends_in_seconds=ends
    )


def test_a_lock_is_reported_when_proved_and_ends_with_its_lease() -> None:
    say = seated()
    assert say(lock(7), at=100) == [order(7, 600, 100)]
    assert say(CurtainAnswered(7), at=101) == [report(7, "locked")]
    assert say(lock(7), at=400) == [order(7, 600, 400)]
    assert say(CurtainAnswered(7), at=400.1) == [report(7, "locked")]
    assert say(lock(6), at=401) == [report(7, "locked")]
    assert say(TimePassed(), at=401) == []
    assert say(TimePassed(), at=1000) == [DropCurtain(7), report(7, "free", LEASE_ENDED)]
    assert say(TimePassed(), at=1003) == []


def test_the_curtain_is_asked_every_three_seconds_and_a_repeated_proof_is_not_reported() -> None:
    say = seated()
    say(lock(7), at=100)
    say(CurtainAnswered(7), at=100.1)
    assert say(TimePassed(), at=102.9) == []
    assert say(TimePassed(), at=103) == [order(7, 597, 103)]
    assert say(CurtainAnswered(7), at=103.1) == []
    assert proof(say.state, 105.1) == (7, 2000)


def test_a_curtain_that_fails_says_why_and_the_next_proof_that_holds_is_reported() -> None:
    say = seated()
    say(lock(7), at=100)
    why = "another window holds the keyboard"
    assert say(CurtainAnswered(7, why), at=101) == [report(7, "failed", why)]
    assert proof(say.state, 101) == (0, 0)
    assert say(TimePassed(), at=103) == [order(7, 597, 103)]
    assert say(CurtainAnswered(7), at=103.1) == [report(7, "locked")]


def test_a_freed_device_drops_the_curtain_and_a_late_proof_counts_for_nothing() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(free(8), at=101) == [DropCurtain(8), report(8, "free")]
    assert say(CurtainAnswered(7), at=101.1) == []
    assert proof(say.state, 101.1) == (0, 0)


def test_an_app_that_declares_an_older_lock_hears_what_holds() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(lock(6), at=100.1) == [], "its curtain has not answered yet"
    say(free(8), at=101)
    before = say.state
    assert say(lock(7), at=102) == [report(8, "free")]
    assert say.state == before
    restarted = Dialogue(advance, replace(before, told=None))
    assert restarted(lock(7), at=103) == [report(8, "free")]


def test_when_the_mandate_ends_the_device_frees_itself() -> None:
    say = seated()
    say(lock(7, lease=4 * 3600), at=100)
    assert say(TimePassed(), at=4999) != [DropCurtain(7)]
    assert say(TimePassed(), at=5000) == [DropCurtain(7), report(7, "free", LESSON_ENDED)]


def test_a_prolonged_mandate_keeps_the_lock_to_the_end_of_its_lease() -> None:
    say = seated()
    say(lock(7), at=4900)
    assert say(MandateSeen(Author("lesson-1", "mandate-9", "Claire", 8000)), at=4950) == []
    assert DropCurtain(7) not in say(TimePassed(), at=5001)
    assert DropCurtain(7) in say(TimePassed(), at=5500)


def test_the_end_of_the_lesson_frees_what_that_lesson_locked() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(LessonEnded("lesson-2"), at=101) == []
    assert say(LessonEnded("lesson-1"), at=102) == [
        DropCurtain(7),
        report(7, "free", LESSON_ENDED),
    ]


def test_without_a_seat_the_lock_is_failed_and_a_seat_that_comes_is_covered_at_once() -> None:
    say = Dialogue(advance, Attention(in_reach=True))
    assert say(lock(7), at=100) == [report(7, "failed", NO_SEAT)]
    assert say(SeatCame(), at=110) == [order(7, 590, 110)]
    assert say(CurtainAnswered(7), at=110.1) == [report(7, "locked")]
    assert say(SeatGone(), at=111) == [report(7, "failed", NO_SEAT)]
    assert proof(say.state, 111) == (0, 0)
    assert say(SeatCame(), at=112) == [order(7, 588, 112)]
    assert say(CurtainAnswered(7), at=112.1) == [report(7, "locked")]


def test_a_seat_that_comes_back_to_a_free_device_is_uncovered() -> None:
    say = Dialogue(advance, Attention(version=7))
    assert say(SeatCame(), at=1) == [DropCurtain(7)]


def test_out_of_reach_the_curtain_counts_down() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(ReachChanged(in_reach=False), at=200) == [order(7, 500, 200, in_reach=False)]
    assert say(ReachChanged(in_reach=False), at=201) == []


def test_of_two_teachers_the_higher_version_holds_and_the_loser_is_told_by_name() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(free(8, OMAR), at=101) == [
        DropCurtain(8),
        report(8, "free"),
        Overruled("lesson-1", 8, "Omar"),
    ]
    assert say(lock(7), at=102) == [Overruled("lesson-1", 8, "Omar")]


def test_a_tie_goes_to_the_larger_mandate() -> None:
    say = seated()
    say(lock(7), at=100)
    assert say(free(7, OMAR), at=101) == [
        DropCurtain(7),
        report(7, "free"),
        Overruled("lesson-1", 7, "Omar"),
    ]
    assert say(lock(7), at=102) == [Overruled("lesson-1", 7, "Omar")]


AUTHORS = st.sampled_from([CLAIRE, OMAR])


class AnyLesson(RuleBasedStateMachine):
    """Two teachers, a seat that comes and goes, and time: what must hold whatever happens."""

    @initialize(seat=st.booleans())
    def begin(self, seat: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        self.now = 1000.0
        self.say = Dialogue(advance, Attention(seat=seat))
        self.covered = False  # as a seat would be
        self.highest = 0

    def tell(self, event: Event) -> None:
        before = self.say.state
        for effect in self.say(event, at=self.now):
            match effect:
                case RaiseCurtain():
                    assert self.say.state.locked
                    assert effect.frees_in_seconds <= self.say.state.ends_at - self.now
                    self.covered = True
                case DropCurtain():
                    self.covered = False
                case Report(state="locked", version=version):
                    # Proved just now; or told again to an app that says what is older.
                    again = isinstance(event, LockTold) and before.told == effect
                    assert again or event == CurtainAnswered(version)
                    assert version == self.say.state.version
                case Report() | Overruled():
                    pass
        assert self.say.state.version >= before.version
        assert self.say.state.version == self.highest

    @rule(
        version=st.integers(0, 9),
        author=AUTHORS,
        locked=st.booleans(),
        lease=st.integers(0, 900),
    )
    def declare(self, version: int, author: Author, locked: bool, lease: int) -> None:  # noqa: FBT001
        if author.until <= self.now:
            return  # `allow` refuses it before it comes here
        before, after = self.say.state, max(self.highest, version)
        self.highest = after
        self.tell(LockTold(LockDeclared(version, locked, lease), author))
        if version < before.version:
            assert replace(self.say.state, told=None) == replace(before, told=None)

    @rule(version=st.integers(0, 9), reason=st.sampled_from(["", "not mapped"]))
    def answer(self, version: int, reason: str) -> None:
        self.tell(CurtainAnswered(version, reason))

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 60.0, 599.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tell(TimePassed())

    @rule(event=st.sampled_from([SeatCame(), SeatGone(), ReachChanged(True), ReachChanged(False)]))  # noqa: FBT003
    def change(self, event: Event) -> None:
        if isinstance(event, SeatGone):
            self.covered = False
        self.tell(event)

    @rule(author=AUTHORS)
    def end(self, author: Author) -> None:
        self.tell(LessonEnded(author.lesson))
        assert not self.say.state.locked or self.say.state.author.lesson != author.lesson

    @invariant()
    def never_locked_past_lease_or_mandate(self) -> None:
        held = self.say.state
        if held.locked:
            assert self.now < held.lease_ends_at
            assert self.now < held.author.until

    @invariant()
    def the_curtain_is_up_only_while_locked_and_wherever_a_seat_can_show_it(self) -> None:
        held = self.say.state
        assert self.covered == (held.locked and held.seat)

    @invariant()
    def a_proof_is_never_older_than_its_lock(self) -> None:
        version, _ = proof(self.say.state, self.now)
        assert version in {0, self.say.state.version}


AnyLesson.TestCase.settings = QUICK
TestAnyLesson = AnyLesson.TestCase
