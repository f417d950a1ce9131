"""Who is here: the lesson as a device is told of it, and who sits at the device."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import Id, LeaseSeconds, Name, OptionalId, Version


class Choice(Struct, frozen=True):
    """One name of the class list, for a pupil to choose on a device without an owner."""

    pupil: Id
    name: Name


class LessonDeclared(Struct, frozen=True, tag="lesson-declared"):
    """The lesson and who sits here. While it is on, the device shows its indicator.

    `until_seconds` is what remains of the lesson, by the teacher's clock; the mandate's end holds
    in any case. `pupil` empty: nobody yet, so `choices` are offered. `shared`: another teacher's
    lesson of the same class may stand beside this one, and does not take its place.
    """

    version: Version
    lease_seconds: LeaseSeconds
    state: Literal["on", "over"]
    lesson: Id
    class_id: Id
    class_name: Name
    teacher_name: Name
    until_seconds: LeaseSeconds = 3600
    pupil: OptionalId = ""
    pupil_name: Name = ""
    choices: Annotated[tuple[Choice, ...], Meta(max_length=100)] = ()
    shared: bool = False


class Company(Struct, frozen=True, tag="company"):
    """Which other teachers have a lesson of the same class on this device; told when it changes."""

    teachers: Annotated[tuple[Name, ...], Meta(max_length=3)] = ()


class SeatClaimed(Struct, frozen=True, tag="seat-claimed"):
    """A pupil chose a name on the device; the teacher confirms with the next `LessonDeclared`.

    Answered by `Heard`; sent again until then.
    """

    id: Id
    lesson: Id
    pupil: Id
