"""A show: what a device takes of it and when it gives the desktop back; one picture for many."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.showing import Show, Showing
from device_bridge.agent.guard.guard import Guard
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.hello import Report, Superseded
from device_bridge.protocol.messages import (
    decode_showing_from_app,
    decode_showing_from_device,
    encode,
)
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import (
    HideScreen,
    PupilActed,
    ScreenLate,
    ShowIndicator,
    ShowScreen,
)
from device_bridge.protocol.showing import ShowingDeclared, StillShowing
from device_bridge.protocol.watching import Credit
from device_bridge.session.showing import Shows
from tests.cart import ONE, TWO, Cart
from tests.guards import FakeLink, FakeSeat, Hands, SittingSeat, guard_in, lesson_on, link_to


def frame(number: int, base: int = 0, stream: int = 5) -> Frame:
    return Frame(number, stream, 64, 48, 64, 48, covering(b"%d" % number, 64, 48), base)


class Pipe:
    """A lane in memory: what one end sends is what the other receives."""

    def __init__(self, max_waiting: int = 99) -> None:
        self.out: asyncio.Queue[bytes] = asyncio.Queue(max_waiting)
        self.into: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes:
        return await self.into.get()

    async def send(self, raw: bytes) -> None:
        await self.out.put(raw)

    async def close(self) -> None: ...

    def say(self, *messages: Struct) -> None:
        for message in messages:
            self.into.put_nowait(encode(message))


class Class:
    """A device in a lesson, somebody at it, a teacher who shows."""

    def __init__(self, path: Path, seat: type[FakeSeat] = SittingSeat) -> None:
        self.hands = Hands()
        self.guard: Guard = guard_in(path, self.hands)
        self.seat = seat(self.guard).sit()
        self.link: FakeLink = link_to(self.guard)
        lesson_on(self.guard, self.link)
        self.pipe = Pipe()
        self.ended: list[BaseException] = []

    def declare(self, version: int = 5, *, on: bool = True, mode: str = "full") -> None:
        told = ShowingDeclared(version, 600, on, stream=version)
        self.guard.told(self.link, replace(told, mode=mode))

    def reports(self) -> list[tuple[str, str]]:
        told = [one for one in self.link.heard(Report) if one.feature == "showing"]
        return [(one.state, one.reason) for one in told]

    def later(self, seconds: float) -> None:
        self.hands.boot_seconds += seconds
        self.guard.tick()

    def bar(self) -> ShowIndicator:
        return [order for order in self.seat.told if isinstance(order, ShowIndicator)][-1]

    def hidden(self) -> list[str]:
        return [order.why for order in self.seat.heard(HideScreen)]

    @asynccontextmanager
    async def lane(self) -> AsyncGenerator[None]:
        """Serve the lane; a turn of the loop later all that was said is worked off."""

        async def carry() -> None:
            try:
                await self.guard.shows(self.link, self.pipe)
            except Malformed as error:
                self.ended.append(error)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(carry())
            yield
            await asyncio.sleep(0.01)
            task.cancel()

    async def shows(self, *frames: Frame) -> None:
        async with self.lane():
            self.pipe.say(*frames)

    def said_late(self) -> list[int]:
        return [order.seconds for order in self.seat.heard(ScreenLate)]

    def credits(self) -> int:
        given = 0
        while not self.pipe.out.empty():
            match decode_showing_from_device(self.pipe.out.get_nowait()):
                case Credit(frames):
                    given += frames
                case other:
                    raise AssertionError(other)
        return given


async def test_a_show_is_on_when_its_first_picture_is_seen_and_the_bar_says_whose(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare()
    assert room.reports() == [("waiting", "")]
    await room.shows(frame(1), frame(2, 1))
    assert room.reports() == [("on", "")]
    assert (room.bar().showing, room.bar().whose) == ("here", "Claire")
    order = room.seat.heard(ShowScreen)[-1]
    assert (order.mode, order.whose) == ("full", "Claire")
    assert room.credits() == 4, "two at first, one for each that was shown"


async def test_a_seat_that_is_slow_is_given_one_frame_at_a_time(tmp_path: Path) -> None:
    room = Class(tmp_path, FakeSeat)
    room.declare()
    await room.shows(frame(1), frame(2, 1))
    assert [one.number for one in room.seat.heard(Frame)] == [1]
    assert room.credits() == 2


@pytest.mark.parametrize("end", ["declared", "lesson", "lease", "revoked"])
async def test_it_ends_with_its_word_its_lesson_its_lease_and_the_teachers_right(
    tmp_path: Path, end: str
) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.reports()
    match end:
        case "declared":
            room.declare(6, on=False)
        case "lesson":
            over = LessonDeclared(7, 0, "over", room.link.lesson, "5b", "5B", "Claire")
            room.guard.told(room.link, over)
        case "lease":
            room.later(600)
        case _:
            room.guard.revoked(room.link)
    assert room.hidden() == [""]
    assert room.reports()[-1][0] == "off"
    assert room.bar().showing == ""


async def test_a_link_that_dies_gives_the_desktop_back_and_the_pupil_is_told(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.guard.lost(room.link)
    assert room.hidden() == ["lost"]


async def test_where_nothing_comes_any_more_the_desktop_is_back_and_the_app_is_told(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.later(4)
    async with room.lane():
        room.pipe.say(StillShowing())
    room.later(4)
    assert room.hidden() == [], "it goes on, however still"
    room.later(2)
    assert room.hidden() == ["lost"]
    assert room.reports()[-1] == ("lost", "")


async def test_an_old_picture_says_so_before_it_goes_and_no_more_when_it_is_of_now(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    for _ in range(5):
        room.later(1)
    assert room.said_late() == [3, 4, 5], "nothing came on the lane"
    async with room.lane():
        room.pipe.say(StillShowing())
    assert room.said_late() == [0]
    async with room.lane():
        room.pipe.say(StillShowing(4))
    room.later(1)
    assert room.said_late() == [4, 5], "the app hears no more of the pupil whose screen it is"
    await room.shows(frame(2, 1))
    assert (room.said_late(), room.hidden()) == ([0], [])


async def test_a_lost_show_comes_back_whole_on_a_new_lane(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.later(6)
    await room.shows(frame(2, 1))
    assert len(room.ended) == 1, "laid on what is not there any more"
    await room.shows(frame(3))
    assert room.reports()[-2:] == [("waiting", ""), ("on", "")]


async def test_what_a_seat_cannot_lay_ends_the_lane_so_that_it_begins_anew(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1), frame(3, 2))
    assert len(room.ended) == 1


async def test_frames_of_no_show_or_of_another_reach_no_seat(tmp_path: Path) -> None:
    room = Class(tmp_path)
    await room.shows(frame(1))
    room.declare()
    await room.shows(frame(2, stream=4))
    assert room.seat.heard(Frame) == []


async def test_a_frame_that_overtakes_its_declaration_waits_for_it(tmp_path: Path) -> None:
    room = Class(tmp_path)
    async with room.lane():
        room.pipe.say(frame(1))
        await asyncio.sleep(0.01)
        room.declare()
    assert [one.number for one in room.seat.heard(Frame)] == [1]


async def test_a_lock_leaves_the_show_as_it_is_beneath_the_curtain(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.guard.told(room.link, LockDeclared(6, True, 600, "Look here", "Claire"))  # noqa: FBT003
    await room.shows(frame(2, 1))
    room.guard.told(room.link, LockDeclared(7, False, 600))  # noqa: FBT003 - locked
    assert room.hidden() == []
    assert room.reports() == [("waiting", ""), ("on", "")]


def test_outside_its_lesson_nothing_is_shown(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.link = link_to(room.guard, FakeLink("Omar", "lesson-9", "mandate-9"))
    room.declare()
    assert room.reports() == [("failed", "no-lesson")]


def test_without_a_seat_it_fails_in_words_and_comes_when_one_does(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.guard.detach()
    room.declare()
    assert room.reports()[-1] == ("failed", "no-seat")
    room.seat.sit()
    assert room.reports()[-1] == ("waiting", "")


async def test_only_a_window_is_the_pupils_to_leave(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.declare(mode="full")
    await room.shows(frame(1))
    room.guard.seat_said(PupilActed("show-left"))
    assert room.hidden() == []
    room.declare(6, mode="window")
    await room.shows(frame(2, stream=6))
    room.guard.seat_said(PupilActed("show-left"))
    assert room.hidden()[-1:] == [""]
    assert room.reports()[-1] == ("off", "left")
    room.seat.heard(Frame)
    await room.shows(frame(3, stream=6))
    assert room.seat.heard(Frame) == []


@pytest.mark.parametrize("on", [True, False])
async def test_the_same_number_with_another_word_renews_nothing(tmp_path: Path, on: bool) -> None:  # noqa: FBT001 - pytest hands it in
    room = Class(tmp_path)
    room.declare()
    await room.shows(frame(1))
    room.declare(on=on, mode="source" if on else "full")
    assert room.hidden() == [""], "the picture goes, whatever its number says"
    assert room.reports()[-1][0] == ("on" if on else "off")


async def test_whose_screen_is_shown_reads_it_and_finds_it_in_the_account(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.declare(mode="source")
    assert room.reports() == [("on", "")]
    assert room.bar().showing == "source"
    assert room.seat.heard(ShowScreen) == []
    await room.shows(frame(1))
    assert room.seat.heard(Frame) == []
    assert [note.kind for note in room.guard.voice.notes if "source" in note.kind] == ["source-on"]


def test_an_older_word_changes_nothing_and_another_teachers_end_takes_nothing_away(
    tmp_path: Path,
) -> None:
    room = Class(tmp_path)
    room.declare(5)
    room.declare(4, on=False)
    assert room.hidden() == []
    other = link_to(room.guard, FakeLink("Omar", "lesson-2", "mandate-2"))
    room.guard.told(other, ShowingDeclared(9, 0, on=False))
    assert room.hidden() == []
    room.guard.told(other, ShowingDeclared(3, 600, on=True, stream=3))
    assert [told.by for told in other.heard(Superseded)] == ["Claire"]


# the app's end


def numbers(pipe: Pipe) -> list[tuple[int, int]]:
    """Take out what was sent: number and base of each frame."""
    told: list[tuple[int, int]] = []
    while not pipe.out.empty():
        match decode_showing_from_app(pipe.out.get_nowait()):
            case Frame(number, base=base):
                told.append((number, base))
            case _:
                pass
    return told


@asynccontextmanager
async def served(*devices: str) -> AsyncGenerator[tuple[Shows, dict[str, Pipe]]]:
    shows, pipes = Shows(), {device: Pipe() for device in devices}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shows.serve(each, pipe)) for each, pipe in pipes.items()]
        yield shows, pipes
        for task in tasks:
            task.cancel()


async def test_a_slow_receiver_skips_and_the_others_do_not_wait_for_it() -> None:
    async with served("quick", "slow") as (shows, pipes):
        shows.begin(("quick", "slow"))
        pipes["slow"].say(Credit(1))
        for number in range(1, 6):
            pipes["quick"].say(Credit(1))
            shows.offer(frame(number, number - 1))
            await asyncio.sleep(0.01)
        assert numbers(pipes["quick"]) == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
        assert numbers(pipes["slow"]) == [(1, 0)]
        pipes["slow"].say(Credit(1))
        await asyncio.sleep(0.01)
        assert numbers(pipes["slow"]) == [(5, 1)], "the newest, laid on what it has"


async def test_receivers_in_step_are_sent_the_same_bytes() -> None:
    async with served("one", "two") as (shows, pipes):
        shows.begin(("one", "two"))
        for pipe in pipes.values():
            pipe.say(Credit(2))
        shows.offer(frame(1))
        await asyncio.sleep(0.01)
        assert pipes["one"].out.get_nowait() is pipes["two"].out.get_nowait()


async def test_who_is_not_shown_to_is_sent_nothing_and_a_still_picture_costs_a_word() -> None:
    async with served("one", "other") as (shows, pipes):
        shows.begin(("one",))
        for pipe in pipes.values():
            pipe.say(Credit(2))
        shows.offer(frame(1))
        await asyncio.sleep(2.5)
        assert pipes["other"].out.empty()
        assert numbers(Pipe()) == []
        sent = [pipes["one"].out.get_nowait() for _ in range(pipes["one"].out.qsize())]
        assert [len(raw) < 40 for raw in sent] == [False, True, True]


async def test_the_next_show_begins_whole_on_the_same_lane() -> None:
    async with served("one") as (shows, pipes):
        shows.begin(("one",))
        pipes["one"].say(Credit(2))
        shows.offer(frame(1))
        await asyncio.sleep(0.01)
        shows.begin(("one",))
        shows.offer(frame(2, stream=6))
        await asyncio.sleep(0.01)
        assert numbers(pipes["one"]) == [(1, 0), (2, 0)]


async def test_credit_beyond_two_counts_for_two() -> None:
    async with served("one") as (shows, pipes):
        shows.begin(("one",))
        pipes["one"].say(*[Credit(4)] * 9)
        await asyncio.sleep(0.01)
        for number in range(1, 6):
            shows.offer(frame(number, number - 1))
            await asyncio.sleep(0.01)
        assert len(numbers(pipes["one"])) == 2


class NoLooks:
    async def keep_close(self, device: DeviceId | None) -> None: ...


async def test_the_class_is_told_when_nothing_is_heard_of_the_pupil_who_is_shown() -> None:
    cart, shows = Cart(), Shows()
    showing = Showing(cart.room, shows, NoLooks(), lambda _: None)
    at = cart.clock.at
    cart.room.seen[ONE] = Evidence(ONE, up_since=at, heard_at=at, shown_at=at)
    declared = ShowingDeclared(5, 600, on=True, stream=5)
    showing.show = Show(declared, (TWO,), ONE)
    said: list[int] = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(showing.run())
        for later in (1, 2.9, 3, 7):
            cart.clock.at = at + later
            await asyncio.sleep(1)
            said.append(shows.late_seconds)
        showing.pause(paused=True)
        await asyncio.sleep(1)
        said.append(shows.late_seconds)
        running.cancel()
    assert said == [0, 0, 3, 7, 0], "a picture that stands still is meant to"
