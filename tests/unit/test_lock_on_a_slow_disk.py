"""A lock is written first and told then; but a disk that is busy holds up no class."""

import pytest

from classroom_app.domain.errors import StoreFull
from classroom_app.services.attention import Attention
from device_bridge.protocol.attention import LockDeclared
from tests.cart import ONE, TWO, Cart


class SlowDisk(Cart):
    """The disk turns again when the first device was told; `written` counts acts at each word."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(self.room)
        self.written: list[int] = []
        self.journal.turning.clear()
        self.devices.heard = self._heard

    def _heard(self) -> None:
        self.written.append(len(self.journal.acts))
        self.journal.turning.set()


async def test_a_ready_disk_writes_before_anybody_is_told() -> None:
    disk = SlowDisk()
    disk.journal.turning.set()
    await disk.attention.lock()
    assert disk.written == [1, 1]


async def test_what_a_ready_disk_refuses_is_not_told() -> None:
    disk = SlowDisk()
    disk.journal.turning.set()
    disk.journal.full = True
    with pytest.raises(StoreFull):
        await disk.attention.lock()
    assert disk.devices.declared == {}


async def test_no_pupil_stays_locked_because_the_disk_is_full() -> None:
    disk = SlowDisk()
    disk.journal.turning.set()
    await disk.attention.lock()
    disk.journal.full = True
    with pytest.raises(StoreFull):
        await disk.attention.free()
    for told in disk.devices.declared.values():
        newest = told[-1]
        assert isinstance(newest, LockDeclared)
        assert not newest.locked


async def test_a_busy_disk_holds_up_the_answer_and_not_the_lock() -> None:
    disk = SlowDisk()
    await disk.attention.lock()
    assert disk.written == [0, 0]
    assert len(disk.journal.acts) == 1
    assert {device: len(told) for device, told in disk.devices.declared.items()} == {ONE: 1, TWO: 1}


async def test_a_disk_that_fails_late_says_so_and_whoever_comes_is_locked_too() -> None:
    disk = SlowDisk()
    disk.journal.full = True
    with pytest.raises(StoreFull):
        await disk.attention.lock()
    disk.journal.full = False
    del disk.room.declared[TWO, "attention"]
    await disk.attention.sat(TWO, disk.room.pupil_at(TWO))
    newest = disk.devices.declared[TWO][-1]
    assert isinstance(newest, LockDeclared)
    assert newest.locked
