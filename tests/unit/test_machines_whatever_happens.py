"""State machines under events in any order: what must hold whatever peers and pupils do."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device_bridge.materials import ordering
from device_bridge.materials.part import Lack
from device_bridge.protocol import indicator
from device_bridge.protocol.declared import Author, LessonEnded, SeatCame, SeatGone, TimePassed
from device_bridge.protocol.hello import Hello, MandateShown, Refused
from device_bridge.protocol.link import (
    HELLO_SECONDS,
    AppSaid,
    BindLane,
    CheckPapers,
    Close,
    DeviceEnd,
    DeviceEvent,
    EndLane,
    Garbage,
    Judge,
    LaneAsked,
    LaneEvent,
    Lanes,
    LaneWent,
    LinkCame,
    LinkWent,
    Open,
    PapersBad,
    PapersGood,
    Path,
    RefuseLane,
    Strange,
    advance_device,
    advance_lanes,
)
from device_bridge.protocol.link import TimePassed as LookedAtTheClock
from device_bridge.protocol.materials import ChunkWanted, NotHeld
from device_bridge.protocol.seat import IndicatorAnswered
from tests.machines import QUICK

NAMES = st.sampled_from(["teacher-1", "teacher-2"])
TOKENS = st.sampled_from([bytes([number]) * 32 for number in range(3)])
PATHS = st.sampled_from(["/pictures", "/bulk"])
DEVICE_EVENTS = st.sampled_from(
    [
        AppSaid(Hello(1, 1, "app", "")),
        AppSaid(Hello(7, 9, "app", "")),
        AppSaid(MandateShown("", "")),
        Strange("hologram"),
        Garbage(),
        PapersGood(),
        PapersBad(Refused("hello", "not-allowed")),
        LookedAtTheClock(),
    ]
)


class AnyTalk(RuleBasedStateMachine):
    """The device's end of a link."""

    @initialize()
    def begin(self) -> None:
        self.now, self.end = 0.0, DeviceEnd(0.0)
        self.checked = self.opened = self.closed = False

    @rule(event=DEVICE_EVENTS, seconds=st.floats(0, HELLO_SECONDS))
    def happens(self, event: DeviceEvent, seconds: float) -> None:
        self.now += seconds
        self.end, effects = advance_device(self.end, event, self.now)
        for effect in effects:
            assert not self.closed, "nothing is done on a link that is over"
            match effect:
                case CheckPapers():
                    assert not self.checked, "papers are judged once"
                    self.checked = True
                case Open():
                    assert self.checked
                    self.opened = True
                case Judge():
                    assert self.opened, "nothing is obeyed before the papers hold"
                case Close():
                    self.closed = True
                case _:
                    pass

    @rule()
    def who_dawdles_is_out(self) -> None:
        self.happens(LookedAtTheClock(), HELLO_SECONDS)
        assert self.end.phase in {"up", "over"}


class AnyLanes(RuleBasedStateMachine):
    """Which lane belongs to which link."""

    @initialize()
    def begin(self) -> None:
        self.lanes, self.count = Lanes(), 0
        self.links: dict[int, tuple[str, bytes]] = {}
        self.open: dict[int, int] = {}

    def tell(self, event: LaneEvent) -> None:
        self.lanes, effects = advance_lanes(self.lanes, event, 0.0)
        for effect in effects:
            match effect:
                case BindLane(lane, link):
                    assert link in self.links
                    self.open[lane] = link
                case EndLane(lane):
                    del self.open[lane]
                case RefuseLane(lane):
                    assert lane not in self.open

    @rule(teacher=NAMES, token=TOKENS)
    def link_comes(self, teacher: str, token: bytes) -> None:
        if token in {held for _, held in self.links.values()}:
            return  # tokens are random: no two links have the same
        self.count += 1
        self.links[self.count] = (teacher, token)
        self.tell(LinkCame(self.count, teacher, token))

    @rule(choice=st.integers(0, 9))
    def link_goes(self, choice: int) -> None:
        if self.links:
            link = sorted(self.links)[choice % len(self.links)]
            self.tell(LinkWent(link))
            del self.links[link]

    @rule(path=PATHS, teacher=NAMES, token=TOKENS)
    def lane_asks(self, path: Path, teacher: str, token: bytes) -> None:
        self.count += 1
        self.tell(LaneAsked(self.count, path, teacher, token))
        assert (self.count in self.open) == ((teacher, token) in self.links.values())

    @rule(choice=st.integers(0, 9))
    def lane_goes(self, choice: int) -> None:
        if self.open:
            lane = sorted(self.open)[choice % len(self.open)]
            self.tell(LaneWent(lane))
            del self.open[lane]

    @invariant()
    def every_lane_has_its_link_and_no_link_two_of_a_path(self) -> None:
        assert set(self.open.values()) <= set(self.links)
        held = [(bound.link, path) for bound in self.lanes.links for path, _ in bound.lanes]
        assert len(held) == len(set(held)) == len(self.open)


class AnyBar(RuleBasedStateMachine):
    """The bar of a lesson: it is never said to be shown without a seat."""

    @initialize()
    def begin(self) -> None:
        self.now, self.held = 1000.0, indicator.Presence()

    def tell(self, event: indicator.Event) -> list[indicator.Effect]:
        before = self.held
        self.held, effects = indicator.advance(self.held, event, self.now)
        assert self.held.order >= before.order
        return effects

    @rule(come=st.booleans())
    def seat(self, come: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        self.tell(SeatCame() if come else SeatGone())

    @rule(back=st.integers(0, 2), reason=st.sampled_from(["", "covered"]))
    def answers(self, back: int, reason: str) -> None:
        before = self.held.shown
        self.tell(IndicatorAnswered(max(0, self.held.order - back), reason))
        if self.held.shown is not None and before is None:
            assert back == 0 or self.held.order == 0, "an answer to an older order proves nothing"
            assert reason == ""

    @rule(look=st.sampled_from(["none", "overview", "close"]))
    def look(self, look: indicator.LookShown) -> None:
        self.tell(indicator.BarChanged(indicator.Bar(look=look)))

    @rule(
        version=st.integers(1, 9),
        on=st.booleans(),
        author=st.sampled_from(
            [Author("l-1", "m-1", "Claire", 5000), Author("l-2", "m-2", "Omar", 9000)]
        ),
    )
    def declared(self, version: int, on: bool, author: Author) -> None:  # noqa: FBT001
        self.tell(indicator.LessonTold(_lesson(version, on=on), author))

    @rule(seconds=st.floats(0, 4000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        was_on = self.held.on
        effects = self.tell(TimePassed())
        assert not self.held.on or self.held.ends_at > self.now, "a lesson is a lease"
        assert was_on or not any(isinstance(each, LessonEnded) for each in effects)

    @invariant()
    def nothing_is_shown_without_a_seat(self) -> None:
        assert self.held.seat or self.held.shown is None


def _lesson(version: int, *, on: bool) -> indicator.LessonDeclared:
    return indicator.LessonDeclared(
        version=version,
        state="on" if on else "over",
        lease_seconds=600 if on else 0,
        until_seconds=3600,
        lesson="l-1",
        class_id="5B",
        class_name="5B",
        teacher_name="Claire",
        pupil="",
    )


class AnyDelivery(RuleBasedStateMachine):
    """A document's chunks: asked within the window, done when all are verified, spoilt at twice."""

    @initialize(sizes=st.lists(st.integers(1, 4 * 2**20), min_size=1, max_size=40))
    def begin(self, sizes: list[int]) -> None:
        chunks = [number.to_bytes(32, "big") for number in range(len(sizes))]
        self.lacks = tuple(Lack(chunk, size) for chunk, size in zip(chunks, sizes, strict=True))
        self.order, self.ended = ordering.Order(b"d" * 32), False
        self.verified = 0
        self.tell(ordering.Begun(self.lacks))

    def tell(self, event: ordering.Event) -> list[ordering.Effect]:
        self.order, effects = ordering.advance(self.order, event)
        for effect in effects:
            match effect:
                case ordering.Verified():
                    self.verified += 1
                case ordering.Done():
                    assert self.verified == len(self.lacks)
                    self.ended = True
                case ordering.Spoiled(chunk):
                    assert chunk in self.order.again
                    self.ended = True
                case ChunkWanted() | ordering.Refused():
                    pass
        return effects

    @rule(whole=st.booleans())
    def judged(self, whole: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        if self.order.asked and not self.ended:
            self.tell(ordering.Judged(self.order.asked[0].chunk, whole=whole))

    @rule()
    def an_echo_changes_nothing(self) -> None:
        before = self.order
        assert self.tell(ordering.Judged(b"?" * 32, whole=True)) == []
        assert self.tell(NotHeld(b"?" * 32)) == [ordering.Refused(b"?" * 32)]
        assert self.order == before

    @invariant()
    def no_more_flies_than_the_window(self) -> None:
        assert len(self.order.asked) <= ordering.WINDOW_CHUNKS
        last = max((lack.size for lack in self.order.asked), default=0)
        flying = sum(lack.size - lack.have for lack in self.order.asked)
        assert flying < ordering.WINDOW_BYTES + last


MACHINES = (AnyTalk, AnyLanes, AnyBar, AnyDelivery)
for machine in MACHINES:
    machine.TestCase.settings = QUICK
TestAnyTalk = AnyTalk.TestCase
TestAnyLanes = AnyLanes.TestCase
TestAnyBar = AnyBar.TestCase
TestAnyDelivery = AnyDelivery.TestCase
