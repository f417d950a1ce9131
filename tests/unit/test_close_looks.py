"""Close looks side by side: who is asked how, what is written, and how each of them ends."""

import pytest
from msgspec.structs import replace

from classroom_app.domain import budget
from classroom_app.domain.acts import Act, LookedAway, LookedClosely
from classroom_app.domain.errors import StoreFull
from classroom_app.domain.lesson import Device, DeviceId
from classroom_app.services.watching import Closely, Watching
from device_bridge.protocol.hello import Report
from device_bridge.protocol.watching import CLOSE_ENDED, WatchingDeclared
from tests.cart import Cart

FIVE = tuple(DeviceId(f"d{at}") for at in range(1, 6))
SMALL, ROOM = (320, 180), (640, 360)


class Looking:
    """A lesson with five devices, all of them on the wall."""

    def __init__(self) -> None:
        self.cart, self.ended = Cart(), list[DeviceId]()
        assert self.cart.room.roster
        devices = tuple(Device(device, device, "test") for device in FIVE)
        self.cart.room.roster = replace(self.cart.room.roster, devices=devices)
        self.watching = Watching(self.cart.room, self.ended.append)
        self.watching.look(dict.fromkeys(FIVE, SMALL))

    async def look(self, *devices: DeviceId) -> None:
        await self.watching.look_closely([Closely(device, 0, *ROOM) for device in devices])

    def told(self, device: DeviceId) -> WatchingDeclared:
        newest = self.cart.devices.declared[device][-1]
        assert isinstance(newest, WatchingDeclared)
        return newest

    def close(self) -> set[DeviceId]:
        return {device for device in FIVE if self.told(device).look == "close"}

    def written(self) -> list[tuple[str, str]]:
        return [_said(act) for act in self.cart.journal.acts]


def _said(act: Act) -> tuple[str, str]:
    match act:
        case LookedClosely(device=device):
            return device, "closely"
        case LookedAway(device=device, why=why):
            return device, why
        case _:
            return "", ""


async def test_four_are_asked_at_the_size_they_are_shown_and_each_gets_its_eight_a_second() -> None:
    looking = Looking()
    await looking.look(*FIVE[:4])
    assert looking.close() == set(FIVE[:4])
    for device in FIVE[:4]:
        told = looking.told(device)
        assert ((told.width, told.height), told.bytes_per_second) == (ROOM, 0)
        assert 8 < told.pace <= budget.CLOSE_PACE / 2
    assert looking.told(FIVE[4]).look == "overview"
    assert looking.written() == [(device, "closely") for device in FIVE[:4]]


async def test_no_more_than_four_are_looked_at_closely() -> None:
    looking = Looking()
    await looking.look(*FIVE)
    assert looking.close() == set(FIVE[:4])


async def test_one_alone_has_the_whole_pace_again_and_the_others_ends_are_written() -> None:
    looking = Looking()
    await looking.look(*FIVE[:3])
    await looking.watching.look_closely([Closely(FIVE[1])])
    assert looking.close() == {FIVE[1]}
    assert looking.told(FIVE[1]).pace == budget.CLOSE_PACE
    await looking.look()
    assert looking.written()[3:] == [(at, "teacher") for at in (FIVE[0], FIVE[2], FIVE[1])]
    assert not looking.close()


async def test_another_size_is_asked_anew_and_is_no_new_look() -> None:
    looking = Looking()
    await looking.look(*FIVE[:2])
    await looking.watching.look_closely([Closely(at, 0, 500, 280) for at in FIVE[:2]])
    assert [looking.told(at).width for at in FIVE[:2]] == [500, 500]
    assert len(looking.written()) == 2


async def test_one_whose_time_is_up_says_so_and_the_others_go_on() -> None:
    looking = Looking()
    await looking.look(*FIVE[:3])
    before = looking.told(FIVE[1])
    over = Report("watching", before.version, "on", CLOSE_ENDED)
    await looking.watching.take(FIVE[1], over)
    assert looking.ended == [FIVE[1]]
    assert looking.close() == {FIVE[0], FIVE[2]}
    assert looking.written()[-1] == (FIVE[1], "time")
    await looking.watching.take(FIVE[1], over)
    assert looking.ended == [FIVE[1]], "it ends once"


async def test_a_disk_that_is_full_lets_nobody_be_looked_at_unwritten() -> None:
    looking = Looking()
    await looking.look(FIVE[0])
    looking.cart.journal.full = True
    with pytest.raises(StoreFull):
        await looking.look(*FIVE[1:3])
    assert not looking.close()


async def test_when_the_lesson_is_over_nobody_is_looked_at() -> None:
    looking = Looking()
    await looking.look(*FIVE[:4])
    looking.watching.forget()
    assert [looking.told(at).look for at in FIVE] == ["none"] * 5


async def test_whom_the_class_is_shown_is_one_of_the_panes_and_stays_at_its_own_size() -> None:
    looking = Looking()
    await looking.look(FIVE[0])
    await looking.watching.keep_close(FIVE[0])
    own = looking.told(FIVE[0])
    await looking.look(*FIVE[:3])
    assert [looking.told(at).width for at in FIVE[:3]] == [own.width, *[ROOM[0]] * 2]
    await looking.look(*FIVE[1:3])
    assert looking.close() == set(FIVE[:3]), "the show goes on without its pane"
    await looking.look(*FIVE[:2])
    await looking.watching.keep_close(None)
    assert looking.told(FIVE[0]).width == ROOM[0], "and the pane without the show"
    assert [why for at, why in looking.written() if at == FIVE[0]] == ["closely"]


async def test_one_of_the_panes_that_is_kept_is_large_for_that_moment_and_on_the_same_screen() -> (
    None
):
    looking = Looking()
    await looking.watching.look_closely([Closely(FIVE[0], 1, *ROOM), Closely(FIVE[1], 0, *ROOM)])
    version = await looking.watching.look_once(FIVE[0])
    told = looking.told(FIVE[0])
    assert (told.version, told.screen, told.width > ROOM[0]) == (version, 1, True)
    await looking.watching.look_off(FIVE[0])
    assert (looking.told(FIVE[0]).screen, looking.told(FIVE[0]).width) == (1, ROOM[0])
    assert len(looking.written()) == 2
