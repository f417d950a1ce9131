"""The lesson as one device is told of it: from who sits there and how long it still lasts."""

from typing import Final

from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.presence import Choice, LessonDeclared

LESSON_SECONDS_MAX: Final = 4 * 3600
CHOICES_MAX: Final = 100
NAME_MAX: Final = 64


def lesson_declared(room: Classroom, device: DeviceId, version: int) -> LessonDeclared:
    lesson = room.running()
    pupil = room.pupil(room.pupil_at(device))
    return LessonDeclared(
        version,
        lease_seconds=room.lease_seconds(),
        state="on",
        lesson=lesson.id,
        class_id=lesson.class_id,
        class_name=lesson.class_name[:NAME_MAX],
        teacher_name=lesson.teacher_name[:NAME_MAX],
        until_seconds=min(LESSON_SECONDS_MAX, room.left_seconds()),
        pupil=pupil.id if pupil else "",
        pupil_name=pupil.display[:NAME_MAX] if pupil else "",
        choices=() if pupil else _choices(room),
        shared=lesson.shared,
    )


def _choices(room: Classroom) -> tuple[Choice, ...]:
    taken = {sitting.pupil for sitting in room.sittings.values()}
    pupils = [p for p in room.open_roster().pupils if p.id not in taken]
    return tuple(Choice(p.id, p.display[:NAME_MAX]) for p in pupils[:CHOICES_MAX])
