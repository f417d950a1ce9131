"""A restart on a full disk: what was told to devices and never written is told back by them."""

import pytest

from classroom_app.domain.acts import Declared, Resumed
from classroom_app.domain.errors import StoreFull
from classroom_app.domain.evidence import Evidence, of_colleagues, reported
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.attention import Attention
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Report, Superseded
from device_bridge.protocol.messages import Declaration, encode
from tests.cart import ONE, TWO, Cart


class Restarted(Cart):
    """Two devices were locked as version 5 when the app ended; each holds what it is said to."""

    def __init__(self) -> None:
        super().__init__()
        self.room.versions.heard(5)
        self.attention = Attention(self.room)
        lock = LockDeclared(5, locked=True, lease_seconds=600, sentence="Eyes up")
        for device in (ONE, TWO):
            self.room.note(device, Evidence(device, up_since=99.0, heard_at=100.0))
            self.room.declare(device, lock)
        kept = tuple(Declared(device, "attention", 5, encode(lock)) for device in (ONE, TWO))
        lesson = self.room.running()
        self.attention.began(Resumed(lesson, (), kept, (), (), (), (), (), (), ()))

    async def says(self, device: DeviceId, report: Report) -> None:
        self.room.versions.heard(report.version)
        self.room.note(device, reported(self.room.evidence(device), report, 100.0))
        await self.attention.take(device, report)

    def locks(self) -> list[bool]:
        held = [self.room.lock_of(device) for device in (ONE, TWO)]
        return [lock is not None and lock.locked for lock in held]

    def newest(self, device: DeviceId) -> Declaration:
        return self.devices.declared[device][-1]


async def test_a_free_that_was_obeyed_and_never_written_holds_after_a_restart() -> None:
    app = Restarted()
    app.journal.full = True
    with pytest.raises(StoreFull):
        await app.says(ONE, Report("attention", 6, "free"))
    assert app.newest(ONE) == LockDeclared(6, locked=False, lease_seconds=600, sentence="Eyes up")
    tile = next(tile for tile in app.room.tiles() if tile.device == ONE)
    assert tile.free
    app.attention.renew()
    assert app.locks() == [False, True]
    app.journal.full = False
    await app.attention.lock()
    assert app.newest(ONE) == app.newest(TWO)
    newest = app.newest(ONE)
    assert isinstance(newest, LockDeclared)
    assert (newest.version, newest.locked) == (7, True)


async def test_a_lock_that_a_disk_failed_after_it_was_told_holds_after_a_restart() -> None:
    app = Restarted()
    await app.says(ONE, Report("attention", 6, "failed", "no seat"))
    held = app.room.lock_of(ONE)
    assert held is not None
    assert (held.version, held.locked) == (6, True)


async def test_what_another_teacher_declared_meanwhile_is_no_lost_word_of_ours() -> None:
    app = Restarted()
    seen = app.room.evidence(ONE)
    app.room.note(ONE, of_colleagues(seen, Superseded("presence", 9, "Omar"), 100.0))
    await app.says(ONE, Report("attention", 9, "free"))
    held = app.room.lock_of(ONE)
    assert held is not None
    assert (held.version, held.locked) == (5, True)


async def test_once_something_was_asked_anew_a_higher_number_is_not_believed() -> None:
    app = Restarted()
    await app.attention.lock()
    await app.says(ONE, Report("attention", 9, "free"))
    assert app.locks() == [True, True]
