"""What happened in a lesson, as the journal keeps it: made once, never changed.

`PERSONAL` names the fields that say something about a pupil: they stand apart from the chained
row, so that they can be erased by law and the chain still holds.
"""

from typing import ClassVar

from msgspec import Struct

from classroom_app.domain.lesson import ClassId, DeviceId, Lesson, LessonId, PupilId, Sitting


class Act(Struct, frozen=True, kw_only=True):
    """`id` makes an act told twice one; `at` is UTC seconds since 1970."""

    id: str
    lesson: LessonId
    at: int
    PERSONAL: ClassVar[tuple[str, ...]] = ()


class LessonStarted(Act, frozen=True, kw_only=True, tag="lesson-started"):
    class_id: ClassId
    class_name: str
    teacher_name: str
    ends_at: int


class LessonExtended(Act, frozen=True, kw_only=True, tag="lesson-extended"):
    """The end moved; `after_end`: the lesson was over, and goes on.

    `clock_set`: by how many seconds the clock was set in the lesson, whose end moved along. Its
    length is as it was.
    """

    ends_at: int
    after_end: bool = False
    clock_set: int = 0


class LessonShared(Act, frozen=True, kw_only=True, tag="lesson-shared"):
    """Another teacher of the class may have a lesson beside this one, or no longer."""

    shared: bool


class LessonOver(Act, frozen=True, kw_only=True, tag="lesson-over"):
    """`why`: "teacher", "time" when the end had come, or "left": no right reached it any more.

    Of one that was left its devices were not told: their mandates end by themselves.
    """

    why: str


class Sat(Act, frozen=True, kw_only=True, tag="sat"):
    """A pupil sits at a device and no more at `left`; `pupil` empty: nobody does any more."""

    device: DeviceId
    pupil: PupilId
    source: str
    left: DeviceId = DeviceId("")
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class SeatClaim(Act, frozen=True, kw_only=True, tag="seat-claim"):
    """A pupil chose a name on the device; the teacher has not confirmed it yet."""

    device: DeviceId
    pupil: PupilId
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class LockAsked(Act, frozen=True, kw_only=True, tag="lock-asked"):
    """Lock or free. `everybody`: whoever comes later as well."""

    version: int
    locked: bool
    everybody: bool
    pupils: tuple[PupilId, ...]
    devices: tuple[DeviceId, ...]
    sentence: str = ""
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupils",)


class ShowAsked(Act, frozen=True, kw_only=True, tag="show-asked"):
    """A screen is shown to these devices: the teacher's, or the pupil's who sits at `source`."""

    version: int
    mode: str
    devices: tuple[DeviceId, ...]
    source: DeviceId = DeviceId("")
    pupil: PupilId = PupilId("")
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class ShowOver(Act, frozen=True, kw_only=True, tag="show-over"):
    """It is shown no more; `why`: "teacher", or what ended it."""

    version: int
    why: str


class DeviceCame(Act, frozen=True, kw_only=True, tag="device-came"):
    """A device's first link in this lesson, or its first after it was started anew.

    `renumbered`: it held higher versions of an earlier lesson, so ours were declared anew.
    """

    device: DeviceId
    agent: str
    boot: str
    renumbered: int = 0


class Reported(Act, frozen=True, kw_only=True, tag="reported"):
    """The device's own word on what it applied of a declaration."""

    device: DeviceId
    feature: str
    version: int
    state: str
    reason: str = ""


class Overruled(Act, frozen=True, kw_only=True, tag="overruled"):
    """Another teacher's declaration holds on the device."""

    device: DeviceId
    feature: str
    by: str


class LookedClosely(Act, frozen=True, kw_only=True, tag="looked-closely"):
    device: DeviceId
    pupil: PupilId
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class LookedAway(Act, frozen=True, kw_only=True, tag="looked-away"):
    """A close look's end. `why`: "teacher", or "time" when the device lets it go on no more."""

    device: DeviceId
    pupil: PupilId
    why: str
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class ControlTaken(Act, frozen=True, kw_only=True, tag="control-taken"):
    """The teacher asks for mouse and keyboard there."""

    device: DeviceId
    pupil: PupilId
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class ControlEnded(Act, frozen=True, kw_only=True, tag="control-ended"):
    """Given back, taken back by the pupil, or not begun at all, for `why`."""

    device: DeviceId
    pupil: PupilId
    why: str
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class StillAsked(Act, frozen=True, kw_only=True, tag="still-asked"):
    """A picture of a screen is to be kept; what the device answered stands in its `Shown`."""

    device: DeviceId
    pupil: PupilId
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class HandedOut(Act, frozen=True, kw_only=True, tag="handed-out"):
    """A document went to `devices` and, with `everybody`, to whoever comes later."""

    handout: str
    document: str
    name: str
    size: int
    everybody: bool
    pupils: tuple[PupilId, ...]
    devices: tuple[DeviceId, ...]
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupils",)


class HandOutWithdrawn(Act, frozen=True, kw_only=True, tag="hand-out-withdrawn"):
    handout: str


class HandOutReported(Act, frozen=True, kw_only=True, tag="hand-out-reported"):
    """How far a hand-out is on a device; `file_hash` (hex) is of the file on its disk."""

    handout: str
    device: DeviceId
    state: str
    file_hash: str = ""
    reason: str = ""


class CollectAsked(Act, frozen=True, kw_only=True, tag="collect-asked"):
    """A ticket. Devices that are not in reach are asked when they come back."""

    ticket: str
    devices: tuple[DeviceId, ...]


class HandInKept(Act, frozen=True, kw_only=True, tag="hand-in-kept"):
    """A pupil's file lies in the class's folder, verified. `path` is relative to that folder.

    `pupil` is who sat there when it was taken; who sits there later does not move it.
    """

    ticket: str
    device: DeviceId
    class_id: ClassId
    pupil: PupilId
    name: str
    path: str
    document: str
    size: int
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil", "name", "path")


class CollectDone(Act, frozen=True, kw_only=True, tag="collect-done"):
    """A device's ticket is settled: `files` were taken, `failed` could not be."""

    ticket: str
    device: DeviceId
    files: int
    failed: int = 0
    reason: str = ""


class Said(Act, frozen=True, kw_only=True, tag="said"):
    """The teacher's message."""

    text: str
    devices: tuple[DeviceId, ...]
    PERSONAL: ClassVar[tuple[str, ...]] = ("text",)


class Shown(Act, frozen=True, kw_only=True, tag="shown"):
    """How a command ended on a device: "done", "refused", "failed", "late" or "not-there"."""

    command: str
    device: DeviceId
    state: str
    reason: str = ""


class PupilSpoke(Act, frozen=True, kw_only=True, tag="pupil-spoke"):
    """`kind` as in `PupilSaid`."""

    device: DeviceId
    pupil: PupilId
    kind: str
    text: str = ""
    reply_to: str = ""
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil", "text")


class PupilAnswered(Act, frozen=True, kw_only=True, tag="pupil-answered"):
    """The teacher has seen to a pupil's hand or words: the wish at this device is over."""

    device: DeviceId
    pupil: PupilId
    PERSONAL: ClassVar[tuple[str, ...]] = ("pupil",)


class PageOpenedAct(Act, frozen=True, kw_only=True, tag="page-opened"):
    address: str
    devices: tuple[DeviceId, ...]


AnyAct = (
    LessonStarted
    | LessonExtended
    | LessonShared
    | LessonOver
    | Sat
    | SeatClaim
    | LockAsked
    | DeviceCame
    | Reported
    | Overruled
    | LookedClosely
    | ShowAsked
    | ShowOver
    | LookedAway
    | ControlTaken
    | ControlEnded
    | StillAsked
    | HandedOut
    | HandOutWithdrawn
    | HandOutReported
    | CollectAsked
    | HandInKept
    | CollectDone
    | Said
    | Shown
    | PupilSpoke
    | PupilAnswered
    | PageOpenedAct
)


class Declared(Struct, frozen=True):
    """A declaration as it is to be told again after a restart; `body` is its wire form."""

    device: DeviceId
    feature: str
    version: int
    body: bytes


class HandOut(Struct, frozen=True):
    """One hand-out of the lesson."""

    id: str
    document: bytes
    name: str
    size: int
    everybody: bool
    pupils: tuple[PupilId, ...]
    withdrawn: bool = False


class Receipt(Struct, frozen=True):
    """The newest report of a hand-out by a device."""

    handout: str
    device: DeviceId
    state: str
    file_hash: str = ""
    reason: str = ""


class OpenWish(Struct, frozen=True):
    """Something a pupil wants that is not answered yet; `at` is UTC seconds."""

    device: DeviceId
    kind: str
    at: int
    text: str = ""


class Claimed(Struct, frozen=True):
    """A name chosen on a device that the teacher has not answered yet."""

    device: DeviceId
    pupil: PupilId


class Wanted(Struct, frozen=True):
    """Whether a pupil is to be locked; `pupil` empty: everybody not named."""

    pupil: PupilId
    locked: bool
    sentence: str = ""


class Resumed(Struct, frozen=True):
    """A lesson under way as the store has it: all that a restart needs to go on without a word."""

    lesson: Lesson
    sittings: tuple[Sitting, ...]
    declared: tuple[Declared, ...]
    wanted: tuple[Wanted, ...]
    handouts: tuple[HandOut, ...]
    receipts: tuple[Receipt, ...]
    wishes: tuple[OpenWish, ...]
    came: tuple[DeviceId, ...]
    tickets: tuple[CollectAsked, ...]
    handed_in: tuple[HandInKept, ...]
    claims: tuple[Claimed, ...] = ()


class Kept(Struct, frozen=True):
    """One act as the journal has it; `state` of sending: "waiting", "applied" or "refused"."""

    sequence: int
    act: AnyAct
    state: str
