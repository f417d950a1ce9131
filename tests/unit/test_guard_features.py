"""The guard with its features joined: what an app and a seat see of it."""

from pathlib import Path

import pytest

from device_bridge.agent.guard import kept
from device_bridge.agent.guard.journal import read_entries
from device_bridge.agent.guard.watching import NO_INDICATOR
from device_bridge.protocol.attention import LESSON_ENDED, NO_SEAT, LockDeclared
from device_bridge.protocol.hello import Answer, Pulse, Report, Superseded
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import LessonDeclared, SeatClaimed
from device_bridge.protocol.seat import (
    DropCurtain,
    FrameTaken,
    IndicatorAnswered,
    Look,
    LookAnswered,
    NoticeShown,
    Opened,
    OpenPage,
    PupilActed,
    RaiseCurtain,
    ShowIndicator,
    ShowNotice,
    StillShown,
)
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid, PupilSaid
from device_bridge.protocol.watching import WatchingDeclared
from tests.guards import FakeLink, FakeSeat, Hands, guard_in, lesson_on, link_to, say

WALL = int(Hands().wall_seconds)


def watch(version: int, look: str = "overview") -> WatchingDeclared:
    assert look in {"none", "overview", "close"}
    return WatchingDeclared(version, 600, look)  # pyright: ignore[reportArgumentType]


def lock(version: int, *, locked: bool = True) -> LockDeclared:
    return LockDeclared(version, locked, 600, "Look here", "Claire")


def picture(number: int, order: int) -> Frame:
    return Frame(number, order, 320, 180, 1366, 768, covering(b"x", 320, 180))


def test_no_picture_before_the_bar_is_proved_to_say_so(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard, obeys=False).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    assert all(order.look == "none" for order in seat.heard(Look))
    order = seat.heard(ShowIndicator)[-1]
    assert order.look == "overview"
    guard.seat_said(IndicatorAnswered(order.version))
    look = seat.heard(Look)[-1]
    assert look.look == "overview"
    guard.seat_said(picture(1, look.version))
    assert [frame.version for frame in link.frames] == [1]


def test_the_bar_names_the_hand_in_folder_once_it_is_there(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat, link = FakeSeat(guard).sit(), link_to(guard)

    def named() -> str:
        return seat.heard(ShowIndicator)[-1].hand_in_folder

    lesson_on(guard, link)
    assert named() == ""
    folder = guard.presence.hand_in()
    assert folder is not None
    guard.presence.hand_in_made(folder.name)
    assert named() == str(folder)
    lesson_on(guard, link, 2)
    assert named() == str(folder), "the same lesson, told again"
    link.lesson = "lesson-2"
    lesson_on(guard, link, 3)
    assert named() == "", "work would be laid into the last lesson's"
    guard.presence.hand_in_made(folder.name)
    guard.tick()
    assert all(not order.hand_in_folder for order in seat.heard(ShowIndicator))


def test_a_bar_that_fails_stops_the_pictures_and_says_so(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    look = seat.heard(Look)[-1]
    seat.indicator_reason = "covered"
    hands.boot_seconds += 3
    guard.tick()
    assert seat.heard(Look)[-1].look == "none"
    assert Report("presence", 1, "failed", "covered") in link.sent
    assert Report("watching", 1, "failed", NO_INDICATOR) in link.sent
    guard.seat_said(picture(7, look.version))
    assert link.frames == []
    assert seat.heard(FrameTaken) == [FrameTaken(7)]


def test_one_frame_is_taken_before_the_seat_may_hand_over_the_next(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    guard.seat_said(picture(5, seat.heard(Look)[-1].version))
    assert seat.heard(FrameTaken) == []
    link.taken(link.frames[0].number)
    assert seat.heard(FrameTaken) == [FrameTaken(5)]


def test_a_link_that_dies_with_a_frame_does_not_stop_the_seat(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    guard.seat_said(picture(5, seat.heard(Look)[-1].version))
    guard.lost(link)
    assert seat.heard(FrameTaken) == [FrameTaken(5)]
    again = link_to(guard)
    guard.told(again, watch(1))
    assert [order.look for order in seat.heard(Look)] == ["overview"]


def test_the_pulse_says_what_is_still_true(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    guard.told(link, lock(4))
    guard.seat_said(picture(5, seat.heard(Look)[-1].version))
    hands.boot_seconds += 2
    guard.seat_said(StillShown(5))
    guard.pulse()
    assert link.heard(Pulse) == [Pulse(1, True, 4, 2000, wall_at=WALL)]  # noqa: FBT003
    hands.boot_seconds += 3
    guard.pulse()
    assert link.heard(Pulse) == [Pulse(1, False, 4, 5000, wall_at=WALL)]  # noqa: FBT003


def test_dark_and_private_screens_are_reported(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    look = seat.heard(Look)[-1]
    guard.seat_said(LookAnswered(look.version, "dark"))
    guard.seat_said(LookAnswered(look.version - 1, "on"))
    assert [r for r in link.heard(Report) if r.feature == "watching"] == [
        Report("watching", 1, "dark")
    ]


def test_the_end_of_the_lesson_frees_blinds_and_takes_the_bar_away(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, watch(1))
    guard.told(link, lock(1))
    seat.told.clear()
    over = LessonDeclared(2, 0, "over", "lesson-1", "5b", "5B", "Claire")
    heard = say(guard, link, over)
    assert seat.heard(DropCurtain) == [DropCurtain(1)]
    assert seat.heard(Look)[-1].look == "none"
    assert not seat.heard(ShowIndicator)[-1].on
    assert Report("attention", 1, "free", LESSON_ENDED) in heard
    assert Report("presence", 2, "over") in heard


def test_without_any_link_the_mandates_end_still_frees(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    seat = FakeSeat(guard).sit()
    link = link_to(guard, FakeLink(mandate_ends_at=1100))
    lesson_on(guard, link)
    guard.told(link, lock(1))
    guard.lost(link)
    assert not seat.heard(RaiseCurtain)[-1].in_reach
    seat.told.clear()
    hands.boot_seconds = 1100
    guard.tick()
    assert seat.heard(DropCurtain) == [DropCurtain(1)]
    assert not guard.held.presence.on


OMARS_SECONDS = 8000
"""Of the mandate of a `FakeLink`, at the boot clock's 1000."""


def test_two_teachers_share_one_device_and_the_loser_is_told(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    FakeSeat(guard).sit()
    claire, omar = link_to(guard), link_to(guard, FakeLink("Omar", "lesson-2", "mandate-2"))
    lesson_on(guard, claire)
    guard.told(claire, watch(1))
    guard.told(claire, lock(3))
    claire.sent.clear()
    lesson_on(guard, omar, 2)
    guard.told(omar, lock(4, locked=False))
    guard.told(omar, watch(2))
    assert Superseded("presence", 2, "Omar", OMARS_SECONDS) in claire.sent
    assert Superseded("watching", 2, "Omar", OMARS_SECONDS) in claire.sent
    claire.sent.clear()
    guard.told(claire, lock(3))
    assert claire.sent == [Superseded("attention", 4, "Omar", OMARS_SECONDS)]


def test_a_message_is_answered_when_it_is_shown_and_only_once_shown(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    assert say(guard, link, MessageSaid("m1", 30, "Bonjour")) == []
    assert seat.heard(ShowNotice) == [ShowNotice("m1", "Bonjour", "Claire")]
    guard.seat_said(NoticeShown("m1"))
    assert link.sent == [Answer("m1", "done")]
    assert say(guard, link, MessageSaid("m1", 30, "Bonjour")) == [Answer("m1", "done")]
    assert seat.heard(ShowNotice) == []


def test_a_command_ends_late_or_failed_but_always_ends(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    link = link_to(guard)
    assert say(guard, link, MessageSaid("m1", 30, "Bonjour")) == [Answer("m1", "failed", NO_SEAT)]
    seat = FakeSeat(guard).sit()
    say(guard, link, PageOpened("p1", 30, "https://example.org/"))
    assert seat.heard(OpenPage) == [OpenPage("p1", "https://example.org/")]
    hands.boot_seconds += 30
    guard.tick()
    assert link.heard(Answer) == [Answer("p1", "late")]
    guard.seat_said(Opened("p1"))
    assert link.heard(Answer) == []


def test_a_pupils_words_are_kept_until_heard_and_over_a_restart(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.lost(link)
    guard.seat_said(PupilActed("words", "Je ne comprends pas"))
    guard.seat_said(PupilActed("hand-up"))
    guard.seat_said(PupilActed("hand-up"))
    kept.write(guard.folder, guard.held)
    guard = guard_in(tmp_path, hands)
    again = link_to(guard)
    lesson_on(guard, again)
    words, hand = again.heard(PupilSaid)
    assert (words.kind, words.text, hand.kind) == ("words", "Je ne comprends pas", "hand-up")
    guard.told(again, Heard(words.id))
    lesson_on(guard, again)
    assert again.heard(PupilSaid) == [hand]


def test_a_hand_goes_down_when_the_teacher_has_seen_to_it(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.seat_said(PupilActed("hand-up"))
    assert seat.heard(ShowIndicator)[-1].hand_place == 1
    assert say(guard, link, HandAnswered("h1", 30)) == [Answer("h1", "done")]
    assert seat.heard(ShowIndicator)[-1].hand_place == 0


def test_a_pupil_chooses_only_from_the_list_and_says_nothing_outside_a_lesson(
    tmp_path: Path,
) -> None:
    guard = guard_in(tmp_path, Hands())
    FakeSeat(guard).sit()
    link = link_to(guard)
    guard.seat_said(PupilActed("words", "hello?"))
    lesson_on(guard, link, nobody=True)
    link.sent.clear()
    guard.seat_said(PupilActed("seat", "pupil-9"))
    assert link.sent == []
    guard.seat_said(PupilActed("seat", "pupil-1"))
    assert [(c.lesson, c.pupil) for c in link.heard(SeatClaimed)] == [("lesson-1", "pupil-1")]


def test_a_pupil_cannot_fill_the_device_with_words(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    FakeSeat(guard).sit()
    lesson_on(guard, link_to(guard))
    for number in range(500):
        guard.seat_said(PupilActed("words", str(number)))
    assert len(guard.held.talking.unheard) == 100


def test_a_restarted_guard_locks_before_anything_else_with_what_remained(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, lock(7))
    hands.boot_seconds += 100
    kept.write(guard.folder, guard.held)
    hands.boot_seconds += 50
    guard = guard_in(tmp_path, hands)
    seat = FakeSeat(guard).sit()
    assert seat.told[0] == RaiseCurtain(
        7, "Look here", "Claire", 450, in_reach=False, lesson_ends_in_seconds=7850
    )
    assert isinstance(seat.told[1], ShowIndicator)
    assert seat.told[1].on
    versions = {row.feature: row.version for row in guard.versions()}
    assert versions == {"attention": 7, "presence": 1, "watching": 0, "materials": 0}


def test_time_switched_off_does_not_count(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    link = link_to(guard)
    guard.told(link, lock(7))
    hands.boot_seconds += 100
    kept.write(guard.folder, guard.held)
    hands.boot_id, hands.boot_seconds = "boot-2", 20.0
    hands.wall_seconds += 86_400
    guard = guard_in(tmp_path, hands)
    seat = FakeSeat(guard).sit()
    assert seat.heard(RaiseCurtain)[0].frees_in_seconds == 500


def test_an_unreadable_state_is_laid_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands()
    guard_in(tmp_path, hands).folder.state.write_bytes(b'{"attention": 5}')
    guard = guard_in(tmp_path, hands)
    assert guard.held.attention.version == 0
    assert (tmp_path / "state.broken").exists()
    assert "unreadable" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("torn", [b"", bytes(4096), b'{"boot_id":'])
def test_after_a_power_cut_what_was_synced_is_taken_up(
    tmp_path: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    guard.told(link_to(guard), lock(7))
    kept.write_lasting(guard.folder, guard.held)
    guard.folder.state.write_bytes(torn)
    guard = guard_in(tmp_path, hands)
    assert ("unreadable" in caplog.text) is bool(torn)
    caplog.clear()
    assert guard.held.attention.version == 7
    assert FakeSeat(guard).sit().heard(RaiseCurtain)


@pytest.mark.parametrize("unlocked_in", ["boot-1", "boot-2"])
def test_an_old_state_that_a_power_cut_has_left_whole_hides_no_lock_that_was_synced(
    tmp_path: Path, unlocked_in: str
) -> None:
    hands = Hands(boot_id=unlocked_in)
    guard = guard_in(tmp_path, hands)
    kept.write(guard.folder, guard.held)
    hands.boot_id, hands.boot_seconds = "boot-2", hands.boot_seconds + 20
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    guard.told(link_to(guard), lock(7))
    kept.write_lasting(guard.folder, guard.held)
    again = Hands(boot_seconds=5.0, boot_id="boot-3")
    assert guard_in(tmp_path, again).held.attention.version == 7
    kept.write(guard.folder, guard.held)
    guard.folder.state_lasting.unlink()
    guard.folder.state_lasting.mkdir()  # as a sector that cannot be read any more
    assert guard_in(tmp_path, again).held.attention.version == 7


@pytest.mark.parametrize("reason", ["", "another window holds the keyboard"])
def test_the_curtains_answer_decides_the_report(tmp_path: Path, reason: str) -> None:
    guard = guard_in(tmp_path, Hands())
    FakeSeat(guard, curtain_reason=reason).sit()
    link = link_to(guard)
    state = "failed" if reason else "locked"
    assert say(guard, link, lock(7)) == [Report("attention", 7, state, reason)]


def test_a_seat_killed_by_its_pupil_is_reported_and_covered_when_it_is_back(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    FakeSeat(guard).sit()
    link = link_to(guard)
    say(guard, link, lock(7))
    link.sent.clear()
    guard.detach()
    assert link.heard(Report) == [Report("attention", 7, "failed", NO_SEAT)]
    seat = FakeSeat(guard).sit()
    assert isinstance(seat.told[0], RaiseCurtain)
    assert Report("attention", 7, "locked") in link.sent


async def test_what_was_told_and_not_yet_written_is_noted_once_by_the_guard_that_comes_after(
    tmp_path: Path,
) -> None:
    """Killed in the second before the journal is written, it would deny what its teacher saw."""
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    FakeSeat(guard).sit()
    lesson_on(guard, link_to(guard))
    await guard.write_notes()
    guard.told(link_to(guard), lock(7))
    kept.write(guard.folder, guard.held)
    waiting = [note.kind for note in guard.voice.notes]
    assert "attention-locked" in waiting
    killed = guard_in(tmp_path, hands)
    assert [note.kind for note in killed.voice.notes][: len(waiting)] == waiting
    await killed.write_notes()
    again = guard_in(tmp_path, hands)
    assert again.voice.notes == killed.voice.notes, "the state of before holds them still"
    kinds = [entry.kind for entry in read_entries(guard.folder)]
    assert kinds.count("attention-locked") == 1
