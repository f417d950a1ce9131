"""Eyes up: lock and free, by pupils, and take either back."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from classroom_app.domain.acts import LockAsked, Resumed, Wanted
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import Changed, DeviceId, PupilId
from classroom_app.services.classroom import Classroom, Scope
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice

RENEW_SECONDS: Final = LEASE_SECONDS / 3
EVERYBODY: Final = PupilId("")
SENTENCE_CHARACTERS_MAX: Final = 200
DISK_PATIENCE_SECONDS: Final = 0.05
"""A commit takes some milliseconds; under a big copy a disk made one wait for 2.5 s. A class that
is to look up does not wait for that."""


class Attention:
    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._wanted: dict[PupilId, Wanted] = {}
        self._before: dict[DeviceId, LockDeclared] | None = None
        self._wanted_before: dict[PupilId, Wanted] = {}
        self._told: dict[DeviceId, Report] = {}
        self._resumed: set[DeviceId] = set()

    async def lock(
        self, keys: Collection[str] | None = None, sentence: str = "", asked_by: str = ""
    ) -> Changed:
        """Lock these tiles, or all; who comes later is locked on coming."""
        return await self._ask(keys, sentence[:SENTENCE_CHARACTERS_MAX], asked_by, locked=True)

    async def free(self, keys: Collection[str] | None = None, asked_by: str = "") -> Changed:
        return await self._ask(keys, "", asked_by, locked=False)

    async def undo(self, asked_by: str = "") -> Changed:
        """Bring back what was before the last lock or free, pupil by pupil."""
        before, wanted = self._before, self._wanted_before
        if before is None:
            return Changed(asked_by=asked_by)
        self._before = None
        # What held for everybody first: the names are exceptions to it.
        everybody = wanted[EVERYBODY].locked
        for locked in (everybody, not everybody):
            devices = tuple(d for d, lock in before.items() if lock.locked is locked)
            pupils = tuple(w.pupil for w in wanted.values() if w.locked is locked and w.pupil)
            # The sentence a pupil reads comes back with the lock it belonged to.
            sentence = next((before[device].sentence for device in devices), "")
            if devices or pupils or locked is everybody:
                scope = Scope(devices, pupils, locked is everybody)
                await self._write(scope, sentence, locked=locked)
        self._wanted = wanted
        return self._room.changed(tuple(before), asked_by)

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Somebody sits here now: what was wanted of them holds here."""
        if self._room.lesson is None:
            return
        wanted = self._wanted.get(pupil) or self._wanted.get(EVERYBODY)
        held = self._room.lock_of(device)
        if wanted is None or wanted.locked == (held is not None and held.locked):
            return
        scope = Scope((device,), (pupil,) if pupil else (), everybody=False)
        await self._write(scope, wanted.sentence, locked=wanted.locked)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down each new word of a device on its lock."""
        if not isinstance(message, Report) or message.feature != "attention":
            return
        self._believe(device, message)
        if self._room.lesson is None or self._told.get(device) == message:
            return
        await self._room.write(self._room.reported(device, message), {})
        self._told[device] = message

    def began(self, kept: Resumed | None) -> None:
        """Take up what was wanted of a lesson; its locks are told by `Presence`."""
        self._wanted = {wanted.pupil: wanted for wanted in kept.wanted} if kept else {}
        self._before = None
        self._resumed = {told.device for told in kept.declared} if kept else set()

    def forget(self) -> None:
        """Let go of what was wanted: the lesson is over."""
        self._wanted, self._before, self._resumed = {}, None, set()

    def renew(self) -> None:
        """Tell each lock again with a fresh lease. Its version stays; its proof is asked anew."""
        lease = self._room.lease_seconds()
        for device in self._room.all_devices() if self._room.lesson else ():
            held = self._room.lock_of(device)
            if held is not None and held.locked and not self._is_anothers(device, held):
                self._room.declare(device, replace(held, lease_seconds=lease))

    def _is_anothers(self, device: DeviceId, held: LockDeclared) -> bool:
        """Whether a colleague who shares the class has said something newer."""
        return self._room.evidence(device).anothers > held.version

    async def run(self) -> None:
        """Renew for as long as the lesson lives; cancelled with the app, leases then end."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._room.until_end_known()
            self.renew()

    def _believe(self, device: DeviceId, report: Report) -> None:
        """After a restart, take over what a device holds of ours and the disk could not take.

        It says so in answer to the older word that was kept. Once something was asked of it anew,
        or where another teacher's lesson holds it, a higher number is no lost word of ours.
        """
        room, held = self._room, self._room.lock_of(device)
        if device not in self._resumed or held is None or report.version <= held.version:
            return
        if room.lesson is None or room.evidence(device).overruled:
            return
        self._resumed.discard(device)
        locked = report.state != "free"
        lost = replace(
            held, version=report.version, locked=locked, lease_seconds=room.lease_seconds()
        )
        room.declare(device, lost)
        pupil = room.pupil_at(device)
        self._want(Scope((device,), (pupil,) if pupil else (), everybody=False), "", locked=locked)

    async def _ask(
        self, keys: Collection[str] | None, sentence: str, asked_by: str, *, locked: bool
    ) -> Changed:
        self._room.running()
        scope = self._room.scope(keys)
        before = {
            device: self._room.lock_of(device) or LockDeclared(0, locked=False, lease_seconds=0)
            for device in scope.devices
        }
        nobody = {EVERYBODY: Wanted(EVERYBODY, locked=False)}
        wanted_before = nobody | self._wanted
        await self._write(scope, sentence, locked=locked)
        self._before, self._wanted_before = before, wanted_before
        return self._room.changed(scope.devices, asked_by)

    async def _write(self, scope: Scope, sentence: str, *, locked: bool) -> None:
        room, version = self._room, self._room.versions.next()
        act = LockAsked(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            version=version,
            locked=locked,
            everybody=scope.everybody,
            pupils=scope.pupils,
            devices=scope.devices,
            sentence=sentence,
        )
        declaration = LockDeclared(
            version,
            locked=locked,
            lease_seconds=room.lease_seconds(),
            sentence=sentence,
            teacher_name=room.running().teacher_name[:64],
        )
        told = dict.fromkeys(scope.devices, declaration)
        self._resumed -= told.keys()
        try:
            # No pupil stays locked because a disk is full.
            await room.write(act, told, patience=DISK_PATIENCE_SECONDS, anyway=not locked)
        except NotKept:
            # Where the disk was slow before it failed, devices hold a lock all the same.
            if any(room.lock_of(device) is declaration for device in scope.devices):
                self._want(scope, sentence, locked=locked)
            raise
        self._want(scope, sentence, locked=locked)

    def _want(self, scope: Scope, sentence: str, *, locked: bool) -> None:
        if scope.everybody:
            self._wanted = {EVERYBODY: Wanted(EVERYBODY, locked, sentence)}
            return
        named: Mapping[PupilId, Wanted] = {
            pupil: Wanted(pupil, locked, sentence) for pupil in scope.pupils
        }
        self._wanted = {**self._wanted, **named}
