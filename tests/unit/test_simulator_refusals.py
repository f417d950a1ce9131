"""How long a simulated desktop refuses; that the teacher reads it stands in tests/classroom."""

from pathlib import Path

from device_bridge.agent.capabilities import Picture, unseen
from device_bridge.protocol.seat import RaiseCurtain, ShowIndicator
from device_bridge.simulator.capabilities import Refusal, SimulatedSeat
from device_bridge.simulator.screens import BehavingScreen


def curtain(version: int) -> RaiseCurtain:
    return RaiseCurtain(version, "", "Claire", 60)


async def test_an_order_that_is_told_again_is_refused_again_and_the_next_one_is_obeyed() -> None:
    seat = SimulatedSeat((Refusal("curtain", "held elsewhere", times=1),))
    assert await seat.curtain.raise_(curtain(7)) == "held elsewhere"
    assert await seat.curtain.raise_(curtain(7)) == "held elsewhere", "the proof of the same lock"
    assert seat.curtain.raised is None
    assert await seat.curtain.raise_(curtain(8)) == ""
    assert seat.curtain.raised == curtain(8)


async def test_without_a_number_all_is_refused_until_it_is_told_to_obey() -> None:
    seat = SimulatedSeat()
    seat.refuse(Refusal("notify", "no desktop"))
    for number in range(5):
        assert (
            await seat.notify.show(str(number), "Bonjour", "Claire", answered=True) == "no desktop"
        )
    seat.refuse(Refusal("notify", ""))
    assert await seat.notify.show("6", "Bonjour", "Claire", answered=True) == ""
    assert [notice.id for notice in seat.notify.shown] == ["6"]


async def test_each_capability_refuses_alone(tmp_path: Path) -> None:
    paper = tmp_path / "plan.txt"
    paper.write_text("Plan")
    seat = SimulatedSeat()
    seat.capture.shows(BehavingScreen("dev-7", 7, "idle", lambda: 1.0, (320, 240)))
    bar = ShowIndicator(1, on=True)
    assert isinstance(seat.capture.grab(0), Picture)
    for capability in ("capture", "indicator", "open", "input"):
        seat.refuse(Refusal(capability, "no"))
    assert seat.capture.grab(0) == unseen("cannot-see")
    assert await seat.indicator.show(bar) == "no"
    assert await seat.indicator.show(ShowIndicator(2, on=False)) == "", "it can always be hidden"
    assert await seat.open.file(str(paper)) == await seat.open.page("https://x.org") == "no"
    assert seat.input.release() == "no"
    assert await seat.curtain.raise_(curtain(1)) == ""
    assert (seat.capture.grabs, seat.input.released, len(seat.open.files)) == (2, 1, 0)
