"""Tiles are made of what devices said; time alone changes one only into another state."""

from typing import Literal, get_args

from msgspec.structs import replace

from classroom_app.domain.evidence import (
    Evidence,
    came,
    framed,
    goes_on,
    of_colleagues,
    pulsed,
    reported,
)
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import LockWanted, Place, tile_of
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.sentences import tile_words
from device_bridge.agent.capabilities import Why
from device_bridge.protocol.hello import Pulse, Report, Welcome
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import Company

PLACE = Place(PupilId("p1"), DeviceId("d1"), "Lina", 1)
FRAME = Frame(1, 1, 320, 180, 1366, 768, covering(b"x", 320, 180))

LOCKED_ABOVE = Report("attention", 2**40, "locked")


def shown(seen: Evidence, now: float) -> Tile:
    return tile_of(PLACE, seen, LockWanted(), others_locked=False, now=now)


def test_a_tile_stays_the_same_while_nothing_happens_so_it_is_painted_once() -> None:
    seen = framed(Evidence(PLACE.device, up_since=100.0, heard_at=100.0), FRAME, 100.0)
    assert shown(seen, 101.0) == shown(seen, 104.5)
    assert shown(seen, 101.0).state is State.LIVE


def test_a_picture_that_is_not_confirmed_for_five_seconds_says_since_when() -> None:
    seen = framed(Evidence(PLACE.device, up_since=100.0, heard_at=100.0), FRAME, 100.0)
    stale = shown(seen, 106.0)
    assert (stale.state, stale.since) == (State.STALE, 100.0)
    assert shown(seen, 109.0) == stale


def test_a_frame_that_only_goes_on_wakes_no_wall_and_one_after_a_pause_does() -> None:
    up = Evidence(PLACE.device, up_since=90.0, heard_at=100.0)
    live = framed(up, FRAME, 100.0)
    assert not goes_on(up, live), "the first one"
    assert goes_on(live, framed(live, FRAME, 104.0))
    assert goes_on(live, pulsed(live, Pulse(1, current=True), 102.0, 0.0))
    assert not goes_on(live, framed(live, FRAME, 106.0)), "it was stale"
    assert not goes_on(live, framed(live, FRAME, 101.0, readable=False))
    assert not goes_on(live, pulsed(live, Pulse(1, current=True, battery_percent=9), 102.0, 0.0))
    assert not goes_on(live, reported(live, Report("watching", 3, "dark"), 101.0))


def test_a_picture_that_cannot_be_read_is_said_in_words_until_one_can() -> None:
    seen = framed(Evidence(PLACE.device, up_since=90.0, heard_at=100.0), FRAME, 100.0)
    for now in (101.0, 102.0):
        seen = framed(seen, FRAME, now, readable=False)
    assert (shown(seen, 102.0).state, shown(seen, 102.0).since) == (State.WAITING, 101.0)
    assert "not readable" in tile_words(shown(seen, 102.0), 102.0).second
    seen = pulsed(seen, Pulse(1, current=True), 102.5, 0.0)
    assert shown(seen, 103.0).state is State.WAITING, "no pulse confirms what was never shown"
    assert shown(framed(seen, FRAME, 103.0), 103.0).state is State.LIVE


def test_a_lock_that_is_answered_at_once_never_says_that_it_was_asked() -> None:
    seen = framed(Evidence(PLACE.device, up_since=90.0, heard_at=100.0), FRAME, 100.0)
    lock = LockWanted(1, locked=True, since=100.0)

    def state(seen: Evidence, lock: LockWanted, now: float) -> State:
        return tile_of(PLACE, seen, lock, others_locked=False, now=now).state

    assert state(seen, lock, 100.2) is State.LIVE
    assert state(seen, lock, 100.4) is State.ASKED
    seen = reported(seen, Report("attention", 1, "locked"), 100.1)
    seen = replace(seen, proved_version=1, proved_at=100.1)
    assert state(seen, lock, 100.2) is State.LOCKED
    free = LockWanted(2, locked=False, since=101.0)
    assert state(seen, free, 101.2) is State.LOCKED
    assert state(seen, free, 101.4) is State.ASKED


def test_a_device_that_says_why_it_shows_no_picture_is_not_called_waiting() -> None:
    up = Evidence(PLACE.device, up_since=90.0, heard_at=100.0)
    assert tile_words(shown(up, 100.0), 100.0).title == "Waiting for the first picture"
    said = Report("watching", 3, "failed", "no-indicator")
    words = tile_words(shown(reported(up, said, 100.0), 100.0), 100.0)
    assert (words.title, words.second) == ("No picture", "the pupil's bar is not shown")


def test_each_reason_why_nobody_could_see_a_desktop_is_told_as_what_it_is() -> None:
    up = Evidence(PLACE.device, up_since=90.0, heard_at=100.0)

    def words(state: Literal["dark", "failed"], why: str) -> tuple[str, str, str]:
        seen = shown(reported(up, Report("watching", 3, state, why), 96.0), 100.0)
        told = tile_words(seen, 100.0)
        return told.icon, told.title, told.second

    assert words("dark", "screen-off") == ("moon", "Screen off", "for 4 s")
    titles = {words("dark", why)[1] for why in get_args(Why)}
    assert len(titles) == len(get_args(Why)) - 2, "the three that fail have no title of their own"
    assert words("dark", "") == ("monitor", "Blank screen", "for 4 s")
    assert words("failed", "screen-gone") == ("monitor", "No picture", "the screen is unplugged")
    assert words("failed", "cannot-see")[2] == "the screen cannot be seen"
    assert words("failed", "not-permitted")[2] == "that device does not permit it yet"


def test_where_nobody_is_signed_in_that_is_told_and_not_the_bar_that_is_missing() -> None:
    up = Evidence(PLACE.device, up_since=90.0, heard_at=100.0)
    seen = reported(up, Report("presence", 2, "failed", "no-seat"), 100.0)
    seen = reported(seen, Report("watching", 3, "failed", "no-indicator"), 100.0)
    words = tile_words(shown(seen, 100.0), 100.0)
    assert (words.icon, words.title, words.second) == ("log-in", "Nobody signed in", "")


def test_two_machines_with_one_name_are_told() -> None:
    """A copied folder runs twice: the start that was here before is here again."""
    seen = Evidence(PLACE.device)
    for now, boot in enumerate(("boot-1", "boot-2", "boot-1"), start=100):
        welcome = Welcome(1, "d1", boot, "agent", "test", bytes(32), bytes(16))
        assert shown(seen, now).state is not State.TWIN
        seen = pulsed(came(seen, welcome, now, now), Pulse(0, current=False), now, now)
    assert shown(framed(seen, FRAME, 103.0), 103.0).state is State.TWIN


def test_a_number_that_no_app_goes_above_does_not_drown_what_the_device_says_after_it() -> None:
    seen = Evidence(PLACE.device, up_since=100.0, heard_at=100.0)
    seen = reported(seen, Report("attention", 2**53, "free"), 100.0)
    seen = reported(seen, Report("attention", 8, "locked"), 101.0)
    lock = LockWanted(8, locked=True, since=100.5)
    assert tile_of(PLACE, seen, lock, others_locked=True, now=101.5).state is State.LOCKED


def test_the_free_of_a_lessons_beginning_needs_no_answer_and_hides_no_colleagues_lock() -> None:
    """It leaves before the lesson itself: what it then meets is perhaps another's and let be."""
    beginning = LockWanted(9, locked=False, since=100.0, only_ours=True)
    seen = framed(Evidence(PLACE.device, up_since=90.0, heard_at=100.0), FRAME, 100.0)
    seen = of_colleagues(seen, Company(("Omar",)), 100.5)
    locked, free = Report("attention", 7, "locked"), Report("attention", 7, "free")
    for report, state in ((locked, State.LOCKED), (free, State.LIVE)):
        seen = reported(seen, report, 101.0)
        assert tile_of(PLACE, seen, beginning, others_locked=False, now=102.0).state is state


def test_a_device_alone_with_us_is_not_locked_by_a_number_that_nobody_gave() -> None:
    seen = framed(Evidence(PLACE.device, up_since=90.0, heard_at=100.0), FRAME, 100.0)
    seen = reported(seen, Report("attention", 2**40, "locked"), 101.0)
    for lock in (LockWanted(9, locked=False, only_ours=True), LockWanted(9, locked=True)):
        tile = tile_of(PLACE, seen, lock, others_locked=False, now=102.0)
        assert not tile.held
        assert tile.state is State.ASKED
    shared = reported(of_colleagues(seen, Company(("Omar",)), 102.0), LOCKED_ABOVE, 102.0)
    assert tile_of(PLACE, shared, LockWanted(9), others_locked=False, now=102.5).held
    free = reported(
        framed(Evidence(PLACE.device, up_since=90.0, heard_at=100.0), FRAME, 100.0),
        Report("attention", 7, "free"),
        101.0,
    )
    beginning = LockWanted(9, locked=False, only_ours=True)
    assert tile_of(PLACE, free, beginning, others_locked=False, now=102.0).state is State.LIVE
