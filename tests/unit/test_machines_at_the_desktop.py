"""Remote control and a show under events in any order: what whoever sits there can count on."""

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from central_mdm.contract.grants import Verb
from device_bridge.agent.guard.driving import AFTER_TAKE_BACK_SECONDS
from device_bridge.agent.guard.guard import Guard
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.control import (
    NOT_DRIVING,
    ControlAnswered,
    ControlDeclared,
    ControlInput,
    ControlOrdered,
    KeyPressed,
)
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import ToSeat, encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import (
    HideScreen,
    IndicatorAnswered,
    Look,
    PupilActed,
    ScreenShown,
    SeatUp,
    ShowIndicator,
    ShowScreen,
)
from device_bridge.protocol.showing import LOST_SECONDS, ShowingDeclared, StillShowing
from device_bridge.protocol.watching import WatchingDeclared
from tests.guards import VERBS, FakeLink, FakeSeat, Hands, guard_in, link_to
from tests.machines import QUICK
from tests.unit.test_honest_looks import Looked
from tests.unit.test_sharing import Colleague

LESSONS: Final = ("lesson-1", "lesson-2")
LESSON = st.sampled_from(LESSONS)
VERSION = st.integers(1, 8)


def colleague(lesson: str) -> Colleague:
    number = lesson[-1]
    name = {"1": "Claire", "2": "Omar"}[number]
    return Colleague(name, lesson, f"mandate-{number}", 1e7, key=number)


def on(link: FakeLink, version: int, *, over: bool = False, shared: bool = True) -> LessonDeclared:
    state: Literal["on", "over"] = "over" if over else "on"
    lease, name = (0 if over else 600), link.teacher_name
    return LessonDeclared(
        version, lease, state, link.lesson, "5b", "5B", name, pupil="p", shared=shared
    )


@dataclass
class Driven(FakeSeat):
    """`bar`: what stands on the screen, None while nothing is proved. `pressed`: by whom, newest.

    `order`: the newest of remote control.
    """

    bar: ShowIndicator | None = None
    order: ControlOrdered = field(default_factory=lambda: ControlOrdered(0, on=False))
    pressed: list[str] = field(default_factory=list[str])

    def tell(self, message: ToSeat) -> None:
        match message:
            case ShowIndicator() if self.obeys:
                self.bar = None if self.indicator_reason else message
            case ControlOrdered():
                if message.on and message.version != self.order.version:
                    assert message.version > self.order.version, "a seat takes no older order"
                self.order = message
            case ControlInput():
                assert self.order.on, "nobody drives"
                assert message.version == self.order.version
                assert self.bar is not None, "no bar, no key"
                self.pressed.append(self.bar.drives)
            case _:
                pass
        super().tell(message)


class AnyHands(RuleBasedStateMachine):
    """Two teachers of a class drive, look, lock; bar, pupil, links and clock go on in any order."""

    @initialize(shared=st.booleans())
    def begin(self, shared: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        self.place = tempfile.TemporaryDirectory(prefix="pupitre-hands-")
        self.room = Looked(Path(self.place.name))
        self.guard, self.shared = self.room.guard, shared
        self.guard.lost(self.room.link)
        self.links = {lesson: link_to(self.guard, colleague(lesson)) for lesson in LESSONS}
        self.seat = Driven(self.guard)
        self.leases: dict[str, float] = {}
        self.taken_back_at = -1e9
        self.seat_comes()

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.place.cleanup()

    @property
    def now(self) -> float:
        return self.room.hands.boot_seconds

    @rule()
    def seat_comes(self) -> None:
        if self.guard.voice.tell_seat:
            self.guard.detach()
        self.seat.bar, self.seat.order = None, ControlOrdered(0, on=False)
        self.guard.attach(self.seat.tell)
        self.guard.seat_said(SeatUp("lina", ()))

    @rule(lesson=LESSON, version=VERSION, over=st.booleans())
    def lesson(self, lesson: str, version: int, over: bool) -> None:  # noqa: FBT001
        link = self.links[lesson]
        if link in self.guard.voice.links:
            self.guard.told(link, on(link, version, over=over, shared=self.shared))

    @rule(lesson=LESSON, version=VERSION, look=st.sampled_from(["none", "overview", "close"]))
    def looks(self, lesson: str, version: int, look: str) -> None:
        if self.links[lesson] in self.guard.voice.links:
            asked = WatchingDeclared(version, 300, look, 1920, 1080, 5.0)  # pyright: ignore[reportArgumentType]
            self.guard.told(self.links[lesson], asked)
            self.picture()

    @rule()
    def picture(self) -> None:
        looks = [one for one in self.seat.told if isinstance(one, Look)]
        if looks and self.guard.voice.tell_seat:
            version = looks[-1].version
            patches = covering(b"x", 320, 180)
            self.guard.seat_said(Frame(1, version, 320, 180, 1920, 1080, patches))

    @rule(lesson=LESSON, version=VERSION, wanted=st.booleans(), lease=st.sampled_from([5, 30]))
    def asks(self, lesson: str, version: int, wanted: bool, lease: int) -> None:  # noqa: FBT001
        link = self.links[lesson]
        if link in self.guard.voice.links:
            self.leases[link.teacher_name] = self.now + lease
            self.guard.told(link, ControlDeclared(version, lease, wanted))

    @rule(lesson=LESSON)
    def insists(self, lesson: str) -> None:
        """Do all that it takes to drive, and a moment later press a key."""
        held, link = self.guard, self.links[lesson]
        if link not in held.voice.links:
            return
        held.told(link, on(link, held.presence.held.newest + 1, shared=self.shared))
        self.looks(lesson, 8, "close")
        used = dict(held.control.held.used).get(lesson, 0)
        self.asks(lesson, used + 1, wanted=True, lease=30)
        self.seat_begins("on", back=0)
        self.types(lesson, used + 1)

    @rule(
        state=st.sampled_from(["on", "off", "taken-back", "failed"]),
        back=st.integers(0, 1),
    )
    def seat_begins(self, state: str, back: int) -> None:
        version = self.seat.order.version - back
        if not self.guard.voice.tell_seat or not version:
            return
        drove = self.guard.control.held.driver
        answer = ControlAnswered(version, state)  # pyright: ignore[reportArgumentType]
        self.guard.seat_said(answer)
        if state == "taken-back" and drove and drove.order == version:
            self.taken_back_at = self.now

    @rule()
    def takes_back(self) -> None:
        if self.guard.control.held.driver and self.guard.control.held.driver.order:
            self.taken_back_at = self.now
        self.guard.seat_said(PupilActed("take-back"))

    @rule(lesson=LESSON, version=VERSION)
    def types(self, lesson: str, version: int) -> None:
        link = self.links[lesson]
        if link not in self.guard.voice.links:
            return
        before = len(self.seat.pressed)
        self.guard.told(link, ControlInput(version, (KeyPressed("a", down=True),)))
        if len(self.seat.pressed) == before:
            return
        bar, name = self.seat.bar, link.teacher_name
        assert self.seat.pressed[-1] == name, "the bar names another"
        assert bar is not None
        assert bar.look == "close", "the bar does not say that they look closely"
        assert bar.private != "on"
        assert not self.guard.attention.held.locked
        assert "control" in link.verbs
        assert lesson in self.guard.presence.lessons
        assert self.now < self.leases[name]
        assert self.now - self.taken_back_at >= AFTER_TAKE_BACK_SECONDS

    @rule(lesson=LESSON, version=VERSION, locked=st.booleans())
    def locks(self, lesson: str, version: int, locked: bool) -> None:  # noqa: FBT001
        if self.links[lesson] in self.guard.voice.links:
            lock = LockDeclared(version, locked=locked, lease_seconds=60)
            self.guard.told(self.links[lesson], lock)

    @rule(lesson=LESSON, verb=st.booleans())
    def papers(self, lesson: str, verb: bool) -> None:  # noqa: FBT001
        """Show a mandate with or without the verb."""
        without: tuple[Verb, ...] = tuple(one for one in VERBS if one != "control")
        self.links[lesson].verbs = VERBS if verb else without

    @rule(lesson=LESSON, comes=st.booleans())
    def link_ends(self, lesson: str, comes: bool) -> None:  # noqa: FBT001
        self.guard.lost(self.links[lesson])
        if comes:
            self.links[lesson] = link_to(self.guard, colleague(lesson))

    @rule(kind=st.sampled_from(["private-on", "private-off"]))
    def presses(self, kind: str) -> None:
        self.guard.seat_said(PupilActed(kind))  # pyright: ignore[reportArgumentType]

    @rule(covered=st.booleans(), obeys=st.booleans())
    def bar(self, covered: bool, obeys: bool) -> None:  # noqa: FBT001
        """Let the bar be covered, or be slow to answer, from now on."""
        self.seat.indicator_reason = "another window covers it" if covered else ""
        self.seat.obeys = obeys
        orders = [one for one in self.seat.told if isinstance(one, ShowIndicator)]
        if obeys and orders and self.guard.voice.tell_seat:
            self.seat.bar = None if covered else orders[-1]
            reason = self.seat.indicator_reason
            self.guard.seat_said(IndicatorAnswered(orders[-1].version, reason))

    @rule(seconds=st.sampled_from([0.1, 3.0, 5.0, 10.0, 30.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.room.later(seconds)

    @invariant()
    def whoever_drives_is_told_so_and_the_seat_obeys_nobody_else(self) -> None:
        driver = self.guard.control.held.driver
        if driver is None or not driver.order:
            assert not self.seat.order.on or self.guard.voice.tell_seat is None
        else:
            assert self.seat.order.version == driver.order
            assert self.guard.presence.held.bar.drives == driver.teacher

    @invariant()
    def what_is_reported_as_over_is_over(self) -> None:
        driver = self.guard.control.held.driver
        for link in self.links.values():
            for told in link.heard(Report):
                if told.feature != "control" or told.state == "on" or driver is None:
                    continue
                if told.reason == NOT_DRIVING and not driver.on:
                    continue  # a key that came before the bar has said so
                assert (driver.lesson, driver.version) != (link.lesson, told.version)


class Lane:
    """A `/showing` lane in the machine's hand; `heard_at`: when the device last took a message."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.into: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard_at = -1e9
        self.task: asyncio.Task[None] | None = None

    async def receive(self) -> bytes:
        raw = await self.into.get()
        self.heard_at = self._hands.boot_seconds
        return raw

    async def send(self, raw: bytes) -> None: ...

    async def close(self) -> None: ...


@dataclass
class Screen(FakeSeat):
    """`visible`: what covers the desktop, None: nothing does. `waiting`: a frame not shown yet."""

    order: int = 0
    waiting: Frame | None = None
    visible: Frame | None = None
    answered_at: float = -1e9

    def tell(self, message: ToSeat) -> None:
        match message:
            case ShowScreen(version):
                assert version > self.order, "a seat may outlive its guard"
                self.order, self.waiting, self.visible = version, None, None
            case HideScreen():
                self.waiting = self.visible = None
            case Frame():
                assert self.waiting is None, "one at a time"
                self.waiting = message
            case _:
                pass
        super().tell(message)


class AnyShow(RuleBasedStateMachine):
    """Two teachers show on one device; lanes, seat, pupil, links and clock go on in any order."""

    @initialize(shared=st.booleans())
    def begin(self, shared: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        self.place = tempfile.TemporaryDirectory(prefix="pupitre-show-")
        self.runner, self.hands, self.shared = asyncio.Runner(), Hands(), shared
        self.loop = self.runner.get_loop()
        self.guard: Guard = guard_in(Path(self.place.name), self.hands)
        self.links = {lesson: link_to(self.guard, colleague(lesson)) for lesson in LESSONS}
        self.lanes: dict[str, Lane] = {}
        self.seat = Screen(self.guard)
        self.numbers, self.declared_at, self.left = 0, -1e9, False
        for lesson in LESSONS:
            self.lane(lesson)
            self.lesson(lesson, 1, over=False)
        self.seat_comes()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            for lane in self.lanes.values():
                self.end(lane)
            self.settle()
            self.runner.close()
            self.place.cleanup()

    def settle(self) -> None:
        """Let the lanes work off what has come."""

        async def turns() -> None:
            for _ in range(6):
                await asyncio.sleep(0)

        self.runner.run(turns())

    def end(self, lane: Lane) -> None:
        if lane.task:
            lane.task.cancel()

    @rule(lesson=LESSON)
    def lane(self, lesson: str) -> None:
        """Open one anew; the older one ends."""
        if lesson in self.lanes:
            self.end(self.lanes[lesson])
        made, link = Lane(self.hands), self.links[lesson]

        async def carry() -> None:
            with suppress(Malformed):
                await self.guard.shows(link, made)

        if link in self.guard.voice.links:
            made.task = self.loop.create_task(carry())
        self.lanes[lesson] = made
        self.settle()

    @rule(lesson=LESSON, comes=st.booleans())
    def link_ends(self, lesson: str, comes: bool) -> None:  # noqa: FBT001
        self.end(self.lanes[lesson])
        self.guard.lost(self.links[lesson])
        if comes:
            self.links[lesson] = link_to(self.guard, colleague(lesson))
            self.lane(lesson)
        self.settle()

    @rule(lesson=LESSON, version=VERSION, over=st.booleans())
    def lesson(self, lesson: str, version: int, over: bool) -> None:  # noqa: FBT001
        link = self.links[lesson]
        if link in self.guard.voice.links:
            self.guard.told(link, on(link, version, over=over, shared=self.shared))
        self.settle()

    @rule(
        lesson=LESSON,
        version=VERSION,
        wanted=st.sampled_from([True, True, False]),
        mode=st.sampled_from(["full", "window", "source"]),
        lease=st.sampled_from([4, 600]),
    )
    def declares(self, lesson: str, version: int, wanted: bool, mode: str, lease: int) -> None:  # noqa: FBT001 - hypothesis hands it in
        link = self.links[lesson]
        if link in self.guard.voice.links:
            self.declared_at = self.now
            told = ShowingDeclared(version, lease, wanted, stream=version)
            self.guard.told(link, replace(told, mode=mode))
            self.settle()

    @property
    def now(self) -> float:
        return self.hands.boot_seconds

    @rule(lesson=LESSON, stream=VERSION, whole=st.booleans())
    def frame(self, lesson: str, stream: int, whole: bool) -> None:  # noqa: FBT001
        self.numbers += 1
        base = 0 if whole else self.numbers - 1
        made = Frame(self.numbers, stream, 64, 48, 64, 48, covering(b"x", 64, 48), base)
        self.lanes[lesson].into.put_nowait(encode(made))
        self.settle()

    @rule(lesson=LESSON)
    def still(self, lesson: str) -> None:
        self.lanes[lesson].into.put_nowait(encode(StillShowing()))
        self.settle()

    @rule(lesson=LESSON, version=VERSION, mode=st.sampled_from(["full", "window"]))
    def shows(self, lesson: str, version: int, mode: str) -> None:
        """Do all that it takes to show a picture."""
        newest = self.guard.presence.held.newest
        self.lesson(lesson, newest + 1, over=False)
        self.declares(lesson, version, wanted=True, mode=mode, lease=600)
        self.frame(lesson, version, whole=True)
        self.seat_shows("", late=False)

    @rule(reason=st.sampled_from(["", "", "again"]), late=st.booleans())
    def seat_shows(self, reason: str, late: bool) -> None:  # noqa: FBT001
        waiting = self.seat.waiting
        if waiting is None or not self.guard.voice.tell_seat:
            return
        if not late:
            self.seat.waiting = None
            self.seat.visible = self.seat.visible if reason else waiting
            self.seat.answered_at = self.now
        order = self.seat.order - late
        self.guard.seat_said(ScreenShown(order, waiting.number, reason))
        self.settle()

    @rule()
    def pupil_leaves(self) -> None:
        self.guard.seat_said(PupilActed("show-left"))
        self.settle()

    @rule()
    def seat_comes(self) -> None:
        if self.guard.voice.tell_seat:
            self.guard.detach()
            self.settle()
        self.seat.waiting = self.seat.visible = None
        self.guard.attach(self.seat.tell)
        self.guard.seat_said(SeatUp("lina", ()))
        self.settle()

    @rule(lesson=LESSON)
    def school_ends_it(self, lesson: str) -> None:
        self.guard.revoked(self.links[lesson])
        self.settle()

    @rule(seconds=st.sampled_from([0.5, 3.0, 5.5, 61.0, 601.0]))
    def time_passes(self, seconds: float) -> None:
        self.hands.boot_seconds += seconds
        self.guard.tick()
        self.settle()

    @invariant()
    def what_covers_the_desktop_has_a_link_a_lesson_and_is_new(self) -> None:
        self.seat_is_told_no_more_than_the_bar()
        if self.seat.visible is None:
            return
        held = self.guard.showing._held  # pyright: ignore[reportPrivateUsage]
        assert held is not None, "nobody shows"
        assert held.declared.on
        assert held.declared.mode != "source"
        assert held.link in self.guard.voice.links
        assert held.author.lesson in self.guard.presence.lessons
        assert held.lease_ends_at > self.now
        assert self.seat.visible.version == held.declared.stream, "of an older stream"
        heard_at = max(
            self.lanes[held.author.lesson].heard_at, self.seat.answered_at, self.declared_at
        )
        assert self.now - heard_at <= LOST_SECONDS

    def seat_is_told_no_more_than_the_bar(self) -> None:
        if self.seat.waiting or self.seat.visible:
            bars = [one for one in self.seat.told if isinstance(one, ShowIndicator)]
            assert bars[-1].showing == "here"


MACHINES = (AnyHands, AnyShow)
for machine in MACHINES:
    machine.TestCase.settings = settings(QUICK, max_examples=12, stateful_step_count=25)
TestAnyHands = AnyHands.TestCase
TestAnyShow = AnyShow.TestCase
