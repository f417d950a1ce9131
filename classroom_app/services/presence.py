"""Who is here: the class, its lesson from start to end, and who sits where."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain.acts import (
    LessonExtended,
    LessonOver,
    LessonShared,
    LessonStarted,
    Resumed,
)
from classroom_app.domain.errors import (
    GrantEnded,
    LessonLeft,
    LessonTooLong,
    LessonWaits,
    NoClass,
    NoLesson,
    NotKept,
    NotYourClass,
)
from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import (
    Changed,
    ClassId,
    Device,
    DeviceId,
    Lesson,
    LessonId,
    Roster,
    Sitting,
)
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.classroom import Classroom
from classroom_app.services.declaring import LESSON_SECONDS_MAX, lesson_declared
from classroom_app.services.seats import Follows
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.messages import Declaration
from device_bridge.protocol.presence import LessonDeclared

log = logging.getLogger(__name__)
RENEW_SECONDS: Final = LEASE_SECONDS / 3
LEAST_SECONDS: Final = 5 * 60
"""What a lesson that goes on after its end has left at least."""
LOOK_SECONDS: Final = 1.0
"""How often the clocks are read: the loop's own time stops while the laptop sleeps."""
SET_SECONDS: Final = 60
"""A clock that is this far from where it would be was set, by a network or by hand."""


class Rosters(Protocol):
    async def roster(self, class_id: ClassId) -> Roster | None: ...


class Signs(Protocol):
    """Makes the lesson's mandate with the teacher's own key."""

    def sign(self, lesson: Lesson, now: int) -> str:
        """Return the mandate from `now` (UTC seconds) to the lesson's end.

        Raises `GrantEnded` or `NotYourClass` where the grant ends, `NotAllowed` without one.
        """
        ...


class Resumes(Protocol):
    async def under_way(self) -> Resumed | None:
        """Return the lesson that had not ended when the app did."""
        ...


class Ended(Struct, frozen=True):
    """What the summary tells; who is really free is counted from the tiles."""

    lesson: Lesson
    devices: tuple[DeviceId, ...]
    handed_in: int


class Presence:
    """`ended` hears of every end, also of the one that time brings."""

    def __init__(  # noqa: PLR0913 - one of each, named
        self,
        room: Classroom,
        *,
        rosters: Rosters,
        signs: Signs,
        resumes: Resumes,
        follows: tuple[Follows, ...],
        arrivals: Arrivals,
        ended: Callable[[Ended], Awaitable[None]],
    ) -> None:
        self._room = room
        self._rosters = rosters
        self._signs = signs
        self._resumes = resumes
        self._follows = follows
        self._arrivals = arrivals
        self._ended = ended
        self._mandate = ""
        self._ending: Lesson | None = None
        self._over: Ended | None = None
        self.waits: Lesson | None = None
        """What `resume` did not take up, and did not leave; it is left where another begins."""

    def mandate(self) -> str:
        """Return what a link shows at its beginning; empty outside a lesson."""
        return self._mandate

    async def open(self, class_id: ClassId) -> Changed:
        """Show a class and keep a link to each of its devices. Raises `NoClass`."""
        roster = await self._rosters.roster(class_id)
        if roster is None:
            raise NoClass
        self._enter(roster)
        return Changed(lesson=True)

    def _enter(self, roster: Roster | None) -> None:
        """Let go of the class that was open, and show this one; None: none."""
        room = self._room
        for device in room.roster.devices if room.roster else ():
            room.devices.forget(device.id)
        room.roster, room.sittings, room.seen = roster, {}, {}
        room.declared, room.came = {}, set()
        self._over = None
        for device in roster.devices if roster else ():
            self._seat(device)
            room.devices.keep(device.id)

    async def refresh(self) -> Changed:
        """Take a roster that the sync has changed into the lesson that is on.

        Who sits where stays. Who has left the class stays until the lesson ends: their device holds
        what it was told, and must be told of the end as well.
        """
        room, old = self._room, self._room.roster
        if old is None:
            return Changed()
        roster = await self._rosters.roster(old.id)
        await room.until_end_known()
        if room.roster is not old:
            return await self.refresh()  # what was taken meanwhile may have been read before this
        if roster is None or room.lesson is None:
            return Changed()
        taken = _with_who_left(roster, old)
        if taken == old:
            return Changed()
        room.roster = taken
        known = {device.id for device in old.devices}
        seated = {device.id for device in taken.devices if self._seat(device)}
        for device in taken.devices:
            room.devices.keep(device.id)
        await self._join(
            [one.id for one in taken.devices if one.id not in known or one.id in seated]
        )
        self.renew()  # a new name stands among those that a device offers
        room.changed(room.all_devices())
        return Changed(lesson=True)

    def _seat(self, device: Device) -> bool:
        """Seat whoever the roster has at this device, where neither of the two has a seat yet."""
        room = self._room
        if not device.pupil or device.id in room.sittings or room.device_of(device.pupil):
            return False
        room.sittings[device.id] = Sitting(device.id, device.pupil, "roster")
        return True

    async def _join(self, devices: Collection[DeviceId]) -> None:
        """Tell the lesson, and what was asked of everybody in it, to who joins it now."""
        room, lesson = self._room, self._room.lesson_id()
        version = room.versions.next()
        for device in devices:
            room.declare(device, lesson_declared(room, device, version))
        for device in devices:
            for feature in self._follows:
                if not await room.is_on(lesson):
                    return
                try:
                    await feature.sat(device, room.pupil_at(device))
                except NotKept as error:  # a full disk is told elsewhere, and holds up no other
                    log.info("not told who joined", extra={"why": type(error).__name__})

    async def start(self, seconds: int = 3600, teacher_name: str = "") -> Changed:
        """Begin the lesson of the open class. Raises `GrantEnded` or `NotYourClass`."""
        room = self._room
        room.believe_clock()
        roster, now = room.open_roster(), room.now()
        lesson = Lesson(
            LessonId(room.new_id()),
            roster.id,
            roster.name,
            teacher_name,
            now,
            now + min(seconds, LESSON_SECONDS_MAX),
        )
        mandate = self._signs.sign(lesson, now)
        if waits := self.waits:
            await self._write_left(waits)
        version = room.versions.next()
        act = LessonStarted(
            id=room.new_id(),
            lesson=lesson.id,
            at=now,
            class_id=roster.id,
            class_name=roster.name,
            teacher_name=teacher_name,
            ends_at=lesson.ends_at,
        )
        room.lesson, self._mandate = lesson, mandate
        told: list[tuple[DeviceId, Declaration]] = []
        for device in room.all_devices():
            told.append((device, lesson_declared(room, device, version)))
            told.append((device, self._free(version)))
        try:
            await room.write_all(act, told)
        except BaseException:
            room.lesson, self._mandate = None, ""
            raise
        room.came = set()
        room.devices.show_papers()
        if await room.is_on(lesson.id):
            for feature in self._follows:
                feature.began(None)
            await self._arrivals.begun()
        return Changed(lesson=True)

    async def resume(self, *, asked: bool = True) -> Changed:
        """Go on with the lesson that a crash interrupted: same versions, no question.

        One whose time is over is ended. Raises `LessonLeft` where no right reaches it any more: its
        end is written, and its devices end it by themselves. `asked`: whether what is here of the
        classes is what the school has; else one whose class is not here waits: `LessonWaits`.
        """
        kept = await self._resumes.under_way()
        if kept is None:
            self.waits = None
            return Changed()
        room, lesson = self._room, kept.lesson
        roster = await self._rosters.roster(lesson.class_id)
        if room.lesson and room.lesson.id != lesson.id:
            return Changed()  # another has begun meanwhile
        self.waits = None
        self._enter(roster or Roster(lesson.class_id, lesson.class_name, "", (), ()))
        room.lesson = lesson
        room.believe_clock()
        if not room.left_seconds():
            await self.end("time")
            return Changed(lesson=True)
        if roster is None and not asked:
            room.lesson, self.waits = None, lesson
            self._enter(None)
            raise LessonWaits(lesson.class_name)
        try:
            self._mandate = self._signed(lesson, roster)
        except (GrantEnded, NotYourClass, NotAllowed) as error:
            log.warning("lesson left", extra={"lesson": lesson.id, "why": type(error).__name__})
            await self._leave(lesson)
            raise LessonLeft(lesson.class_name) from error
        self._take_up(kept)
        for feature in self._follows:
            feature.began(kept)
        self.renew()
        # Nothing was written for a device that has come into the class since.
        await self._join([one for one in room.all_devices() if not self._told(one)])
        room.devices.show_papers()
        return Changed(lesson=True)

    async def _leave(self, lesson: Lesson) -> None:
        """Write the end of a lesson whose devices no right lets us tell of it."""
        self._room.lesson = None
        self._enter(None)
        await self._write_left(lesson)

    async def _write_left(self, lesson: Lesson) -> None:
        room = self._room
        act = LessonOver(id=room.new_id(), lesson=lesson.id, at=room.clock.utc(), why="left")
        with suppress(NotKept):  # a full disk is told elsewhere; the next start leaves it again
            await room.write(act, {})
            self.waits = None

    def _signed(self, lesson: Lesson, roster: Roster | None) -> str:
        if roster is None:
            raise NotYourClass(lesson.class_name)
        return self._signs.sign(lesson, self._room.now())

    def _told(self, device: DeviceId) -> bool:
        return (device, "presence") in self._room.declared

    async def extend(self, seconds: int) -> Changed:
        """Move the lesson's end `seconds` on, at most four hours after its start.

        Raises `LessonTooLong` where that is reached, `GrantEnded` or `NotYourClass`.
        """
        lesson = self._room.running()
        ends_at = min(lesson.ends_at + seconds, longest_until(lesson))
        if ends_at <= lesson.ends_at:
            raise LessonTooLong
        later = replace(lesson, ends_at=ends_at)
        await self._until(later, self._signs.sign(later, self._room.now()), after_end=False)
        return Changed(lesson=True)

    async def share(self, *, shared: bool) -> Changed:
        """Let another teacher of the class have a lesson beside this one, or no longer."""
        room, lesson = self._room, self._room.running()
        act = LessonShared(id=room.new_id(), lesson=lesson.id, at=room.clock.utc(), shared=shared)
        room.lesson = replace(lesson, shared=shared)
        version = room.versions.next()
        told = {device: lesson_declared(room, device, version) for device in room.all_devices()}
        try:
            await room.write(act, told)
        except BaseException:
            self._shared(lesson)
            raise
        return Changed(lesson=True)

    def under_way(self) -> Lesson | None:
        """Return the lesson, also while its end is written: where that is refused it goes on."""
        return self._room.lesson or self._ending

    def _take_back(self, lesson: Lesson | None) -> None:
        if self._ending is None:
            self._room.lesson = lesson
        else:
            self._ending = lesson

    def _ends_as(self, before: Lesson | None, refused: Lesson) -> None:
        """Let the lesson end as it did, if it has that end still; it may be shared meanwhile."""
        lesson = self.under_way()
        if lesson is refused:
            self._take_back(before)
        elif before and lesson and (lesson.id, lesson.ends_at) == (refused.id, refused.ends_at):
            ends_at, clock_set = before.ends_at, before.clock_set
            self._take_back(replace(lesson, ends_at=ends_at, clock_set=clock_set))

    def _shared(self, before: Lesson) -> None:
        """Let the lesson be shared or not as it was; its end may have been moved meanwhile."""
        lesson = self.under_way()
        if lesson is not None and lesson.id == before.id:
            self._take_back(replace(lesson, shared=before.shared))

    async def end(self, why: str = "teacher") -> Ended:
        """End the lesson: every device is told, and free whoever was not.

        From here on there is none to act in: what was asked while the end is being written would
        be told after it, and hold until its lease ends.
        """
        room, lesson = self._room, self._room.running()
        version = room.versions.next()
        act = LessonOver(id=room.new_id(), lesson=lesson.id, at=room.clock.utc(), why=why)
        told: list[tuple[DeviceId, Declaration]] = []
        for device in room.all_devices():
            over = replace(lesson_declared(room, device, version), state="over", until_seconds=0)
            told += [(device, self._free(version)), (device, over)]
        room.lesson, self._ending = None, lesson
        room.end_known.clear()
        try:
            await room.write_all(act, told)
        except BaseException:
            room.lesson = self._ending
            raise
        finally:
            self._ending = None
            room.end_known.set()
        handed_in = sum(seen.handed_in for seen in room.seen.values())
        for feature in self._follows:
            feature.forget()
        self._over = ended = Ended(lesson, room.all_devices(), handed_in)
        room.changed(ended.devices)
        await self._ended(ended)
        return ended

    async def go_on(self) -> Changed:
        """Take the last end back: the same lesson goes on. Locks are not brought back.

        Raises `NoLesson` where another began since, `LessonTooLong`, `GrantEnded` or
        `NotYourClass`.
        """
        room, over = self._room, self._over
        if over is None or room.lesson is not None:
            raise NoLesson
        lesson, now = over.lesson, room.now()
        ends_at = min(max(lesson.ends_at, now + LEAST_SECONDS), longest_until(lesson))
        if ends_at <= now:
            raise LessonTooLong
        later = replace(lesson, ends_at=ends_at)
        await self._until(later, self._signs.sign(later, now), after_end=True)
        self._over = None
        # What the features let go of at the end stands in the journal, as after a restart.
        kept = await self._resumes.under_way()
        if await room.is_on(later.id):
            for feature in self._follows:
                feature.began(kept)
            await self._arrivals.begun()
        return Changed(lesson=True)

    def renew(self) -> None:
        """Tell the lesson again, version kept, with what remains of it."""
        room = self._room
        for device in room.all_devices() if room.lesson else ():
            held = room.declared.get((device, "presence"))
            if isinstance(held, LessonDeclared) and held.state == "on":
                room.declare(device, lesson_declared(room, device, held.version))

    async def run(self) -> None:
        """Renew, and end the lesson when it was as long as it was to be."""
        since = self._room.clock.seconds()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._room.until_end_known()
            lesson, now = self._room.lesson, self._room.clock.seconds()
            if lesson is not None and not self._room.left_seconds():
                with suppress(NotKept):  # devices end it by themselves; here it is tried again
                    await self.end("time")
                continue
            if lesson is not None and abs(self._room.clock_set_seconds()) > SET_SECONDS:
                with suppress(NotKept):  # it is tried again, and the lesson goes on as it was
                    await self._clock_set(lesson)
            if now - since >= RENEW_SECONDS:
                since = now
                self.renew()

    async def _clock_set(self, lesson: Lesson) -> None:
        """Take it that the clock was set: the lesson's end moves along, and nobody is freed by it.

        Devices count a mandate's length by their own boot clock and need no other to the same end;
        they get one that bears the time of now, as far as the grant allows: one that is days
        behind what they know is old paper to them.
        """
        room, before, by = self._room, self._room.utc_at_boot, self._room.clock_set_seconds()
        later = replace(lesson, ends_at=lesson.ends_at + by, clock_set=lesson.clock_set + by)
        room.believe_clock()
        try:
            await self._until(later, self._mandate_to(later), after_end=False, clock_set=by)
        except BaseException:
            now = self.under_way()
            if now and _times(now) == _times(lesson):  # else somebody has moved or ended it
                room.utc_at_boot = before
            raise
        log.info("the clock was set in a lesson", extra={"seconds": by})
        room.changed(room.all_devices())

    def _mandate_to(self, lesson: Lesson) -> str:
        """Return a mandate of now, or the one that is shown, where the grant allows no other."""
        try:
            return self._signs.sign(lesson, self._room.now())
        except (GrantEnded, NotYourClass):
            return self._mandate

    async def _until(
        self, lesson: Lesson, mandate: str, *, after_end: bool, clock_set: int = 0
    ) -> None:
        """Write and tell the lesson with the end it has now."""
        room = self._room
        act = LessonExtended(
            id=room.new_id(),
            lesson=lesson.id,
            at=room.clock.utc(),
            ends_at=lesson.ends_at,
            after_end=after_end,
            clock_set=clock_set,
        )
        before, room.lesson = room.lesson, lesson
        version = room.versions.next()
        try:
            await room.write(
                act,
                {device: lesson_declared(room, device, version) for device in room.all_devices()},
            )
        except BaseException:
            self._ends_as(before, lesson)
            raise
        self._mandate = mandate
        room.devices.show_papers()

    def _take_up(self, kept: Resumed) -> None:
        room, now = self._room, self._room.clock.seconds()
        for sitting in kept.sittings:
            room.sittings[sitting.device] = sitting
        for device in kept.came:
            # Known to have been here: until it is back, it is gone, not "not here yet".
            handed_in = any(act.device == device for act in kept.handed_in)
            room.seen[device] = Evidence(device, gone_since=now, handed_in=handed_in)
        for claim in kept.claims:
            room.seen[claim.device] = replace(room.evidence(claim.device), claim=claim.pupil)
        room.came = set(kept.came)
        for each in kept.declared:
            declaration = room.read(each)
            if declaration is not None:
                room.declare(each.device, declaration)

    def _free(self, version: int) -> LockDeclared:
        return LockDeclared(version, locked=False, lease_seconds=0)


def _with_who_left(roster: Roster, before: Roster) -> Roster:
    """Return the roster with those at its end who were in it and are no longer."""
    pupils = {one.id for one in roster.pupils}
    devices = {one.id for one in roster.devices}
    return replace(
        roster,
        pupils=(*roster.pupils, *(one for one in before.pupils if one.id not in pupils)),
        devices=(*roster.devices, *(one for one in before.devices if one.id not in devices)),
    )


def _times(lesson: Lesson) -> tuple[LessonId, int, int]:
    """Return which lesson it is and what of it is the clock's; who shares it is not."""
    return lesson.id, lesson.ends_at, lesson.clock_set


def longest_until(lesson: Lesson) -> int:
    """Return the last moment (UTC seconds) to which a lesson's end may be moved."""
    return lesson.started_at + lesson.clock_set + LESSON_SECONDS_MAX
