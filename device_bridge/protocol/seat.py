"""What guard and seat say to each other over the device's local socket: length-framed msgpack.

Never on the network. The guard decides, the seat shows and proves; each order carries a version
or an id, and the newest version of a feature wins.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.control import ControlAnswered, ControlInput, ControlOrdered
from device_bridge.protocol.fields import (
    Bytes,
    Id,
    LeaseSeconds,
    Name,
    OptionalId,
    Pixels,
    SchoolAct,
    Sentence,
    Version,
    Words,
)
from device_bridge.protocol.hello import Screens, ScreensTold
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import Choice


class ShowIndicator(Struct, frozen=True, tag="show-indicator"):
    """The lesson's bar as it should look now. `look`: is a picture going out, and how close.

    `on` False takes the bar away. `received` counts hand-outs; `hand_place` 0: hand down.
    `close_seconds`: how long a close look may still go on. `private`: whether the pupil may keep
    the screen private, or does, for `private_seconds` more. `stills` counts the pictures that the
    teacher has kept in this lesson; `still_now`: the newest is just being kept. `also`: the other
    teachers who have a lesson of the class here. `drives`: who has keyboard and pointer.
    `asked`: the version of the lesson that offers the `choices`; while it stays, a choice waits.
    `showing` "here": `whose` screen is shown on this one, "source": this one is shown to the class.
    """

    version: Version
    on: bool
    teacher_name: Name = ""
    class_name: Name = ""
    until_seconds: LeaseSeconds = 0
    pupil_name: Name = ""
    look: Literal["none", "overview", "close"] = "none"
    hand_place: Annotated[int, Meta(ge=0)] = 0
    received: Annotated[int, Meta(ge=0)] = 0
    choices: Annotated[tuple[Choice, ...], Meta(max_length=100)] = ()
    hand_in_folder: Words = ""
    received_folder: Words = ""
    close_seconds: LeaseSeconds = 0
    private: Literal["", "offered", "on"] = ""
    private_seconds: LeaseSeconds = 0
    stills: Annotated[int, Meta(ge=0)] = 0
    still_now: bool = False
    also: Annotated[tuple[Name, ...], Meta(max_length=3)] = ()
    drives: Name = ""
    showing: Literal["", "here", "source"] = ""
    whose: Name = ""
    asked: Version = 0


class RaiseCurtain(Struct, frozen=True, tag="raise-curtain"):
    """Cover every screen, hold keyboard and pointer, and prove it. Repeated: prove again.

    `in_reach`: the teacher can still free and renews, so the pupil is told when the lesson ends;
    else the curtain counts down `frees_in_seconds`. A seat without a guard frees by the latter.
    """

    version: Version
    sentence: Sentence = ""
    teacher_name: Name = ""
    frees_in_seconds: LeaseSeconds = 0
    in_reach: bool = True
    lesson_ends_in_seconds: LeaseSeconds = 0


class DropCurtain(Struct, frozen=True, tag="drop-curtain"):
    """Give the pupil the screens back."""

    version: Version


class Look(Struct, frozen=True, tag="look"):
    """Capture at this size and pace, or stop ("none"). The seat answers with `Frame`s.

    Their `version` is this one's; their numbers rise within a seat's life.
    """

    version: Version
    look: Literal["none", "overview", "close"]
    width: Pixels = 320
    height: Pixels = 180
    pace: Annotated[float, Meta(gt=0, le=60)] = 1.0
    screen: Annotated[int, Meta(ge=0, le=15)] = 0
    bytes_per_second: Bytes = 0


class FrameTaken(Struct, frozen=True, tag="frame-taken"):
    """The frame `number` went out; the seat may hand over the next. At most one is held."""

    number: Version


class ShowScreen(Struct, frozen=True, tag="show-screen"):
    """Show the frames that follow: over the main monitor, or in a window that the pupil may leave.

    Nothing is covered before the first picture is there. `width` x `height`: their size.
    """

    version: Version
    mode: Literal["full", "window"]
    whose: Name = ""
    width: Pixels = 0
    height: Pixels = 0


class HideScreen(Struct, frozen=True, tag="hide-screen"):
    """Give the pupil the desktop back; "lost": and say in words that nothing came any more."""

    version: Version
    why: Literal["", "lost"] = ""


class ScreenLate(Struct, frozen=True, tag="screen-late"):
    """Say on the picture for how long none has come; 0: it is of now again."""

    version: Version
    seconds: Annotated[int, Meta(ge=0, le=86_400)]


class ShowNotice(Struct, frozen=True, tag="show-notice"):
    """Show the teacher's words, or say what the school does (`act`); answered by `NoticeShown`."""

    id: Id
    text: Words
    teacher_name: Name
    act: SchoolAct = ""


class ShowLost(Struct, frozen=True, tag="show-lost"):
    """Say on every whole screen that this device is missing; "": no more. Told by `LostShown`."""

    text: Words


class OpenFile(Struct, frozen=True, tag="open-file"):
    """Open a hand-out that lies verified in the pupil's folder; answered by `Opened`."""

    id: Id
    path: Words


class OpenPage(Struct, frozen=True, tag="open-page"):
    """Open a web page; answered by `Opened`."""

    id: Id
    address: Words


class SeatUp(Struct, frozen=True, tag="seat-up"):
    """The seat's first word: whose desktop it is and which screens it has."""

    user: Name
    screens: Screens
    battery_percent: Annotated[int, Meta(ge=-1, le=100)] = -1


class IndicatorAnswered(Struct, frozen=True, tag="indicator-answered"):
    """Is the bar mapped (or gone, when `on` was False)? `reason` empty: as asked."""

    version: Version
    reason: Sentence = ""


class CurtainAnswered(Struct, frozen=True, tag="curtain-answered"):
    """The seat's proof. `reason` empty: mapped on every screen, keyboard and pointer held."""

    version: Version
    reason: Sentence = ""


class StillShown(Struct, frozen=True, tag="still-shown"):
    """Frame `number` is still what the screen shows, checked just now."""

    number: Version


class LookAnswered(Struct, frozen=True, tag="look-answered"):
    """How looking goes: "on", "dark" (blank), "private", "failed" with its reason."""

    version: Version
    state: Literal["on", "dark", "private", "failed"]
    reason: Sentence = ""


class ScreenShown(Struct, frozen=True, tag="screen-shown"):
    """The frame `number` is on the screen; the next may come. `reason` not empty: it is not."""

    version: Version
    number: Version
    reason: Sentence = ""


class NoticeShown(Struct, frozen=True, tag="notice-shown"):
    id: Id
    reason: Sentence = ""


class LostShown(Struct, frozen=True, tag="lost-shown"):
    """Is it mapped on every screen (or gone)? `reason` empty: as asked."""

    reason: Sentence = ""


class Opened(Struct, frozen=True, tag="opened"):
    id: Id
    reason: Sentence = ""


class PupilActed(Struct, frozen=True, tag="pupil-acted"):
    """What the pupil did on the bar, the curtain or a notice. "seat": `text` is the pupil's id."""

    kind: Literal[
        "hand-up",
        "hand-down",
        "words",
        "reply",
        "seat",
        "private-on",
        "private-off",
        "take-back",
        "show-left",
    ]
    text: Words = ""
    reply_to: OptionalId = ""


ToSeat = (
    ShowIndicator
    | RaiseCurtain
    | DropCurtain
    | Look
    | FrameTaken
    | ShowScreen
    | HideScreen
    | ScreenLate
    | Frame
    | ShowNotice
    | ShowLost
    | OpenFile
    | OpenPage
    | ControlOrdered
    | ControlInput
)
FromSeat = (
    SeatUp
    | ScreensTold
    | IndicatorAnswered
    | CurtainAnswered
    | Frame
    | StillShown
    | LookAnswered
    | ScreenShown
    | NoticeShown
    | LostShown
    | Opened
    | PupilActed
    | ControlAnswered
)
