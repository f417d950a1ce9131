"""A guard for tests with a seat, a link and a clock that are all in the test's hand."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from central_mdm.contract.grants import Grant, Mandate, Verb
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.makings import LibraryOptions, Makings
from device_bridge.protocol.hello import Hello, Screen
from device_bridge.protocol.messages import FromApp, FromDevice
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import Choice, LessonDeclared
from device_bridge.protocol.seat import (
    CurtainAnswered,
    FromSeat,
    HideScreen,
    IndicatorAnswered,
    Look,
    NoticeShown,
    Opened,
    OpenFile,
    RaiseCurtain,
    ScreenShown,
    SeatUp,
    ShowIndicator,
    ShowNotice,
    ShowScreen,
    ToSeat,
)

VERBS: tuple[Verb, ...] = ("watch", "control", "lock", "handout", "collect", "message", "launch")


class AtOnce(Executor):
    """Works in the caller's thread: a test needs no other."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401 - as Executor's
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


@dataclass
class Hands:
    """The clock, in the test's hands."""

    boot_seconds: float = 1000.0
    wall_seconds: float = 1_795_510_000.0
    boot_id: str = "boot-1"

    def clock(self) -> Clock:
        return Clock(lambda: self.boot_seconds, lambda: self.wall_seconds, self.boot_id)


@dataclass
class FakeLink:
    """A teacher's app as the session hands it over."""

    teacher_name: str = "Claire"
    lesson: str = "lesson-1"
    mandate_id: str = "mandate-1"
    mandate_ends_at: float = 9000.0
    sent: list[FromDevice] = field(default_factory=list[FromDevice])
    frames: list[Frame] = field(default_factory=list[Frame])
    taken: Callable[[int], None] = lambda _: None
    forgotten: int = 0
    verbs: tuple[Verb, ...] = VERBS

    @property
    def grant(self) -> Grant:
        return Grant(
            "grant-1", "school-1", "t-1", self.teacher_name, "0" * 64, ("5b",), self.verbs, 0, 9
        )

    @property
    def mandate(self) -> Mandate | None:
        if not self.lesson:
            return None
        return Mandate(self.mandate_id, "grant-1", "school-1", self.lesson, "5b", self.verbs, 0, 9)

    def send(self, message: FromDevice) -> None:
        self.sent.append(message)

    def offer(self, frame: Frame) -> bool:
        self.frames.append(frame)
        return True

    def forget(self) -> None:
        self.forgotten += 1

    def on_frame_taken(self, taken: Callable[[int], None]) -> None:
        self.taken = taken

    def heard(self, kind: type[FromDevice]) -> list[Any]:
        """Everything sent of one kind, taken out of `sent`."""
        found = [message for message in self.sent if isinstance(message, kind)]
        self.sent = [message for message in self.sent if not isinstance(message, kind)]
        return found


@dataclass
class FakeSeat:
    """A seat that answers when it is told to, or by itself where `obeys`."""

    guard: Guard
    obeys: bool = True
    curtain_reason: str = ""
    indicator_reason: str = ""
    told: list[ToSeat] = field(default_factory=list[ToSeat])

    def tell(self, message: ToSeat) -> None:
        self.told.append(message)
        if not self.obeys:
            return
        match message:
            case RaiseCurtain(version):
                self.guard.seat_said(CurtainAnswered(version, self.curtain_reason))
            case ShowIndicator(version):
                self.guard.seat_said(IndicatorAnswered(version, self.indicator_reason))
            case _:
                pass

    def sit(self) -> "FakeSeat":
        self.guard.attach(self.tell)
        self.guard.seat_said(SeatUp("lina", (Screen(1366, 768),)))
        return self

    def heard(self, kind: type[ToSeat]) -> list[Any]:
        """Everything told of one kind, taken out of `told`."""
        found = [message for message in self.told if isinstance(message, kind)]
        self.told = [message for message in self.told if not isinstance(message, kind)]
        return found


class SittingSeat(FakeSeat):
    """Opens what it is told to, and shows one picture for each look; a turn later, as a process.

    `screen`: the frame of a show that it shows now, 0: none.
    """

    order = screen = 0

    def tell(self, message: ToSeat) -> None:
        super().tell(message)
        match message:
            case OpenFile(id_):
                self._soon(Opened(id_))
            case ShowNotice(id_):
                self._soon(NoticeShown(id_))
            case ShowScreen(version):
                self.order = version
            case HideScreen():
                self.order, self.screen = 0, 0
            case Frame(number):
                self.screen = number
                self._soon(ScreenShown(self.order, number))
            case Look(version, look) if look != "none":
                self._soon(Frame(1, version, 320, 180, 1366, 768, covering(b"picture", 320, 180)))
            case _:
                pass

    def _soon(self, message: FromSeat) -> None:
        asyncio.get_running_loop().call_soon(self.guard.seat_said, message)


def guard_in(path: Path, hands: Hands, library: LibraryOptions | None = None) -> Guard:
    """Make a guard as a process would that starts in `path`."""
    folder = Folder(path)
    folder.make()
    return Guard(folder, makings_of(hands, library))


def makings_of(hands: Hands, library: LibraryOptions | None = None) -> Makings:
    ids = count(1)
    return Makings(
        hands.clock(),
        lambda: f"id-{next(ids)}-{int(hands.boot_seconds)}",
        bytes,
        AtOnce(),
        AtOnce(),
        LibraryOptions(reserve_bytes=0) if library is None else library,
    )


def link_to(guard: Guard, link: FakeLink | None = None) -> FakeLink:
    link = link or FakeLink()
    guard.linked(link, Hello(1, 1, "pupitre", "g", "m"))
    return link


def lesson_on(guard: Guard, link: FakeLink, version: int = 1, *, nobody: bool = False) -> None:
    declared = LessonDeclared(
        version,
        600,
        "on",
        link.lesson,
        "5b",
        "5B",
        link.teacher_name,
        pupil="" if nobody else "pupil-1",
        pupil_name="" if nobody else "Lina",
        choices=(Choice("pupil-1", "Lina"),) if nobody else (),
    )
    guard.told(link, declared)


def say(guard: Guard, link: FakeLink, *messages: FromApp) -> list[FromDevice]:
    """Say `messages` as an app; return all that it hears back at once."""
    link.sent.clear()
    for message in messages:
        guard.told(link, message)
    return list(link.sent)
