"""What a device says is taken by each feature alone: one that fails ends nothing else."""

from collections.abc import Sequence

import pytest

from classroom_app.domain.errors import NoLesson, RoomError, StoreFull
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.hearing import Hearing, Takes
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice
from tests.cart import ONE, TWO, Cart

WORD, NEXT = Report("attention", 1, "locked"), Report("attention", 2, "free")


class Takers:
    """Two features of which the first fails at one device's first word."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault
        self.heard: list[tuple[str, FromDevice]] = []

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        if (device, message) == (ONE, WORD):
            raise self._fault

    def both(self) -> Sequence[Takes]:
        return self, Second(self.heard)


class Second:
    def __init__(self, heard: list[tuple[str, FromDevice]]) -> None:
        self._heard = heard

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        self._heard.append((device, message))


async def shown(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("fault", "told", "level"),
    [
        (StoreFull(), ["StoreFull"], "INFO"),
        (NoLesson(), [], "INFO"),
        (KeyError("a bug of ours"), [], "ERROR"),
    ],
)
async def test_a_word_that_one_feature_cannot_take_is_taken_by_the_others_and_ends_no_links(
    fault: Exception, told: list[str], level: str, caplog: pytest.LogCaptureFixture
) -> None:
    cart, takers, refused = Cart(), Takers(fault), list[RoomError]()
    hearing = Hearing(
        cart.room, takers.both(), pictured=shown, refused=refused.append, utc=lambda: 0.0
    )
    for device in (ONE, TWO):
        hearing.heard(device, WORD)
    hearing.heard(ONE, NEXT)
    with caplog.at_level("INFO"):
        await hearing.settle()
    assert takers.heard == [(ONE, WORD), (ONE, NEXT), (TWO, WORD)]
    assert [type(one).__name__ for one in refused] == told
    assert [one.levelname for one in caplog.records] == [level]
    caplog.clear()
