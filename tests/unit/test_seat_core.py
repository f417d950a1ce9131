"""The seat's own rules, with capabilities that do as they are told."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from msgspec.structs import replace
from PIL import Image

from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.agent.seat.core import WAITING_MAX, SeatCore
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    FrameTaken,
    FromSeat,
    HideScreen,
    IndicatorAnswered,
    Look,
    LookAnswered,
    NoticeShown,
    Opened,
    OpenFile,
    OpenPage,
    PupilActed,
    RaiseCurtain,
    SeatUp,
    ShowIndicator,
    ShowNotice,
    ShowScreen,
    StillShown,
)
from device_bridge.simulator.capabilities import SimulatedInput

BAR = ShowIndicator(1, on=True, teacher_name="Claire")
LOOK = Look(1, "overview", 40, 40, pace=10.0)


def stripes(shade: int, width: int = 80, height: int = 60) -> Picture:
    """Make a picture that is not uniform."""
    row = bytes((shade, 0, 0)) * (width // 2) + bytes((0, 255 - shade, 9)) * (width // 2)
    return Picture(width, height, "RGB", row * height)


class Here(Executor):
    """Works at once, in the same thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as the base says
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def large(shade: int) -> Picture:
    """Return a screen of two places of which the left one has this shade."""
    row = bytes((shade, shade, shade)) * 200 + bytes((200, 10, 30)) * 200
    return Picture(400, 100, "RGB", row * 100)


class Eye:
    def __init__(self) -> None:
        self.shows: Picture | Unseen = stripes(1)
        self.grabs = self.asked = 0
        self.tells = False
        self.speaks: int | None = None
        self._seen: Picture | Unseen | None = None

    def screens(self) -> tuple[Screen, ...]:
        return (Screen(80, 60),)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        assert screen == 0
        self.asked += 1
        return () if self.tells and self.shows is self._seen else None

    def descriptor(self) -> int | None:
        return self.speaks

    def grab(self, screen: int) -> Picture | Unseen:
        assert screen == 0
        self.grabs += 1
        self._seen = self.shows
        return self.shows


class Cover:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.reason = ""
        self.gate = asyncio.Event()
        self.gate.set()

    async def raise_(self, order: RaiseCurtain) -> str:
        self.told.append(f"raise {order.version}")
        await self.gate.wait()
        return self.reason

    async def drop(self) -> None:
        self.told.append("drop")


class Bar:
    def __init__(self) -> None:
        self.reason = ""
        self.on = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.acted: Callable[[PupilActed], None] = print

    async def show(self, order: ShowIndicator) -> str:
        await self.gate.wait()
        self.on = order.on
        return self.reason

    def on_acted(self, acted: Callable[[PupilActed], None]) -> None:
        self.acted = acted


class Words:
    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.answered: dict[str, bool] = {}
        self.lessons: list[bool] = []

    async def show(self, id_: str, text: str, teacher_name: str, *, answered: bool) -> str:
        await self.gate.wait()
        self.answered[id_] = answered
        return "" if text and teacher_name and id_ else "nothing to show"

    def lesson(self, *, on: bool) -> None:
        self.lessons.append(on)


class Opener:
    async def file(self, path: str) -> str:
        return "" if path == "a.pdf" else "not here"

    async def page(self, address: str) -> str:
        return "" if address.startswith("https:") else "not a web page"


class Screenful:
    """Shows what it is given; `lays` says why not."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.hidden: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def show(self, order: ShowScreen) -> None:
        del order

    async def picture(self, frame: Frame) -> str:
        await self.gate.wait()
        self.seen.append(frame.number)
        return ""

    def late(self, seconds: int) -> None:
        del seconds

    def hide(self, order: HideScreen) -> None:
        self.hidden.append(order.why)

    def on_left(self, left: Callable[[PupilActed], None]) -> None:
        del left


class Desk:
    """A seat on its fakes, and all that it says."""

    def __init__(self) -> None:
        self.eye, self.cover, self.bar, self.words = Eye(), Cover(), Bar(), Words()
        self.hands, self.showing = SimulatedInput(), Screenful()
        self.said: list[FromSeat] = []
        self.up = asyncio.Event()
        self.core = SeatCore(
            self.eye,
            self.cover,
            self.bar,
            self.words,
            Opener(),
            self.hands,
            self.showing,
            self._hear,
            Here(),
            user="l",
        )

    def _hear(self, said: FromSeat) -> None:
        self.said.append(said)
        self.up.set()

    def frames(self) -> list[Frame]:
        return [said for said in self.said if isinstance(said, Frame)]

    def watched(self, look: Look = LOOK) -> None:
        self.core.told(BAR)
        self.core.told(look)


@asynccontextmanager
async def at_work() -> AsyncGenerator[Desk]:
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(desk.core.run())
        await desk.up.wait()  # its screens are measured in a thread
        await asyncio.sleep(0.01)
        yield desk
        task.cancel()


async def test_the_first_word_says_whose_desktop_it_is() -> None:
    async with at_work() as desk:
        assert desk.said == [SeatUp("l", (Screen(80, 60),))]


async def test_without_the_bar_no_screen_is_grabbed() -> None:
    async with at_work() as desk:
        desk.core.told(LOOK)
        desk.bar.reason = "covered"
        desk.core.told(BAR)
        await asyncio.sleep(60)
        assert desk.eye.grabs == 0
        assert desk.said[1:] == [IndicatorAnswered(1, "covered")]


async def test_a_bar_that_goes_stops_the_grabs_at_once_however_slowly_it_unmaps() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        desk.bar.gate.clear()
        desk.core.told(ShowIndicator(1, on=False))
        grabs = desk.eye.grabs
        await asyncio.sleep(60)
        assert desk.eye.grabs == grabs == 1


async def test_a_bar_taken_away_while_it_was_coming_lets_nothing_out() -> None:
    async with at_work() as desk:
        desk.bar.gate.clear()
        desk.watched()
        await asyncio.sleep(0.05)
        desk.core.told(ShowIndicator(2, on=False))
        desk.bar.gate.set()
        await asyncio.sleep(60)
        assert desk.eye.grabs == 0


async def test_a_bar_that_is_covered_later_is_found_out() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        desk.bar.reason = "covered"
        await asyncio.sleep(4)
        grabs = desk.eye.grabs
        await asyncio.sleep(60)
        assert desk.eye.grabs == grabs
        assert desk.said[-1] == IndicatorAnswered(1, "covered")


async def test_a_frame_is_scaled_to_fit_and_never_enlarged() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        desk.core.told(Look(2, "close", 4000, 4000))
        await asyncio.sleep(0.05)
        small, whole = desk.frames()
        assert (small.width, small.height, whole.width, whole.height) == (40, 30, 80, 60)
        assert Image.open(BytesIO(small.patches[0].image)).size == (40, 30)
        assert (small.version, whole.version, whole.number) == (1, 2, 2)
        assert desk.said.count(LookAnswered(1, "on")) == 1


async def test_an_unchanged_screen_sends_no_frame_and_says_so_at_most_each_second() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        desk.core.told(FrameTaken(1))
        await asyncio.sleep(10)
        assert len(desk.frames()) == 1
        assert 8 <= desk.said.count(StillShown(1)) <= 10
        assert desk.eye.grabs > 50


async def test_what_is_drawn_on_a_still_screen_that_is_looked_at_closely_is_seen_at_once() -> None:
    async with at_work() as desk:
        desk.eye.tells = True
        overview, closely = Look(1, "overview", pace=1.0), Look(2, "close", pace=1.0)
        for look, most in ((overview, 1.1), (closely, 0.02)):
            desk.watched(look)
            await asyncio.sleep(3)
            desk.core.told(FrameTaken(len(desk.frames())))
            await asyncio.sleep(3)
            before = len(desk.frames())
            desk.eye.shows = stripes(50 + look.version)
            await asyncio.sleep(most)
            assert len(desk.frames()) == before + 1
            desk.core.told(FrameTaken(before + 1))
        grabs = desk.eye.grabs
        await asyncio.sleep(3)
        assert desk.eye.grabs == grabs, "what the system says is still is not grabbed"


async def test_a_system_that_speaks_when_something_is_drawn_is_not_asked_meanwhile() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        async with at_work() as desk:
            desk.eye.tells, desk.eye.speaks = True, ours.fileno()
            desk.watched(Look(1, "close", pace=30.0))
            await asyncio.sleep(1)
            desk.core.told(FrameTaken(1))
            await asyncio.sleep(0.2)
            asked = desk.eye.asked
            await asyncio.sleep(1)
            assert desk.eye.asked - asked <= 11
            desk.eye.shows = stripes(50)
            theirs.send(b"drawn")
            await asyncio.sleep(0.004)
            assert len(desk.frames()) == 2


async def test_one_frame_is_in_flight_and_the_newest_picture_follows() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        for shade in (10, 200, 90):
            desk.eye.shows = stripes(shade)
            await asyncio.sleep(1)
        assert len(desk.frames()) == 1
        desk.core.told(FrameTaken(7))
        await asyncio.sleep(1)
        assert len(desk.frames()) == 1
        desk.core.told(FrameTaken(1))
        await asyncio.sleep(1)
        _, newest = desk.frames()
        red = Image.open(BytesIO(newest.patches[0].image)).convert("RGB").getpixel((2, 2))
        assert isinstance(red, tuple)
        assert abs(red[0] - 90) < 12


async def test_a_tile_is_always_whole_and_a_close_look_goes_on_by_patches() -> None:
    async with at_work() as desk:
        desk.eye.shows = large(0)
        desk.watched()
        await asyncio.sleep(1)
        for number, shade in enumerate((60, 90), start=1):
            desk.eye.shows = large(shade)
            desk.core.told(FrameTaken(number))
            await asyncio.sleep(1)
        assert [frame.base for frame in desk.frames()] == [0, 0, 0]
        desk.core.told(Look(2, "close", 4000, 4000))
        await asyncio.sleep(1)
        desk.eye.shows = large(120)
        desk.core.told(FrameTaken(4))
        await asyncio.sleep(1)
        whole, part = desk.frames()[3:]
        assert (whole.base, len(whole.patches)) == (0, 1)
        assert (part.base, [patch.x for patch in part.patches]) == (4, [0])


async def test_a_dark_screen_a_blind_one_and_a_broken_picture_are_told_once() -> None:
    async with at_work() as desk:
        desk.eye.shows = Picture(80, 60, "BGRX", bytes(80 * 60 * 4))
        desk.watched()
        await asyncio.sleep(5)
        desk.eye.shows = unseen("screen-gone")
        await asyncio.sleep(5)
        desk.eye.shows = Picture(80, 60, "RGB", b"short")
        await asyncio.sleep(5)
        desk.eye.shows = stripes(3)
        await asyncio.sleep(1)
        told = [(s.state, s.reason) for s in desk.said if isinstance(s, LookAnswered)]
        assert told == [
            ("dark", ""),
            ("failed", "screen-gone"),
            ("failed", "the picture is not whole"),
            ("on", ""),
        ]


async def test_looking_stops_when_told_and_when_the_guard_is_gone() -> None:
    async with at_work() as desk:
        desk.watched()
        await asyncio.sleep(0.05)
        desk.core.told(Look(2, "none"))
        await asyncio.sleep(5)
        assert desk.eye.grabs == 1
        desk.core.told(LOOK)
        desk.core.alone()
        await asyncio.sleep(5)
        assert desk.eye.grabs == 1
        assert not desk.bar.on


async def test_the_curtain_answers_each_order_and_the_newest_wins() -> None:
    async with at_work() as desk:
        desk.cover.gate.clear()
        desk.core.told(RaiseCurtain(3, frees_in_seconds=60))
        await asyncio.sleep(0.01)
        desk.core.told(DropCurtain(4))
        desk.core.told(RaiseCurtain(6, frees_in_seconds=60))
        desk.core.told(DropCurtain(5))
        desk.cover.reason = "another window holds the keyboard"
        desk.cover.gate.set()
        await asyncio.sleep(0.01)
        assert desk.cover.told == ["raise 3", "raise 6"]
        assert desk.said[1:] == [
            CurtainAnswered(3, desk.cover.reason),
            CurtainAnswered(6, desk.cover.reason),
        ]


async def test_a_curtain_whose_guard_died_frees_the_pupil_when_its_lease_is_over() -> None:
    async with at_work() as desk:
        desk.core.told(RaiseCurtain(3, frees_in_seconds=60))
        await asyncio.sleep(50)
        assert desk.cover.told == ["raise 3"]
        await asyncio.sleep(12)
        assert desk.cover.told == ["raise 3", "drop"]


async def test_a_guard_that_starts_anew_may_count_from_the_beginning() -> None:
    async with at_work() as desk:
        desk.core.told(RaiseCurtain(9, frees_in_seconds=60))
        await asyncio.sleep(0.01)
        desk.core.alone()
        desk.core.told(DropCurtain(1))
        await asyncio.sleep(0.01)
        assert desk.cover.told == ["raise 9", "drop"]


async def test_an_ending_seat_gives_the_screens_back() -> None:
    async with at_work() as desk:
        desk.core.told(RaiseCurtain(3, frees_in_seconds=60))
        await asyncio.sleep(0.01)
    assert desk.cover.told == ["raise 3", "drop"]


async def test_notices_and_openings_are_answered_and_too_many_refused() -> None:
    async with at_work() as desk:
        desk.words.gate.clear()
        for number in range(WAITING_MAX + 2):
            desk.core.told(ShowNotice(f"n{number}", "Bonjour", "Claire"))
        desk.core.told(OpenFile("f1", "a.pdf"))
        desk.core.told(OpenFile("f2", "../b.pdf"))
        desk.core.told(OpenPage("p1", "file:///etc/passwd"))
        await asyncio.sleep(0.01)
        desk.words.gate.set()
        await asyncio.sleep(0.01)
        shown = {s.id: s.reason for s in desk.said if isinstance(s, NoticeShown)}
        assert [i for i, reason in shown.items() if reason] == ["n32", "n33"]
        assert len(shown) == WAITING_MAX + 2
        opened = [s for s in desk.said if isinstance(s, Opened)]
        assert opened == [Opened("f1"), Opened("f2", "not here"), Opened("p1", "not a web page")]


async def test_an_answer_is_offered_to_a_teacher_in_a_lesson_not_to_the_school_nor_after() -> None:
    async with at_work() as desk:
        desk.core.told(BAR)
        desk.core.told(ShowNotice("n1", "Bonjour", "Claire"))
        desk.core.told(ShowNotice("n2", "Bonjour", "Tilleuls", "message"))
        await asyncio.sleep(0.01)
        assert desk.words.answered == {"n1": True, "n2": False}
        desk.core.alone()
        assert desk.words.lessons == [True, False], "without a guard an answer reaches nobody"
        desk.core.told(BAR)
        desk.core.told(replace(BAR, on=False))
        assert desk.words.lessons == [True, False, True, False]


async def test_what_the_pupil_does_on_the_bar_is_passed_on() -> None:
    async with at_work() as desk:
        desk.bar.acted(PupilActed("hand-up"))
        assert desk.said[-1] == PupilActed("hand-up")
