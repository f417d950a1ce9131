"""Driving over the whole link: app, grant, mandate, guard, seat, and both journals."""

from pathlib import Path

import pytest

from central_mdm.contract.grants import Verb
from classroom_app.domain.acts import ControlEnded, ControlTaken
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.watching import Closely
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.journal import read_entries
from device_bridge.protocol.control import (
    ControlAnswered,
    ControlInput,
    ControlOrdered,
    KeyPressed,
    TextTyped,
)
from device_bridge.protocol.seat import PupilActed, ToSeat
from tests.guards import SittingSeat
from tests.school import VERBS, SmallSchool
from tests.teaching import Place, Teacher, device, now, teacher, until

pytestmark = pytest.mark.real_loop

LINA = DeviceId("dev-1")
EVENTS = (KeyPressed("Control_L", down=True), TextTyped("Voilà, ça marche: œuvre"))


class DrivenSeat(SittingSeat):
    """Lets itself be driven as a desktop does; `seats` are all there were."""

    seats: list["DrivenSeat"]

    def __init__(self, guard: Guard) -> None:
        super().__init__(guard)
        type(self).seats.append(self)

    def tell(self, message: ToSeat) -> None:
        super().tell(message)
        if isinstance(message, ControlOrdered):
            self._soon(ControlAnswered(message.version, "on" if message.on else "off"))


def listen(teacher: Teacher) -> list[tuple[str, str]]:
    """Hear what the window hears of driving."""
    heard: list[tuple[str, str]] = []

    def said(_: DeviceId, state: str, reason: str) -> None:
        heard.append((state, reason))

    teacher.school.control.said = said
    return heard


async def test_a_teacher_drives_over_the_link_until_the_pupil_takes_back_and_both_wrote_it_down(
    tmp_path: Path,
) -> None:
    DrivenSeat.seats = []
    school = SmallSchool()
    async with (
        device(school, tmp_path / "lina", LINA, seat=DrivenSeat) as lina,
        teacher(school, tmp_path / "home", [Place(LINA, "lina")]) as claire,
    ):
        control = claire.school.control
        said = listen(claire)
        await claire.begin_with(lina)
        await claire.school.watching.look_closely([Closely(LINA)])
        [seat] = DrivenSeat.seats
        await until(lambda: lina.guard.presence.held.shown == "close", "told of a close look")
        await control.drive(LINA)
        await until(lambda: ("on", "") in said, lambda: f"drives: {said}")
        assert lina.guard.presence.held.bar.drives == "Ms Vidal"
        control.send(EVENTS)
        await until(lambda: seat.heard(ControlInput), "keys have come")
        lina.guard.seat_said(PupilActed("take-back"))
        await until(lambda: said[-1] == ("taken-back", ""), lambda: f"taken back: {said}")
        control.send(EVENTS)
        await control.drive(LINA)
        await until(lambda: said[-1] == ("failed", "too-soon"), lambda: f"refused: {said}")
        acts = [kept.act for kept in await claire.keeping.acts(claire.school.room.lesson_id(), 99)]
        driven = [one for one in acts if isinstance(one, ControlTaken | ControlEnded)]
        assert [type(one) for one in driven] == [ControlTaken, ControlEnded] * 2
        await lina.guard.write_notes()
        kinds = [one.kind for one in read_entries(lina.guard.folder)]
        assert [kind for kind in kinds if kind.startswith("control")] == [
            "control-on",
            "control-taken-back",
        ]
        assert seat.heard(ControlInput) == []


async def test_a_grant_without_the_verb_drives_nothing(tmp_path: Path) -> None:
    DrivenSeat.seats = []
    school = SmallSchool(now=now())
    who = school.identity("teacher", "teacher-1")
    fewer: tuple[Verb, ...] = VERBS[:1] + VERBS[2:]
    grant = school.grant(
        who, name="teacher-1", teacher_name="Ms Vidal", issued_at=now(), verbs=fewer
    )
    async with (
        device(school, tmp_path / "lina", LINA, seat=DrivenSeat) as lina,
        teacher(
            school, tmp_path / "home", [Place(LINA, "lina")], identity=who, grant=grant
        ) as claire,
    ):
        assert not claire.school.papers.may("control")
        said = listen(claire)
        await claire.begin_with(lina)
        await claire.school.watching.look_closely([Closely(LINA)])
        await until(lambda: lina.guard.presence.held.shown == "close", "told of a close look")
        await claire.school.control.drive(LINA)
        claire.school.control.send(EVENTS)
        await until(lambda: said[-1] == ("failed", "verb"), lambda: f"refused: {said}")
        [seat] = DrivenSeat.seats
        assert seat.heard(ControlOrdered) == seat.heard(ControlInput) == []
        assert lina.guard.presence.held.bar.drives == ""
