"""Two teachers who share a class: the bar names both, both see, and neither undoes the other."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from central_mdm.contract.grants import Grant
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.journal import entries_of
from device_bridge.agent.guard.seen import seen
from device_bridge.agent.guard.witness import account_of
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Report, Superseded
from device_bridge.protocol.materials import Document, MaterialReport, MaterialsDeclared
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import Company, LessonDeclared, SeatClaimed
from device_bridge.protocol.seat import (
    IndicatorAnswered,
    Look,
    PupilActed,
    RaiseCurtain,
    ShowIndicator,
)
from device_bridge.protocol.talking import HandAnswered, Heard, PupilSaid
from device_bridge.protocol.watching import StillAsked, WatchingDeclared
from tests.guards import FakeLink, FakeSeat, Hands, guard_in, link_to


@dataclass
class Colleague(FakeLink):
    """A link of a teacher with a key of their own."""

    key: str = "1"

    @property
    def grant(self) -> Grant:
        return replace(super().grant, thumbprint=self.key * 64)


class Shared:
    """Claire has shared 5B, and Omar has joined her."""

    def __init__(self, folder: Path) -> None:
        self.hands = Hands()
        self.guard = guard_in(folder, self.hands)
        self.seat = FakeSeat(self.guard).sit()
        self.claire = link_to(self.guard, Colleague())
        self.omar = link_to(self.guard, Colleague("Omar", "lesson-2", "mandate-2", key="2"))
        tell(self.guard, self.claire, 1, shared=True)
        tell(self.guard, self.omar, 2)

    def bar(self) -> ShowIndicator:
        return self.seat.heard(ShowIndicator)[-1]

    def look(self, link: FakeLink, version: int, look: str, width: int = 320) -> None:
        assert look in {"none", "overview", "close"}
        told = WatchingDeclared(version, 600, look, width)  # pyright: ignore[reportArgumentType]
        self.guard.told(link, told)

    def picture(self) -> None:
        order = self.guard.watching.ordered
        assert order is not None
        self.guard.seat_said(Frame(5, order.version, 320, 180, 1366, 768, covering(b"x", 320, 180)))


def tell(
    guard: Guard, link: FakeLink, version: int, *, on: bool = True, shared: bool = False
) -> None:
    state = "on" if on else "over"
    name = link.teacher_name
    told = LessonDeclared(version, 600, state, link.lesson, "5b", "5B", name, shared=shared)
    guard.told(link, told)


def lock(version: int, *, locked: bool = True, lease: int = 600) -> LockDeclared:
    return LockDeclared(version, locked, lease, "Look here", "Claire")


@pytest.fixture
def both(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def test_the_bar_names_both_and_each_is_told_of_the_other(both: Shared) -> None:
    bar = both.bar()
    assert (bar.teacher_name, bar.also) == ("Claire", ("Omar",))
    assert both.claire.heard(Company)[-1] == Company(("Omar",))
    assert both.omar.heard(Company)[-1] == Company(("Claire",))
    assert both.claire.heard(Superseded) == []
    assert Report("presence", 2, "on") in both.omar.sent


def test_whoever_has_not_shared_is_overruled_as_before(tmp_path: Path) -> None:
    both = Shared(tmp_path)
    tell(both.guard, both.claire, 3)
    assert both.bar().also == ()
    assert [(one.feature, one.by) for one in both.omar.heard(Superseded)] == [
        ("presence", "Claire")
    ]
    tell(both.guard, both.claire, 4, shared=True)
    tell(both.guard, both.omar, 2)
    assert both.omar.heard(Company)[-1] == Company(("Claire",)), "as before"
    tell(both.guard, both.claire, 5)
    tell(both.guard, both.omar, 6)
    assert both.bar().teacher_name == "Omar"
    assert [one.by for one in both.claire.heard(Superseded)] == ["Omar"]


@pytest.mark.parametrize("shared", [True, False])
def test_no_picture_goes_to_a_teacher_whom_the_bar_is_not_yet_proved_to_name(
    tmp_path: Path,
    shared: bool,  # noqa: FBT001 - pytest hands it in
) -> None:
    both = Shared(tmp_path)
    tell(both.guard, both.omar, 3, on=False)
    tell(both.guard, both.claire, 4, shared=shared)
    both.look(both.claire, 5, "overview")
    both.seat.obeys = False
    tell(both.guard, both.omar, 6)
    both.look(both.omar, 6, "overview")
    both.picture()
    assert len(both.claire.frames) == shared, "where she stays, the bar goes on naming her"
    assert both.omar.frames == []
    both.guard.seat_said(IndicatorAnswered(both.bar().version))
    both.picture()
    assert len(both.omar.frames) == 1


def test_who_joins_at_a_still_screen_is_sent_its_picture_once_the_bar_names_them(
    tmp_path: Path,
) -> None:
    both = Shared(tmp_path)
    tell(both.guard, both.omar, 3, on=False)
    both.look(both.claire, 4, "overview")
    both.seat.obeys = False
    tell(both.guard, both.omar, 5)
    both.look(both.omar, 6, "overview")
    both.picture()
    assert both.omar.frames == []
    both.seat.heard(Look)
    both.guard.seat_said(IndicatorAnswered(both.bar().version))
    assert both.seat.heard(Look), "the seat is to look afresh: a still screen sends no second one"


def test_who_shared_and_comes_back_is_named_again_before_she_sees(both: Shared) -> None:
    both.look(both.omar, 3, "overview")
    tell(both.guard, both.claire, 4, on=False, shared=True)
    both.seat.obeys = False
    tell(both.guard, both.claire, 5, shared=True)
    both.look(both.claire, 5, "overview")
    both.picture()
    assert both.claire.frames == []
    both.guard.seat_said(IndicatorAnswered(both.bar().version))
    both.picture()
    assert (len(both.claire.frames), len(both.omar.frames)) == (1, 1)


def test_both_see_the_screen_as_the_closest_look_shows_it(both: Shared) -> None:
    both.look(both.claire, 3, "overview", 320)
    both.look(both.omar, 4, "overview", 640)
    assert both.seat.heard(Look)[-1].width == 640
    both.look(both.omar, 5, "close", 1366)
    assert both.bar().look == "close"
    both.picture()
    assert [frame.version for frame in both.claire.frames] == [3]
    assert [frame.version for frame in both.omar.frames] == [5]
    both.look(both.omar, 6, "none")
    assert both.bar().look == "overview"
    both.picture()
    assert [len(both.claire.frames), len(both.omar.frames)] == [2, 1]


async def test_the_pupils_page_names_who_looked_and_when_that_changed(both: Shared) -> None:
    both.look(both.claire, 3, "overview")
    both.look(both.omar, 4, "overview")
    await both.guard.write_notes()
    told = [(one.what, one.who) for one in seen(both.guard.folder)]
    assert told == [("seen-overview", "Claire, Omar"), ("seen-overview", "Claire")]


def test_a_colleague_who_comes_or_goes_frees_nobody_but_may_free_by_a_click(both: Shared) -> None:
    both.guard.told(both.claire, lock(3))
    both.guard.told(both.omar, lock(2, locked=False, lease=0))
    both.guard.told(both.omar, lock(4, locked=False, lease=0))
    assert both.guard.held.attention.locked
    both.guard.told(both.claire, lock(3))
    assert both.guard.held.attention.locked, "a renewal"
    both.guard.told(both.omar, lock(5, locked=False, lease=600))
    assert not both.guard.held.attention.locked
    assert Report("attention", 5, "free") in both.claire.sent
    assert [one.feature for one in both.claire.heard(Superseded)] == ["attention"]


def test_whose_lesson_ends_takes_the_own_lock_along_and_nothing_else(both: Shared) -> None:
    both.look(both.claire, 3, "overview")
    both.guard.told(both.omar, lock(4))
    both.guard.seat_said(PupilActed("hand-up"))
    both.guard.told(both.omar, lock(5, locked=False, lease=0))
    tell(both.guard, both.omar, 5, on=False)
    assert not both.guard.held.attention.locked
    assert Report("presence", 5, "over") in both.omar.sent
    assert both.bar().also == ()
    assert both.guard.talking.held.hand_up
    assert both.claire.heard(Company)[-1] == Company()
    assert both.seat.heard(Look)[-1].look == "overview"


def test_when_the_first_has_ended_the_other_goes_on_with_folders_and_hand(both: Shared) -> None:
    both.look(both.omar, 3, "overview")
    both.guard.seat_said(PupilActed("hand-up"))
    before = both.bar().hand_in_folder
    tell(both.guard, both.claire, 4, on=False)
    bar = both.bar()
    assert (bar.teacher_name, bar.also, bar.hand_place) == ("Omar", (), 1)
    assert bar.hand_in_folder == before
    both.picture()
    assert [len(both.claire.frames), len(both.omar.frames)] == [0, 1]
    assert Report("presence", 4, "over") in both.claire.sent
    tell(both.guard, both.omar, 5, on=False)
    assert not both.bar().on
    assert not both.guard.talking.held.hand_up


def test_a_colleague_out_of_reach_is_gone_from_the_bar_with_the_lease(both: Shared) -> None:
    both.hands.boot_seconds += 300
    tell(both.guard, both.claire, 1, shared=True)
    both.guard.lost(both.omar)
    both.hands.boot_seconds += 301
    both.guard.tick()
    bar = both.bar()
    assert (bar.teacher_name, bar.also) == ("Claire", ())


def test_over_a_restart_the_bar_still_names_both(both: Shared, tmp_path: Path) -> None:
    kept.write(both.guard.folder, both.guard.held)
    again = guard_in(tmp_path, both.hands)
    bar = FakeSeat(again).sit().heard(ShowIndicator)[-1]
    assert (bar.teacher_name, bar.also) == ("Claire", ("Omar",))


def test_what_a_pupil_says_both_hear_and_a_hand_one_answers_is_down_for_both(
    both: Shared,
) -> None:
    both.guard.seat_said(PupilActed("hand-up"))
    assert [said.kind for said in both.claire.heard(PupilSaid)] == ["hand-up"]
    assert [said.kind for said in both.omar.heard(PupilSaid)] == ["hand-up"]
    both.guard.told(both.omar, HandAnswered("h1", 30))
    assert [said.kind for said in both.claire.heard(PupilSaid)] == ["hand-down"]
    assert both.omar.heard(PupilSaid) == []
    assert both.claire.heard(SeatClaimed) == []


def test_who_joins_is_told_once_who_sits_there(both: Shared) -> None:
    claire = LessonDeclared(
        3, 600, "on", "lesson-1", "5b", "5B", "Claire", pupil="p-1", shared=True
    )
    both.guard.told(both.claire, claire)
    (claim,) = both.omar.heard(SeatClaimed)
    assert (claim.lesson, claim.pupil) == ("lesson-2", "p-1")
    both.guard.told(both.omar, Heard(claim.id))
    tell(both.guard, both.omar, 2)
    assert both.omar.heard(SeatClaimed) == []
    assert both.claire.heard(SeatClaimed) == []


def test_both_hand_out_beside_each_other_and_each_takes_back_their_own(both: Shared) -> None:
    plan, quiz = Document("h1", b"1" * 32, "plan.pdf", 7), Document("h2", b"2" * 32, "quiz.pdf", 9)
    both.guard.told(both.claire, MaterialsDeclared(3, "lesson-1", (plan,)))
    both.guard.told(both.omar, MaterialsDeclared(4, "lesson-2", (quiz,)))
    assert both.claire.heard(Superseded) == []
    held = both.guard.materials
    assert [row.document for row in held.held.papers] == [plan, quiz]
    both.guard.told(both.claire, MaterialsDeclared(5, "lesson-1", (), ("h1",)))
    assert [row.document for row in held.held.papers] == [quiz]
    assert MaterialReport("h2", 4, "wanted") in both.omar.sent


def test_no_more_than_four_share_and_the_own_new_lesson_is_no_guest(both: Shared) -> None:
    for number in range(3, 6):
        link = Colleague(f"T{number}", f"lesson-{number}", f"mandate-{number}", key=str(number))
        tell(both.guard, link_to(both.guard, link), number)
    assert both.bar().also == ("Omar", "T3", "T4")
    anew = link_to(both.guard, Colleague("Omar", "lesson-9", "mandate-9", key="2"))
    tell(both.guard, anew, 9)
    assert both.bar().also == ("T3", "T4", "Omar")
    mine = link_to(both.guard, Colleague("Claire", "lesson-8", "mandate-8"))
    tell(both.guard, mine, 10, shared=True)
    bar = both.bar()
    assert (bar.teacher_name, bar.also) == ("Claire", ("T3", "T4", "Omar"))


def test_a_guest_who_leads_on_throws_nobody_out_by_a_renewal(both: Shared) -> None:
    both.guard.lost(both.claire)
    both.hands.boot_seconds += 400
    tell(both.guard, both.omar, 2)
    both.hands.boot_seconds += 201
    both.guard.tick()
    assert (both.bar().teacher_name, both.guard.presence.lessons) == ("Omar", ("lesson-2",))
    back = link_to(both.guard, Colleague())
    tell(both.guard, back, 1, shared=True)
    tell(both.guard, both.omar, 2)
    assert both.guard.presence.lessons == ("lesson-1", "lesson-2"), "who shares leads again"
    assert back.heard(Superseded) == both.omar.heard(Superseded) == []
    tell(both.guard, back, 3)
    assert both.guard.presence.lessons == ("lesson-1",), "and may take it back"
    assert [one.by for one in both.omar.heard(Superseded)] == ["Claire"]


def test_of_three_the_two_who_are_left_go_on(both: Shared) -> None:
    zoe = link_to(both.guard, Colleague("Zoe", "lesson-3", "mandate-3", key="3"))
    tell(both.guard, zoe, 3)
    tell(both.guard, both.claire, 4, on=False)
    tell(both.guard, both.omar, 2)
    tell(both.guard, zoe, 3)
    assert both.guard.presence.lessons == ("lesson-2", "lesson-3")
    assert zoe.heard(Superseded) == []
    uninvited = link_to(both.guard, Colleague("Max", "lesson-4", "mandate-4", key="4"))
    tell(both.guard, uninvited, 5)
    assert both.guard.presence.lessons == ("lesson-4",), "as where nobody shares"


def test_lessons_that_end_at_one_bell_are_gone_within_a_second(both: Shared) -> None:
    for number in (3, 4):
        link = Colleague(f"T{number}", f"lesson-{number}", f"mandate-{number}", key=str(number))
        tell(both.guard, link_to(both.guard, link), number)
    assert len(both.guard.presence.lessons) == 4
    both.hands.boot_seconds += 601
    both.guard.tick()
    assert both.guard.presence.lessons == ()
    assert not both.bar().on


async def test_each_lesson_has_its_own_account_of_looks_stills_and_hand_outs(
    both: Shared,
) -> None:
    both.look(both.claire, 3, "overview")
    both.look(both.omar, 4, "close", 1366)
    both.picture()
    both.guard.told(both.omar, StillAsked("s1", 30))
    both.guard.tick()
    await both.guard.write_notes()
    accounts = {
        lesson: account_of(entries_of(both.guard.folder, lesson), None)
        for lesson in ("lesson-1", "lesson-2")
    }
    assert (accounts["lesson-1"].looks, accounts["lesson-1"].stills) == (0, 0)
    assert (accounts["lesson-2"].looks, accounts["lesson-2"].stills) == (1, 1)
    both.look(both.claire, 5, "close", 1366)
    await both.guard.write_notes()
    assert account_of(entries_of(both.guard.folder, "lesson-1"), None).looks == 1
    shown = [(one.what, one.who) for one in seen(both.guard.folder) if one.what == "seen-close"]
    assert shown == [("seen-close", "Claire, Omar")], "the pupil's page has one line"


def test_who_was_sent_away_is_not_back_by_a_renewal_however_high_its_number(
    tmp_path: Path,
) -> None:
    both = Shared(tmp_path)
    tell(both.guard, both.omar, 5_000_001)
    tell(both.guard, both.claire, 2)
    assert both.guard.presence.lessons == ("lesson-1",)
    both.omar.heard(Superseded)
    tell(both.guard, both.omar, 5_000_001)
    tell(both.guard, both.claire, 2)
    assert both.guard.presence.lessons == ("lesson-1",)
    assert [one.by for one in both.omar.heard(Superseded)] == ["Claire"]
    tell(both.guard, both.claire, 3, on=False)
    tell(both.guard, both.omar, 5_000_001)
    assert both.guard.presence.lessons == ("lesson-2",), "when hers is over he has it again"
    tell(both.guard, both.claire, 5_000_002)
    tell(both.guard, both.omar, 5_000_003)
    assert both.guard.presence.lessons == ("lesson-2",), "a new word takes the class, as ever"


def test_bar_and_curtain_say_the_signed_name_and_none_that_an_app_writes(both: Shared) -> None:
    forged = LessonDeclared(9, 600, "on", "lesson-2", "5b", "5B", "Claire")
    both.guard.told(both.omar, forged)
    assert both.bar().also == ("Omar",)
    both.guard.told(both.omar, lock(9))
    assert both.seat.heard(RaiseCurtain)[-1].teacher_name == "Omar"


def test_a_number_that_nobody_goes_above_holds_a_class_off_no_longer_than_its_mandate(
    tmp_path: Path,
) -> None:
    hands = Hands()
    guard, top = guard_in(tmp_path, hands), 2**53
    FakeSeat(guard).sit()
    omar = Colleague("Omar", "lesson-2", "mandate-2", 2000.0, key="2")
    tell(guard, link_to(guard, omar), top)
    for told in (lock(top), WatchingDeclared(top, 600, "overview")):
        guard.told(omar, told)
    guard.told(omar, MaterialsDeclared(top, "lesson-2"))
    claire = link_to(guard, Colleague())
    tell(guard, claire, 7)
    assert guard.presence.lessons == ("lesson-2",)
    hands.boot_seconds = 2001.0
    guard.tick()
    tell(guard, claire, 8)
    for told in (lock(8), WatchingDeclared(8, 600, "overview")):
        guard.told(claire, told)
    guard.told(claire, MaterialsDeclared(8, "lesson-1"))
    assert guard.presence.lessons == ("lesson-1",)
    assert {one.feature: one.version for one in guard.versions()} == dict.fromkeys(
        ("attention", "presence", "watching", "materials"), 8
    )
    assert guard.attention.held.locked


def test_a_restart_gives_a_colleagues_close_look_no_new_time(both: Shared, tmp_path: Path) -> None:
    both.look(both.claire, 3, "overview")
    both.look(both.omar, 4, "close", 1366)
    before = both.bar().close_seconds
    kept.write(both.guard.folder, both.guard.held)
    both.hands.boot_seconds += 200
    again = guard_in(tmp_path, both.hands)
    seat = FakeSeat(again).sit()
    again.told(link_to(again, both.omar), WatchingDeclared(4, 600, "close", 1366))
    assert seat.heard(ShowIndicator)[-1].close_seconds == before - 200
