"""Pairing's machines, talked to: what each end says, when, and how often it may be guessed at."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device_bridge.protocol import pairing
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.pairing import (
    TRIES_OF_ALL,
    TRIES_OF_ONE,
    Admitted,
    Agree,
    Agreed,
    Ask,
    Began,
    Bound,
    Decided,
    Declined,
    Done,
    Heard,
    Keep,
    Kept,
    PairAnswered,
    PairAsked,
    PairConfirmed,
    PairGiven,
    PairOffered,
    PairRequested,
    PairSealed,
    PairTurned,
    Proved,
    Run,
    Say,
    Spend,
    Stop,
    Window,
    advance,
    code_from,
    code_of,
    is_code,
    looked_at,
    proved,
    spend,
)
from device_bridge.session.pairing import Guess
from device_bridge.trust.identity import new_key, thumbprint
from device_bridge.trust.pairing import Pake, Secret
from tests.dialogue import Dialogue
from tests.machines import QUICK

ID = bytes(16)
BOUND = Bound("a" * 64, "d" * 64)
REQUEST = PairRequested("csr", "Lina's", "linux")
GIVEN = PairGiven("school-1", "Collège", "d-1", "cert", "root", "", "jws")
KEY = b"k" * 32


def app(bound: Bound = BOUND) -> "Dialogue[Run, pairing.Event, pairing.Effect]":
    return Dialogue(advance, Run("app", bound, b"A"))


def device(bound: Bound = BOUND) -> "Dialogue[Run, pairing.Event, pairing.Effect]":
    return Dialogue(advance, Run("device", bound, b"B", request=REQUEST))


def agreed(key_app: bytes = KEY, key_device: bytes = KEY, bound: Bound = BOUND):
    """Bring both ends to the app's confirmation; return them with it."""
    teacher, pupil = app(), device(bound)
    assert pupil(Began(ID), at=0) == [Say(PairOffered(ID))]
    assert teacher(Heard(PairOffered(ID)), at=0) == [Spend()]
    assert teacher(Admitted(), at=0) == [Say(PairAsked(b"A"))]
    assert pupil(Heard(PairAsked(b"A")), at=0) == [Spend()]
    assert pupil(Admitted(), at=0) == [Say(PairAnswered(b"B")), Agree(b"A")]
    assert teacher(Heard(PairAnswered(b"B")), at=0) == [Agree(b"B")]
    assert pupil(Agreed(key_device), at=0) == []  # the device never confirms first
    [said] = teacher(Agreed(key_app), at=0)
    assert isinstance(said, Say)
    assert isinstance(said.message, PairConfirmed)
    return teacher, pupil, said.message


def test_two_ends_with_one_key_pair_and_both_know_it() -> None:
    teacher, pupil, confirmed = agreed()
    proof, back, request = pupil(Heard(confirmed), at=1)
    assert proof == Proved()
    assert isinstance(back, Say)
    assert isinstance(request, Say)
    assert teacher(Heard(back.message), at=1) == [Proved()]
    assert teacher(Heard(request.message), at=1) == [Ask(REQUEST)]
    [given_] = teacher(Decided(GIVEN), at=60)
    assert isinstance(given_, Say)
    assert pupil(Heard(given_.message), at=60) == [Keep(GIVEN)]
    kept, done = pupil(Kept(), at=61)
    assert isinstance(kept, Say)
    assert done == Done()
    assert teacher(Heard(kept.message), at=61) == [Done()]
    assert teacher(Heard(kept.message), at=62) == []


@pytest.mark.parametrize(
    ("key", "bound"),
    [
        (b"x" * 32, BOUND),  # another code
        (KEY, Bound("a" * 64, "e" * 64)),  # somebody in between shows the app another key
        (KEY, Bound("f" * 64, "d" * 64)),  # and the device another one
    ],
)
def test_another_code_or_another_tls_key_is_refused_before_the_device_confirms(
    key: bytes, bound: Bound
) -> None:
    teacher, pupil, confirmed = agreed(KEY, key, bound)
    said = pupil(Heard(confirmed), at=1)
    assert said == [Say(PairTurned("wrong-code")), Stop("wrong-code")]
    assert teacher(Heard(PairTurned("wrong-code")), at=1) == [Stop("wrong-code")]


def test_the_apps_own_confirmation_sent_back_proves_nothing() -> None:
    teacher, _, confirmed = agreed()
    told = teacher(Heard(confirmed), at=1)
    assert told == [Say(PairTurned("wrong-code")), Stop("wrong-code")]


def test_what_is_not_sealed_by_the_other_end_ends_the_run() -> None:
    teacher, pupil, confirmed = agreed()
    _, back, request = pupil(Heard(confirmed), at=1)
    assert isinstance(back, Say)
    assert isinstance(request, Say)
    assert isinstance(request.message, PairSealed)
    teacher(Heard(back.message), at=1)
    for spoilt in (
        msgspec.structs.replace(request.message, body=request.message.body + b"\x00"),
        pairing.sealed(teacher.state, REQUEST),  # our own words, reflected
    ):
        again = Dialogue(advance, teacher.state)
        assert again(Heard(spoilt), at=1) == [Stop("broken")]


def test_a_no_is_told_and_ends_the_run() -> None:
    teacher, pupil, confirmed = agreed()
    _, back, request = pupil(Heard(confirmed), at=1)
    assert isinstance(back, Say)
    assert isinstance(request, Say)
    teacher(Heard(back.message), at=1)
    teacher(Heard(request.message), at=1)
    assert teacher(Declined("refused"), at=9) == [Say(PairTurned("refused")), Stop("refused")]
    assert pupil(Heard(PairTurned("refused")), at=9) == [Stop("refused")]


def test_nothing_is_given_or_asked_for_out_of_turn() -> None:
    for end in (app(), device()):
        for message in (PairConfirmed(bytes(32)), PairSealed(b"", bytes(32))):
            fresh = Dialogue(advance, end.state)
            assert fresh(Heard(message), at=0) == [Stop("broken")]
        assert end(Decided(GIVEN), at=0) == []
        assert end(Kept(), at=0) == []
        assert end(Agreed(KEY), at=0) == []


def test_three_tries_of_one_and_twenty_of_all_close_the_window() -> None:
    window = Window(ends_at=300)
    outcomes: list[str | None] = []
    for guess in range(100):
        window, why = spend(window, f"10.0.0.{guess % 10}", 1.0)
        outcomes.append(why)
    assert outcomes.count(None) == TRIES_OF_ALL
    assert set(outcomes[TRIES_OF_ALL:]) == {"too-many"}
    assert looked_at(window, 1.0).over == "too-many"
    one = Window(ends_at=300)
    for _ in range(TRIES_OF_ONE):
        one, why = spend(one, "10.0.0.1", 1.0)
        assert why is None
    assert spend(one, "10.0.0.1", 1.0)[1] == "too-many"
    assert spend(one, "10.0.0.2", 1.0)[1] is None


def test_a_window_ends_in_time() -> None:
    assert spend(Window(ends_at=300), "x", 299.9)[1] is None
    assert spend(Window(ends_at=300), "x", 300)[1] == "closed"


def test_who_holds_the_code_spends_no_try() -> None:
    window = Window(ends_at=300)
    for at in range(40):
        window, why = spend(window, f"device-{at}", 1.0)
        assert why is None
        window = proved(window, f"device-{at}")
    assert window.total == 0


@settings(deadline=None)
@given(st.binary(min_size=6, max_size=6))
def test_a_code_is_read_as_people_write_it(chance: bytes) -> None:
    code = code_from(chance)
    assert is_code(code)
    spoken = f" {code[:3].lower()}-{code[3:]} ".replace("0", "o").replace("1", "l")
    assert code_of(spoken) == code


def test_a_pake_agrees_over_one_code_and_over_no_other() -> None:
    ends = Pake("app", b"K7M2QX", BOUND), Pake("device", b"K7M2QX", BOUND)
    other = Pake("device", b"K7M2QY", BOUND)
    key = ends[0].agree(ends[1].share)
    assert key == ends[1].agree(ends[0].share)
    assert key != other.agree(ends[0].share)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=64))
def test_a_share_that_is_none_is_malformed(share: bytes) -> None:
    with pytest.raises(Malformed):
        Pake("device", b"K7M2QX", BOUND).agree(share)


def test_a_secret_survives_being_written_down() -> None:
    secret = Secret(bytes(range(16)), thumbprint(new_key().public_key()))
    text = secret.text()
    assert text == text.upper()
    assert Secret.read(f" {text[:40].lower()}\n{text[40:]} ") == secret
    for bad in ("", "PUPITRE:PAIR:", text[:-5], text + ":A", "PUPITRE:PAIR:1:8"):
        with pytest.raises(Malformed):
            Secret.read(bad)


class Guessing(RuleBasedStateMachine):
    """Many hands at one window: no order of events buys a try too many."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(ends_at=300)
        self.now = 0.0
        self.wrong: dict[str, int] = {}
        self.open: list[str] = []

    @rule(who=st.sampled_from([f"10.0.0.{one}" for one in range(12)]))
    def guess(self, who: str) -> None:
        before = self.window
        self.window, why = spend(self.window, who, self.now)
        if why is None:
            assert self.now < before.ends_at
            self.open.append(who)

    @precondition(lambda self: self.open)
    @rule(right=st.booleans(), pick=st.integers(0, 100))
    def end(self, *, right: bool, pick: int) -> None:
        who = self.open.pop(pick % len(self.open))
        if right:
            self.window = proved(self.window, who)
        else:
            self.wrong[who] = self.wrong.get(who, 0) + 1

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.window = looked_at(self.window, self.now)

    @invariant()
    def no_try_too_many(self) -> None:
        assert sum(self.wrong.values()) + len(self.open) <= TRIES_OF_ALL
        assert all(count <= TRIES_OF_ONE for count in self.wrong.values())
        assert self.window.total == sum(self.wrong.values()) + len(self.open)


class Talking(RuleBasedStateMachine):
    """Any messages in any order: an end that gives or keeps has had its proof first."""

    def __init__(self) -> None:
        super().__init__()
        self.run_ = Run("device", BOUND, b"B", request=REQUEST)
        self.proven = False
        self.spent = False

    @rule(
        event=st.sampled_from(
            [
                Began(ID),
                Admitted(),
                Agreed(KEY),
                Kept(),
                Decided(GIVEN),
                Declined("closed"),
                Heard(PairAsked(b"A")),
                Heard(PairConfirmed(bytes(32))),
                Heard(PairSealed(b"\x80", bytes(32))),
                Heard(PairTurned("refused")),
                Heard(PairOffered(ID)),
            ]
        )
    )
    def told(self, event: pairing.Event) -> None:
        self._advance(event)

    @precondition(lambda self: self.run_.step == "confirm")
    @rule()
    def confirm(self) -> None:
        self._advance(Heard(PairConfirmed(self.run_.keys.confirms["app"])))

    @precondition(lambda self: self.run_.step == "proven")
    @rule()
    def give(self) -> None:
        teacher = msgspec.structs.replace(self.run_, end="app")
        self._advance(Heard(pairing.sealed(teacher, GIVEN)))

    def _advance(self, event: pairing.Event) -> None:
        self.run_, effects = advance(self.run_, event, 0.0)
        for effect in effects:
            match effect:
                case Spend():
                    self.spent = True
                case Proved():
                    assert self.spent
                    self.proven = True
                case Agree():
                    assert self.spent
                case Keep() | Done():
                    assert self.proven
                case Say(PairSealed()) | Say(PairConfirmed()):
                    assert self.proven
                case _:
                    pass


Guessing.TestCase.settings = Talking.TestCase.settings = QUICK
TestGuessing = Guessing.TestCase
TestTalking = Talking.TestCase


def test_a_window_that_was_guessed_at_too_often_says_so_after_it_is_closed_as_well() -> None:
    guess = Guess(300, lambda: 0.0)
    for number in range(TRIES_OF_ALL):
        guess.spend(str(number))
    guess.close()
    assert guess.over() == "too-many"
    in_time = Guess(300, lambda: 0.0)
    in_time.close()
    assert in_time.over() == "closed"
