"""A lesson to keep, and stores that earlier versions made of it (`python -m tests.stores FOLDER`).

`vNNNN/` holds `store.db` as the version whose newest migration is NNNN wrote it, with its key. Such
a folder is made once and never again: the newest version must open it and find the same lesson.
"""

from typing import TypedDict

from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow
from classroom_app.domain.acts import (
    AnyAct,
    CollectAsked,
    CollectDone,
    Declared,
    DeviceCame,
    HandedOut,
    HandInKept,
    HandOutReported,
    LessonStarted,
    LockAsked,
    PupilSpoke,
    Reported,
    Sat,
)
from classroom_app.domain.lesson import ClassId, DeviceId, LessonId, PupilId

LESSON = LessonId("lesson-1")
CLASS = ClassId("class-5b")
AMINA, BELA = PupilId("pupil-amina"), PupilId("pupil-bela")
ONE, TWO = DeviceId("device-1"), DeviceId("device-2")
NOON = 1_795_500_000
DOCUMENT = "ab" * 32
DECLARED = (
    Declared(ONE, "attention", 3, b'{"locked":true}'),
    Declared(TWO, "attention", 3, b'{"locked":true}'),
)
NO_HASH = (
    b'{"type":"hand-in-kept","id":"x","lesson":"lesson-1","at":1,"ticket":"x","device":"x",'
    b'"class_id":"x","size":1,"document":"no hash"}'
)
SPOILS = (
    ("body", b"{}"),
    ("body", b"[" * 50_000),
    ("body", NO_HASH),
    ("fields", b"{"),
    ("fields", b"[1"),
    ("fields", b'{"pupil":"pupil-amina","path":5}'),
)
"""Of collected work: what lies in a column of its row, so that nobody can read it any more."""

SCOPE = f"class:{CLASS}"
CURSOR = "on-from-5"
ROSTER = (
    Change(1, "class", CLASS, ClassRow(CLASS, "5e B", "Mathématiques")),
    Change(2, "pupil", AMINA, PupilRow(AMINA, CLASS, "Amina", "Sow", "Amina", 1)),
    Change(3, "pupil", BELA, PupilRow(BELA, CLASS, "Béla", "Kovács", "Béla", 2)),
    Change(4, "device", ONE, DeviceRow(ONE, CLASS, "Portable 1", "laptop", AMINA)),
    Change(5, "device", TWO, DeviceRow(TWO, CLASS, "Portable 2", "laptop")),
)


def lesson_acts() -> tuple[AnyAct, ...]:
    """Return what happened: two pupils, a lock, a hand-out, a hand, one work collected of two."""
    return (
        LessonStarted(
            **_next(1),
            class_id=CLASS,
            class_name="5e B",
            teacher_name="Mme Diop",
            ends_at=NOON + 3300,
        ),
        DeviceCame(**_next(2), device=ONE, agent="0.1.0", boot="boot-1"),
        Sat(**_next(3), device=ONE, pupil=AMINA, source="roster"),
        DeviceCame(**_next(4), device=TWO, agent="0.1.0", boot="boot-2"),
        Sat(**_next(5), device=TWO, pupil=BELA, source="teacher"),
        LockAsked(
            **_next(6),
            version=3,
            locked=True,
            everybody=True,
            pupils=(AMINA, BELA),
            devices=(ONE, TWO),
            sentence="Look here, please.",
        ),
        Reported(**_next(7), device=ONE, feature="attention", version=3, state="locked"),
        HandedOut(
            **_next(8),
            handout="handout-1",
            document=DOCUMENT,
            name="Fractions.pdf",
            size=5_000_000,
            everybody=True,
            pupils=(AMINA, BELA),
            devices=(ONE, TWO),
        ),
        HandOutReported(
            **_next(9), handout="handout-1", device=ONE, state="opened", file_hash="cd" * 32
        ),
        PupilSpoke(**_next(10), device=TWO, pupil=BELA, kind="words", text="Which page?"),
        CollectAsked(**_next(11), ticket="ticket-1", devices=(ONE, TWO)),
        HandInKept(
            **_next(12),
            ticket="ticket-1",
            device=ONE,
            class_id=CLASS,
            pupil=AMINA,
            name="Amina's fractions.pdf",
            path="5e B/Amina/fractions.pdf",
            document=DOCUMENT,
            size=40_000,
        ),
        CollectDone(**_next(13), ticket="ticket-1", device=ONE, files=1),
    )


class Told(TypedDict):
    """What every act says."""

    id: str
    lesson: LessonId
    at: int


def _next(number: int) -> Told:
    return {"id": f"act-{number}", "lesson": LESSON, "at": NOON + number}
