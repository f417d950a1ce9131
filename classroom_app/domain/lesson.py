"""What a lesson is, in values that never change under one's feet."""

from typing import NewType

from msgspec import Struct

DeviceId = NewType("DeviceId", str)
PupilId = NewType("PupilId", str)
ClassId = NewType("ClassId", str)
LessonId = NewType("LessonId", str)


class Pupil(Struct, frozen=True):
    """`display` is what a tile shows, unique in the class; `seat` is the place in the room."""

    id: PupilId
    display: str
    given_name: str
    family_name: str
    seat: int = 0


class Device(Struct, frozen=True):
    """A device of the class; `pupil` is its owner by the roster, empty for a shared one."""

    id: DeviceId
    name: str
    kind: str
    pupil: PupilId = PupilId("")


class Roster(Struct, frozen=True):
    """One class as last synced."""

    id: ClassId
    name: str
    subject: str = ""
    pupils: tuple[Pupil, ...] = ()
    devices: tuple[Device, ...] = ()


class Sitting(Struct, frozen=True):
    """Who sits at a device during this lesson, and from where that is known."""

    device: DeviceId
    pupil: PupilId
    source: str  # "roster", "pupil" (chosen there, confirmed by the teacher), "teacher"


class Lesson(Struct, frozen=True):
    """A lesson under way. Times are UTC seconds since 1970. `shared`: a colleague may join it.

    `clock_set`: by how many seconds the clock was set since the start; `started_at` stays.
    """

    id: LessonId
    class_id: ClassId
    class_name: str
    teacher_name: str
    started_at: int
    ends_at: int
    shared: bool = False
    clock_set: int = 0


class KnownClass(Struct, frozen=True):
    """A class that the teacher may open, as last synced."""

    id: ClassId
    name: str
    subject: str = ""
    pupils: int = 0
    devices: int = 0


class Changed(Struct, frozen=True):
    """What an operation touched and who asked, so that views refresh just that.

    `made`: the id of what came to be by it, where that can be taken back.
    """

    pupils: frozenset[PupilId] = frozenset()
    lesson: bool = False
    asked_by: str = ""
    made: str = ""
