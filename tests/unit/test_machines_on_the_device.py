"""The device's features under events in any order: what its pupil can count on."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from central_mdm.contract.grants import DENY_TYPE, DenyList, Mandate
from device_bridge.agent.guard import kept, papers
from device_bridge.agent.guard.commands import Commands
from device_bridge.agent.guard.looking import OVERVIEW_HEIGHT, OVERVIEW_WIDTH
from device_bridge.agent.guard.papers import Paper, Papers
from device_bridge.agent.guard.stills import PAUSE_SECONDS, STILLS_MAX
from device_bridge.protocol.declared import Author
from device_bridge.protocol.hello import Answer
from device_bridge.protocol.materials import Document, MaterialsDeclared
from device_bridge.protocol.messages import ToSeat
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import (
    IndicatorAnswered,
    Look,
    PupilActed,
    SeatUp,
    ShowIndicator,
)
from device_bridge.protocol.watching import StillAsked, WatchingDeclared
from device_bridge.trust.floor import (
    AHEAD_SECONDS,
    FLOOR_HIGHEST,
    FLOOR_LOWEST,
    Floor,
)
from device_bridge.trust.grants import sign
from device_bridge.trust.identity import new_key, thumbprint
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import DenyLists
from device_bridge.trust.succession import Line, succeed
from tests.guards import FakeLink, FakeSeat, guard_in, lesson_on, link_to
from tests.machines import QUICK
from tests.school import NOW, SmallSchool
from tests.unit.test_honest_looks import CLOSE, PRIVATE, Looked

_RANK: Final = {"none": 0, "overview": 1, "close": 2}
SECONDS = st.sampled_from([0.5, 3.0, 9.0, 10.0, 61.0, 250.0, 301.0, 401.0, 601.0])


@dataclass
class Pupil(FakeSeat):
    """Sees what a pupil sees: `bar` is what stands on the screen, None while nothing is proved."""

    bar: ShowIndicator | None = None
    looks: dict[int, Look] = field(default_factory=dict[int, Look])

    def tell(self, message: ToSeat) -> None:
        if isinstance(message, Look):
            self.looks[message.version] = message
        if isinstance(message, ShowIndicator) and self.obeys:
            self.bar = None if self.indicator_reason else message
        super().tell(message)


class AnyScreen(RuleBasedStateMachine):
    """Two teachers look; the pupil's bar, private time and the clock go on in any order."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="pupitre-screen-")
        self.room = Looked(Path(self.place.name))
        self.room.hands.boot_seconds = 1000.0
        self.guard, assigned = self.room.guard, self.room.guard.ground.assignment
        assert assigned
        self.school = assigned
        other = FakeLink("Omar", "lesson-2", "mandate-2")
        self.links = {"lesson-1": self.room.link, "lesson-2": link_to(self.guard, other)}
        self.seat = Pupil(self.guard)
        self.come()
        self.close_since = self.private_since = -1.0
        self.closely: str = ""
        self.stills: list[tuple[str, float]] = []

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.place.cleanup()

    @property
    def now(self) -> float:
        return self.room.hands.boot_seconds

    def come(self) -> None:
        self.guard.attach(self.seat.tell)
        self.guard.seat_said(SeatUp("lina", ()))

    @rule(lesson=st.sampled_from(["lesson-1", "lesson-2"]), version=st.integers(1, 6))
    def lesson_goes_on(self, lesson: str, version: int) -> None:
        lesson_on(self.guard, self.links[lesson], version)

    @rule(lesson=st.sampled_from(["lesson-1", "lesson-2"]), version=st.integers(1, 6))
    def lesson_is_over(self, lesson: str, version: int) -> None:
        link = self.links[lesson]
        over = LessonDeclared(version, 0, "over", lesson, "5b", "5B", link.teacher_name)
        self.guard.told(link, over)

    @rule(
        lesson=st.sampled_from(["lesson-1", "lesson-2"]),
        version=st.integers(1, 9),
        look=st.sampled_from(["overview", "close"]),
        lease=st.sampled_from([60, 3600]),
    )
    def looks(self, lesson: str, version: int, look: str, lease: int) -> None:
        asked = WatchingDeclared(version, lease, look, 1920, 1080, 5.0)  # pyright: ignore[reportArgumentType]
        self.guard.told(self.links[lesson], asked)

    @rule(lesson=st.sampled_from(["lesson-1", "lesson-2"]))
    def teacher_insists(self, lesson: str) -> None:
        """Have lesson and close look declared anew, as an app does all the time."""
        lesson_on(self.guard, self.links[lesson], self.guard.presence.held.version + 1)
        self.looks(lesson, self.guard.watching.held.version + 1, "close", 3600)
        self.time_passes(150.0)

    @rule(kind=st.sampled_from(["private-on", "private-off"]))
    def presses(self, kind: str) -> None:
        self.guard.seat_said(PupilActed(kind))  # pyright: ignore[reportArgumentType]

    @rule(covered=st.booleans(), obeys=st.booleans())
    def bar(self, covered: bool, obeys: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        """Let the bar be covered, or be slow to answer, from now on."""
        self.seat.indicator_reason = "another window covers it" if covered else ""
        self.seat.obeys = obeys
        orders = [one for one in self.seat.told if isinstance(one, ShowIndicator)]
        if obeys and orders and self.guard.voice.tell_seat:
            self.seat.bar = None if covered else orders[-1]
            told = IndicatorAnswered(orders[-1].version, self.seat.indicator_reason)
            self.guard.seat_said(told)

    @rule()
    def seat_ends_and_comes_back(self) -> None:
        self.guard.detach()
        self.seat.bar = None
        self.come()

    # Orders are numbered by the clock's milliseconds over a guard's lives: no start is quicker.
    @rule(reboot=st.booleans(), seconds=st.sampled_from([0.1, 5.0, 500.0]))
    def guard_is_killed(self, reboot: bool, seconds: float) -> None:  # noqa: FBT001
        """Start again from what it kept; time switched off does not count."""
        kept.write(self.guard.folder, self.guard.held)
        notes, private = self.guard.voice.notes, self.guard.private.on
        hands = self.room.hands
        if reboot:
            hands.boot_id += "x"
            hands.boot_seconds += 1e6
            self.close_since += 1e6 if self.close_since >= 0 else 0
            self.private_since += 1e6 if self.private_since >= 0 else 0
            self.stills = [(lesson, at + 1e6) for lesson, at in self.stills]
        else:
            hands.boot_seconds += seconds
        self.guard = self.room.guard = guard_in(self.room.path, hands)
        self.guard.ground.assign(self.school)
        # Nothing is written here: of what the state holds the newest guard has a part again.
        self.guard.voice.notes.clear()
        self.guard.voice.notes.extend(notes)
        until = self.now + 8000
        self.links = {
            lesson: link_to(self.guard, FakeLink(link.teacher_name, lesson, link.mandate_id, until))
            for lesson, link in self.links.items()
        }
        self.seat.guard, self.seat.bar = self.guard, None
        self.come()
        self.room.later(0.0)
        assert self.guard.private.on == private or (seconds and not reboot)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.room.later(seconds)

    @rule(back=st.integers(0, 2))
    def picture(self, back: int) -> None:
        """Hand over a picture of the newest look, or of one that is over."""
        versions = sorted(self.seat.looks)
        if len(versions) <= back or not self.guard.voice.tell_seat:
            return
        look = self.seat.looks[versions[-1 - back]]
        before = {lesson: len(link.frames) for lesson, link in self.links.items()}
        self.guard.seat_said(Frame(1, look.version, 320, 180, 1920, 1080, covering(b"x", 320, 180)))
        for lesson, link in self.links.items():
            if len(link.frames) > before[lesson]:
                self.went_out(look, lesson)

    def went_out(self, look: Look, lesson: str) -> None:
        bar = self.seat.bar
        assert bar is not None, "no bar, no picture"
        assert bar.private != "on", "the bar says that nobody sees this screen"
        assert _RANK[bar.look] >= _RANK[look.look] > 0, "closer than the bar says"
        assert bar.teacher_name == self.links[lesson].teacher_name, (
            "to another teacher than it names"
        )
        if look.width > OVERVIEW_WIDTH or look.height > OVERVIEW_HEIGHT:
            assert bar.look == "close", "larger than the bar says"

    @rule(lesson=st.sampled_from(["lesson-1", "lesson-2"]), number=st.integers(0, 99))
    def still(self, lesson: str, number: int) -> None:
        self.guard.told(self.links[lesson], StillAsked(f"k-{number}", 20))

    @invariant()
    def a_close_look_and_private_time_end_by_themselves(self) -> None:
        look = self.seat.looks[max(self.seat.looks)] if self.seat.looks else Look(0, "none")
        lesson = self.guard.watching.held.author.lesson
        if look.look != "close":
            self.close_since = -1.0
        elif self.close_since < 0 or lesson != self.closely:
            # Another teacher's look is another one.
            self.close_since, self.closely = self.now, lesson
        assert self.close_since < 0 or self.now - self.close_since < CLOSE
        on = self.guard.private.on
        self.private_since = -1.0 if not on else max(self.private_since, 0.0) or self.now
        assert not on or self.now - self.private_since < PRIVATE
        assert not on or look.look == "none"

    @invariant()
    def stills_are_no_film_and_each_is_on_the_bar(self) -> None:
        notes = [one for one in self.guard.voice.notes if one.kind == "still"]
        for note in notes[len(self.stills) :]:
            bar = self.seat.bar
            assert bar is not None
            assert bar.stills > 0
            assert bar.private != "on"
            assert not self.stills or self.now - self.stills[-1][1] >= PAUSE_SECONDS
            self.stills.append((str(note.facts["lesson"]), self.now))
        for lesson in self.links:
            assert sum(of == lesson for of, _ in self.stills) <= STILLS_MAX


DOCUMENTS: Final = tuple(
    Document(f"h-{number}", bytes([number]) * 32, "paper.pdf", 100) for number in range(4)
)
AUTHORS: Final = {
    "l-1": Author("l-1", "m-1", "Claire", 9e9, "c" * 64),
    "l-2": Author("l-2", "m-2", "Omar", 9e9, "0" * 64),
    "l-3": Author("l-3", "m-3", "Claire", 9e9, "c" * 64),
}


class AnyHandOuts(RuleBasedStateMachine):
    """What is given to a pupil and taken back, by two teachers in three lessons."""

    @initialize()
    def begin(self) -> None:
        self.held = Papers()
        # By folder and name: who gave it, and what the pupil has been at.
        self.given: dict[tuple[str, str], str] = {}
        self.pupils: set[tuple[str, str]] = set()

    @rule(
        lesson=st.sampled_from(sorted(AUTHORS)),
        which=st.sets(st.integers(0, 3)),
        withdrawn=st.sets(st.integers(0, 3)),
    )
    def declared(self, lesson: str, which: set[int], withdrawn: set[int]) -> None:
        before = {row.document.handout for row in self.held.papers if row.arrived}
        before = before if self.held.lesson == lesson else set[str]()
        told = MaterialsDeclared(
            self.held.version + 1,
            lesson,
            tuple(DOCUMENTS[number] for number in sorted(which)),
            tuple(DOCUMENTS[number].handout for number in sorted(withdrawn - which)),
        )
        folder = f"{lesson}-folder"
        self.held, reports = papers.declared(self.held, told, AUTHORS[lesson], folder=folder)
        wanted = {DOCUMENTS[number].handout for number in which}
        assert {row.document.handout for row in self.held.papers} == wanted
        assert wanted <= {one.handout for one in reports}, "each is reported"
        arrived = {row.document.handout for row in self.held.papers if row.arrived}
        assert before & wanted <= arrived, "what has arrived stays arrived"

    @rule(pick=st.integers(0, 3), found=st.booleans())
    def arrives(self, pick: int, found: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        lacking = self.held.lacking()
        if lacking:
            row = lacking[pick % len(lacking)]
            name = f"{row.document.handout}.pdf"
            hashed = row.document.document
            # What lies there of an earlier hand-out of ours is found and not placed again.
            found = found or (self.held.folder, name) in self.given
            self.given.setdefault((self.held.folder, name), self.held.author.key)
            if found:
                self.pupils.add((self.held.folder, name))
            came = replace(row, state="arrived", name=name, hash=hashed, found=found)
            self.held = papers.changed(self.held, came)

    @rule(pick=st.integers(0, 3))
    def opens(self, pick: int) -> None:
        rows = [row for row in self.held.papers if row.arrived]
        if rows:
            row = rows[pick % len(rows)]
            self.pupils.add(self.place(row))
            self.held = papers.changed(self.held, replace(row, state="opened"))

    @rule(whole=st.booleans())
    def takes_back(self, whole: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        row = self.held.leaving()
        if row is None:
            return
        place = self.place(row)
        assert place not in self.pupils, "what the pupil has opened or had before is theirs"
        still = {self.place(one) for one in self.held.papers if one.arrived}
        assert place not in still, "given by another hand-out too"
        self.held = papers.taken_back(self.held, row, whole=whole)
        if whole:
            del self.given[place]
        else:
            self.pupils.add(place)

    def place(self, row: Paper) -> tuple[str, str]:
        return row.folder or self.held.folder, row.name

    @invariant()
    def only_the_key_that_gave_takes_back(self) -> None:
        for row in self.held.gone:
            if row.state == "arrived" and row.folder == "":
                assert self.given[self.place(row)] == self.held.author.key

    @invariant()
    def no_hand_out_is_both_given_and_withdrawn(self) -> None:
        given = {row.document.handout for row in self.held.papers}
        assert not given & {row.document.handout for row in self.held.gone}


class AnyOrders(RuleBasedStateMachine):
    """One-off acts, told again, late, and by links that come and go: done once, answered once."""

    @initialize()
    def begin(self) -> None:
        self.commands, self.now = Commands(), 0.0
        self.links = [FakeLink() for _ in range(3)]
        self.done: set[str] = set()
        self.ended: dict[str, Answer] = {}
        self.waits: dict[str, float] = {}

    @rule(link=st.integers(0, 2), name=st.sampled_from("abcdef"), seconds=st.integers(1, 60))
    def told(self, link: int, name: str, seconds: int) -> None:
        new = self.commands.begin(self.links[link], name, self.now + seconds)
        assert new == (name not in self.done), "done once, however often it is told"
        if new:
            self.done.add(name)
            self.waits[name] = self.now + seconds

    @rule(name=st.sampled_from("abcdef"), well=st.booleans())
    def ends(self, name: str, well: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        ended = self.commands.end(name, "done" if well else "failed")
        assert ended == (name in self.waits), "it ends once"
        self.waits.pop(name, None)

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.commands.look_at_the_clock(self.now)
        for name in [name for name, ends_at in self.waits.items() if ends_at <= self.now]:
            del self.waits[name]

    @rule(link=st.integers(0, 2))
    def link_ends(self, link: int) -> None:
        self.commands.lost(self.links[link])
        self.links[link] = FakeLink()

    @invariant()
    def nobody_hears_two_ends_of_one_order(self) -> None:
        for link in self.links:
            for answer in link.heard(Answer):
                assert answer.id not in self.waits, "an end while it still waits"
                assert self.ended.setdefault(answer.id, answer) == answer


SCHOOL: Final = SmallSchool()
TEACHERS: Final = (new_key(), new_key())
LISTS: Final = tuple(
    sign(
        DenyList(SCHOOL.id, number, NOW + number, keys=(thumbprint(TEACHERS[0].public_key()),)),
        DENY_TYPE,
        SCHOOL.key,
    )
    for number in range(1, 4)
)
STANDBYS: Final = tuple(new_key() for _ in range(4))
ROOTS: Final = tuple(SmallSchool().school.root_pem.decode() for _ in range(3))


def _line() -> tuple[Line, tuple[str, ...]]:
    """Return what is pinned at first, and three successions of it, the oldest first."""
    first = line = Line(SCHOOL.school, thumbprint(STANDBYS[0].public_key()))
    tokens: list[str] = []
    for number, root in enumerate(ROOTS):
        following = thumbprint(STANDBYS[number + 1].public_key())
        tokens.append(succeed(line, STANDBYS[number], root, following, NOW))
        line = line.after(tokens[-1])
    return first, tuple(tokens)


FIRST, SUCCESSIONS = _line()


class AnyTrust(RuleBasedStateMachine):
    """What a device believes, over restarts and reboots, whoever brings what: never less."""

    @initialize()
    def begin(self) -> None:
        self.boot = 50.0
        self.floor, self.low = Floor(at_boot=self.boot), float(FLOOR_LOWEST)
        self.mandates = Mandates(lambda: self.boot)
        self.lists, self.line = DenyLists(SCHOOL.school), FIRST
        self.lives: dict[str, float] = {}

    @rule(issued_at=st.integers(0, 2 * FLOOR_HIGHEST), wall=st.integers(0, 2 * FLOOR_HIGHEST))
    def school_signs(self, issued_at: int, wall: int) -> None:
        before, doubt = self.floor.at(self.boot), self.floor.doubt
        self.floor = self.floor.raised(issued_at, self.boot, wall)
        after = self.floor.at(self.boot)
        assert after <= max(self.low, FLOOR_HIGHEST), "aged by a mistake"
        if wall >= before and not (doubt and doubt.is_old(self.boot)):
            assert after <= max(before, wall + AHEAD_SECONDS), "aged against a clock"

    @rule(seconds=st.floats(0, 20_000))
    def time_passes(self, seconds: float) -> None:
        self.boot += seconds
        self.low += seconds
        for name in self.lives:
            self.lives[name] -= seconds

    @rule(reboot=st.booleans())
    def starts_again(self, reboot: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        """Restart from what is kept; after a reboot the boot clock begins anew."""
        kept, left, doubt = self.floor.at(self.boot), self.mandates.remaining(), self.floor.doubt
        if reboot:
            doubt = doubt and doubt.after_boot(self.boot, 5.0)
            self.boot = 5.0
        self.floor = Floor(kept, self.boot, doubt)
        self.mandates = Mandates(lambda: self.boot, left)
        self.lists = DenyLists(SCHOOL.school, self.lists.token)

    @rule(name=st.sampled_from("abc"), begins=st.integers(0, NOW), life=st.integers(1, 20_000))
    def lesson_is_shown(self, name: str, begins: int, life: int) -> None:
        shown = Mandate(name, "g", SCHOOL.id, "l", "5B", ("watch",), begins, begins + life)
        seen = self.mandates.see(shown)
        left = self.lives.setdefault(name, float(min(life, 4 * 3600)))
        assert seen.ends_at - self.boot <= max(0.0, left) + 1e-3, "shown again, it gains time"

    @rule(number=st.integers(0, 2))
    def list_comes(self, number: int) -> None:
        before = self.lists.denied.number
        taken = self.lists.take(LISTS[number])
        assert taken == (number + 1 > before)
        assert self.lists.denied.number == max(before, number + 1)

    @rule(order=st.lists(st.integers(0, 2), min_size=1, max_size=3))
    def roots_come(self, order: list[int]) -> None:
        for number in order:
            before = self.line
            if number > before.epoch:
                continue  # signed by a standby that is not pinned yet: a test of its own refuses it
            self.line = before.after(SUCCESSIONS[number])
            assert self.line.epoch == max(before.epoch, number + 1)
            assert self.line.epoch > before.epoch or self.line is before

    @invariant()
    def the_floor_never_falls(self) -> None:
        now = self.floor.at(self.boot)
        assert now >= self.low - 1e-3
        self.low = max(self.low, now)


MACHINES = (AnyScreen, AnyHandOuts, AnyOrders, AnyTrust)
for machine in MACHINES:
    machine.TestCase.settings = settings(QUICK, max_examples=10, stateful_step_count=25)
TestAnyScreen = AnyScreen.TestCase
TestAnyHandOuts = AnyHandOuts.TestCase
TestAnyOrders = AnyOrders.TestCase
TestAnyTrust = AnyTrust.TestCase
