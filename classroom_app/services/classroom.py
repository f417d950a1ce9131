"""The class that is open: who is in it, what was declared and what its devices have said.

The features share this and nothing else. It writes nothing by itself: `write` keeps an act first
and only then lets its declarations go.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct

from classroom_app.domain.acts import Act, Declared, Reported
from classroom_app.domain.errors import NoClass, NoLesson, NotKept
from classroom_app.domain.evidence import Evidence, goes_on
from classroom_app.domain.lesson import (
    Changed,
    DeviceId,
    Lesson,
    LessonId,
    Pupil,
    PupilId,
    Roster,
    Sitting,
)
from classroom_app.domain.room import LockWanted, wall
from classroom_app.domain.tile import Tile
from classroom_app.domain.versions import Versions
from classroom_app.domain.whereabouts import Elsewhere
from classroom_app.services.ports import Clock, Devices, Ids, Remembers
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.materials import MaterialsDeclared
from device_bridge.protocol.messages import Declaration, decode_from_app, encode
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.showing import ShowingDeclared
from device_bridge.protocol.watching import WatchingDeclared

log = logging.getLogger(__name__)

FEATURES: Final[Mapping[type[Declaration], str]] = {
    LessonDeclared: "presence",
    WatchingDeclared: "watching",
    LockDeclared: "attention",
    MaterialsDeclared: "materials",
    ShowingDeclared: "showing",
}


class Scope(Struct, frozen=True):
    """Whom an act touches. `everybody`: whoever comes later as well."""

    devices: tuple[DeviceId, ...]
    pupils: tuple[PupilId, ...]
    everybody: bool


class Classroom:
    """`touched` hears the keys of tiles that look different now; call it cheaply and often."""

    def __init__(
        self,
        *,
        devices: Devices,
        journal: Remembers,
        clock: Clock,
        new_id: Ids,
        versions: Versions,
        touched: Callable[[frozenset[str]], None],
    ) -> None:
        self.devices = devices
        self.journal = journal
        self.clock = clock
        self.new_id = new_id
        self.versions = versions
        self.touched = touched
        self.roster: Roster | None = None
        self.lesson: Lesson | None = None
        self.end_known = asyncio.Event()
        """Clear while an end is being written: where that is refused, the lesson is on again."""
        self.end_known.set()
        self.utc_at_boot: float | None = None
        """What the wall's clock told when the boot clock was at 0, as it was last believed."""
        self.sittings: dict[DeviceId, Sitting] = {}
        self.seen: dict[DeviceId, Evidence] = {}
        self.declared: dict[tuple[DeviceId, str], Declaration] = {}
        self._lock_since: dict[DeviceId, float] = {}
        self.came: set[DeviceId] = set()
        self.elsewhere: Mapping[DeviceId, Elsewhere] = {}

    def open_roster(self) -> Roster:
        if self.roster is None:
            raise NoClass
        return self.roster

    def running(self) -> Lesson:
        """Return the lesson under way; raises `NoLesson`."""
        if self.lesson is None:
            raise NoLesson
        return self.lesson

    async def is_on(self, lesson: LessonId) -> bool:
        """Return whether this lesson is on still; look so after every wait in a lesson."""
        await self.until_end_known()
        return self.lesson is not None and self.lesson.id == lesson

    async def until_end_known(self) -> None:
        """Wait while an end is being written: nobody knows whether the lesson goes on."""
        while not self.end_known.is_set():
            await self.end_known.wait()

    def lesson_id(self) -> LessonId:
        return self.running().id

    def lease_seconds(self) -> int:
        """Return the lease of whatever restricts: never longer than the lesson."""
        if self.lesson is None:
            return 0
        return min(LEASE_SECONDS, self.left_seconds())

    def believe_clock(self) -> None:
        """Count time from here on by the boot clock, from what the wall's says now."""
        self.utc_at_boot = self.clock.utc() - self.clock.boot()

    def now(self) -> int:
        """Return UTC seconds as the wall's clock would tell them, had nobody set it since.

        A lesson is as long as it was to be, whatever is set in its middle.
        """
        if self.utc_at_boot is None:
            return self.clock.utc()
        return int(self.utc_at_boot + self.clock.boot())

    def clock_set_seconds(self) -> int:
        """Return by how much the wall's clock was set since it was believed."""
        return self.clock.utc() - self.now()

    def left_seconds(self) -> int:
        """Return what remains of the lesson; 0 where its end has come, or there is none."""
        return max(0, self.lesson.ends_at - self.now()) if self.lesson else 0

    def tiles(self) -> tuple[Tile, ...]:
        if self.roster is None:
            return ()
        sitting = {device: sat.pupil for device, sat in self.sittings.items()}
        now = self.clock.seconds()
        return wall(self.roster, sitting, self.seen, self._locks(), now, self.elsewhere)

    def pupil_at(self, device: DeviceId) -> PupilId:
        sat = self.sittings.get(device)
        return sat.pupil if sat else PupilId("")

    def device_of(self, pupil: PupilId) -> DeviceId | None:
        return next((d for d, sat in self.sittings.items() if sat.pupil == pupil), None)

    def pupil(self, pupil: PupilId) -> Pupil | None:
        roster = self.roster
        return next((p for p in roster.pupils if p.id == pupil), None) if roster else None

    def name_at(self, device: DeviceId, pupil: PupilId) -> str:
        """Return the pupil's name as the wall shows it, or with nobody there the device's."""
        if who := self.pupil(pupil):
            return who.display
        devices = self.roster.devices if self.roster else ()
        return next((each.name for each in devices if each.id == device), "") or device

    def key_of(self, device: DeviceId) -> str:
        return self.pupil_at(device) or device

    def all_devices(self) -> tuple[DeviceId, ...]:
        return tuple(device.id for device in self.open_roster().devices)

    def connected(self, devices: Collection[DeviceId]) -> tuple[DeviceId, ...]:
        return tuple(
            device
            for device in devices
            if (seen := self.seen.get(device)) and seen.up_since is not None
        )

    def scope(self, keys: Collection[str] | None) -> Scope:
        """Read keys of tiles (pupils, devices with nobody); None or every tile: everybody."""
        if keys is None or {tile.key for tile in self.tiles()} <= set(keys):
            pupils = tuple(pupil.id for pupil in self.open_roster().pupils)
            return Scope(self.all_devices(), pupils, everybody=True)
        devices = [d for d in self.all_devices() if d in keys or self.key_of(d) in keys]
        pupils = [p.id for p in self.open_roster().pupils if p.id in keys]
        return Scope(tuple(devices), tuple(pupils), everybody=False)

    def reported(self, device: DeviceId, report: Report) -> Reported:
        """Return the act that a device's word is."""
        return Reported(
            id=self.new_id(),
            lesson=self.lesson_id(),
            at=self.clock.utc(),
            device=device,
            feature=report.feature,
            version=report.version,
            state=report.state,
            reason=report.reason,
        )

    async def write(
        self,
        act: Act,
        declarations: Mapping[DeviceId, Declaration],
        patience: float | None = None,
        *,
        anyway: bool = False,
    ) -> bool:
        """Keep `act` with what it declares, then declare; what was not written is not declared.

        With `patience`, in seconds, a disk that takes longer holds up no device: it is declared
        while it is being written. The answer still waits for the disk. `anyway`: a disk that
        refuses holds up no device either.
        """
        return await self.write_all(act, [*declarations.items()], patience, anyway=anyway)

    async def write_all(
        self,
        act: Act,
        told: Collection[tuple[DeviceId, Declaration]],
        patience: float | None = None,
        *,
        anyway: bool = False,
    ) -> bool:
        kept = [
            Declared(device, FEATURES[type(each)], each.version, encode(each))
            for device, each in told
        ]
        early = False

        def tell() -> None:
            nonlocal early
            early = True
            for device, each in told:
                self.declare(device, each)

        loop = asyncio.get_running_loop()
        impatient = loop.call_later(patience, tell) if patience is not None else None
        try:
            fresh = await self.journal.remember(act, kept)
        except NotKept:
            if anyway and not early:
                tell()
            raise
        finally:
            if impatient is not None:
                impatient.cancel()
        if early:
            log.info("declared before it was written", extra={"act": act.id})
        elif fresh:
            tell()
        return fresh

    def declare(self, device: DeviceId, declaration: Declaration) -> None:
        """Hold and tell a declaration that was written, or that renews one."""
        if isinstance(declaration, LockDeclared):
            held = self.lock_of(device)
            if held is None or held.version != declaration.version:
                self._lock_since[device] = self.clock.seconds()
        self.declared[device, FEATURES[type(declaration)]] = declaration
        self.devices.declare(device, declaration)

    def read(self, kept: Declared) -> Declaration | None:
        """Read a declaration back from its wire form; None for what this app no longer knows."""
        try:
            told = decode_from_app(kept.body)
        except (Malformed, Unsupported):
            return None
        match told:
            case LessonDeclared() | WatchingDeclared() | LockDeclared() | MaterialsDeclared():
                return told
            case _:
                return None

    def lock_of(self, device: DeviceId) -> LockDeclared | None:
        held = self.declared.get((device, "attention"))
        return held if isinstance(held, LockDeclared) else None

    def note(self, device: DeviceId, seen: Evidence) -> None:
        """Take new evidence and say which tile it is about, where that may look different by it."""
        before = self.seen.get(device)
        self.seen[device] = seen
        if before is None or not goes_on(before, seen):
            self.touched(frozenset({self.key_of(device)}))

    def company(self) -> tuple[str, ...]:
        """Name the colleagues who have a lesson of this class beside ours, by the devices' word."""
        return tuple(sorted({name for seen in self.seen.values() for name in seen.company}))

    def found_elsewhere(self, found: Mapping[DeviceId, Elsewhere]) -> None:
        """Take which devices are known to be on another network now."""
        if found != self.elsewhere:
            self.elsewhere = found
            self.touched(frozenset(self.key_of(device) for device in found))

    def evidence(self, device: DeviceId) -> Evidence:
        return self.seen.get(device) or Evidence(device)

    def changed(self, devices: Collection[DeviceId], asked_by: str = "") -> Changed:
        keys = frozenset(self.key_of(device) for device in devices)
        self.touched(keys)
        return Changed(pupils=frozenset(PupilId(key) for key in keys), asked_by=asked_by)

    def _locks(self) -> dict[DeviceId, LockWanted]:
        return {
            device: LockWanted(
                held.version,
                held.locked,
                self._lock_since[device],
                only_ours=not held.locked and not held.lease_seconds,
            )
            for (device, _), held in self.declared.items()
            if isinstance(held, LockDeclared)
        }
