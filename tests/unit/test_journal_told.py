"""The lesson's journal is read by people: names for ids, words for what devices report."""

from collections.abc import Sequence
from typing import Any, get_args

import pytest
from msgspec.structs import fields

from classroom_app.domain.acts import (
    AnyAct,
    DeviceCame,
    HandOutReported,
    Kept,
    LessonExtended,
    LessonOver,
    LessonShared,
    LockAsked,
    LookedAway,
    PupilSpoke,
    Reported,
    Sat,
    SeatClaim,
    Shown,
)
from classroom_app.domain.lesson import (
    ClassId,
    Device,
    DeviceId,
    LessonId,
    Pupil,
    PupilId,
    Roster,
)
from classroom_app.presenters.journal import JournalRow, line
from classroom_app.services.commands import NOT_THERE
from classroom_app.services.journal import Journal, names_of
from classroom_app.services.materials import SETTLED
from device_bridge.protocol.hello import Answer, Report
from device_bridge.protocol.talking import PupilSaid

LESSON = LessonId("l")
LINA, TOM, NOBODY = PupilId("lina-7f"), PupilId("tom-2a"), PupilId("")
OWN, SHARED, UNKNOWN = DeviceId("dev-0001-4cdd"), DeviceId("dev-0002-9e11"), DeviceId("dev-0003")
NOWHERE = DeviceId("")
ROSTER = Roster(
    ClassId("c"),
    "5B",
    pupils=(Pupil(LINA, "Lina", "Lina", "L"), Pupil(TOM, "Tom", "Tom", "T")),
    devices=(Device(OWN, "Laptop 1", "linux", LINA), Device(SHARED, "Laptop 2", "linux")),
)


class Written:
    """A journal of these acts."""

    def __init__(self, *acts: AnyAct) -> None:
        self._acts = acts

    async def acts(self, lesson: LessonId, limit: int, after: int = 0) -> Sequence[Kept]:
        del lesson, limit, after
        return [Kept(number, act, "applied") for number, act in enumerate(self._acts, start=1)]


def reported(device: DeviceId, feature: str, state: str, reason: str = "") -> Reported:
    return Reported(
        id=f"{device}-{feature}-{state}",
        lesson=LESSON,
        at=0,
        device=device,
        feature=feature,
        version=1,
        state=state,
        reason=reason,
    )


def sat(device: DeviceId, pupil: PupilId, left: DeviceId = NOWHERE) -> Sat:
    return Sat(
        id=f"{device}-{pupil}",
        lesson=LESSON,
        at=0,
        device=device,
        pupil=pupil,
        source="teacher",
        left=left,
    )


async def lines(*acts: AnyAct) -> list[str]:
    rows = await Journal(Written(*acts), names_of([ROSTER])).rows(LESSON)
    return [line(JournalRow(one.id, one.at, one.kind, one.who, one.what)) for one in rows]


async def test_what_a_device_says_is_told_of_who_sat_there_then() -> None:
    came = DeviceCame(id="came", lesson=LESSON, at=0, device=OWN, agent="pupitre", boot="b")
    claim = SeatClaim(id="claim", lesson=LESSON, at=0, device=SHARED, pupil=TOM)
    assert await lines(
        came,
        reported(OWN, "presence", "on"),
        reported(SHARED, "attention", "locked"),
        claim,
        sat(SHARED, TOM),
        reported(SHARED, "attention", "free"),
        sat(OWN, TOM, left=SHARED),
        reported(OWN, "presence", "failed", "no-indicator"),
        reported(SHARED, "presence", "over"),
        sat(OWN, NOBODY),
        reported(OWN, "attention", "failed", "keyboard"),
        reported(UNKNOWN, "attention", "locked"),
    ) == [
        "Came · Lina · pupitre",
        "The device's bar says whose lesson it is · Lina",
        "Locked, with receipt · Laptop 2",
        "A name was chosen there, and waits for your yes · Tom",
        "Takes a seat · Tom",
        "Free, with receipt · Tom",
        "Takes a seat · Tom",
        "The device's bar is not shown · Tom · the pupil's bar is not shown",
        "The device's bar has gone · Laptop 2",
        "Nobody sits there any more · Laptop 1",
        "Not covered · Laptop 1 · keyboard not held",
        "Locked, with receipt · dev-0003",
    ]


@pytest.mark.parametrize("feature", ["presence", "attention", "watching"])
async def test_each_report_that_is_kept_has_words_of_its_own(feature: str) -> None:
    states = {
        "presence": ("on", "failed", "over"),
        "attention": ("locked", "free", "failed"),
        "watching": get_args(Report.__annotations__["state"]),
    }[feature]
    told = await lines(*(reported(OWN, feature, state) for state in states))
    assert all(each[0].isupper() and each.endswith(" · Lina") for each in told), told


VARIANTS: dict[type, dict[str, tuple[str | bool, ...]]] = {
    LessonExtended: {"after_end": (True, False)},
    LessonOver: {"why": ("teacher", "time", "left")},
    LessonShared: {"shared": (True, False)},
    LockAsked: {"locked": (True, False)},
    LookedAway: {"why": ("teacher", "time")},
    HandOutReported: {"state": tuple(SETTLED)},
    Shown: {"state": (*get_args(Answer.__annotations__["state"]), NOT_THERE)},
    PupilSpoke: {"kind": get_args(PupilSaid.__annotations__["kind"])},
}
"""What an act may say of itself beside who and when, and is told by other words for."""


@pytest.mark.parametrize("kind", [one for one in get_args(AnyAct) if one is not Reported])
async def test_each_act_that_is_kept_has_words_of_its_own(kind: type[AnyAct]) -> None:
    blank: dict[type, Any] = {str: "0", int: 0, bool: False}
    facts: dict[str, Any] = {
        one.name: blank.get(one.type, () if one.name in {"pupils", "devices"} else OWN)
        for one in fields(kind)
    }
    ((name, values),) = VARIANTS.get(kind, {"id": ("0",)}).items()
    for value in values:
        facts[name] = value
        (told,) = await lines(kind(**facts))
        assert told[0].isupper(), told
