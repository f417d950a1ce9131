"""The device's service: joins features, seat and links, keeps time, and keeps what it holds.

Nothing here is global: a simulator makes many in one process. All but `run` is called on the
loop and returns at once.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.attention import AttentionGuard
from device_bridge.agent.guard.commands import Commands
from device_bridge.agent.guard.control import ControlGuard
from device_bridge.agent.guard.folders import OwnFolders
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.journal import DeviceJournal, Noted, newest_count
from device_bridge.agent.guard.launching import LaunchingGuard
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.materials import MaterialsGuard
from device_bridge.agent.guard.notices import Notices
from device_bridge.agent.guard.ports import Link, Wire, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.private import PrivateGuard
from device_bridge.agent.guard.retention import CLEAN_SECONDS, clean, periods_of
from device_bridge.agent.guard.showing import ShowingGuard
from device_bridge.agent.guard.stills import StillsGuard
from device_bridge.agent.guard.talking import TalkingGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.agent.guard.watching import WatchingGuard
from device_bridge.agent.guard.witness import Witness
from device_bridge.protocol.attention import LockDeclared, ReachChanged
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.control import ControlAnswered, ControlDeclared, ControlInput
from device_bridge.protocol.declared import (
    LessonEnded,
    MandateSeen,
    SeatCame,
    SeatGone,
    TimePassed,
)
from device_bridge.protocol.errors import Broken, DeviceError
from device_bridge.protocol.fields import PULSE_SECONDS, WALL_AT_MAX
from device_bridge.protocol.hello import (
    Carried,
    CertificateCarried,
    Held,
    Hello,
    MandateShown,
    NotUnderstood,
    Pulse,
    Screen,
    ScreensTold,
)
from device_bridge.protocol.journal import HeadAsked
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import HandInAsked, HandInTaken, MaterialsDeclared
from device_bridge.protocol.messages import FromApp
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import (
    CurtainAnswered,
    FromSeat,
    IndicatorAnswered,
    LookAnswered,
    LostShown,
    NoticeShown,
    Opened,
    PupilActed,
    ScreenShown,
    SeatUp,
    StillShown,
    ToSeat,
)
from device_bridge.protocol.showing import ShowingDeclared
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid
from device_bridge.protocol.watching import StillAsked, WatchingDeclared
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import Denied, Forgotten

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
"""A lock ends within a second of its time."""
KEEP_SECONDS: Final = 10.0
"""How much of a lease a reboot may give back at most."""
STATE_SECONDS: Final = 0.2
"""What is declared in this time, a lock and its taking back say, is written as one; of what a guard
that dies has not written, the next link tells anew."""
LASTING_SECONDS: Final = 2.0
"""It waits for the disk no more often than this, for a power cut's sake."""
NOTES_KEPT: Final = 200
"""Of what waits for the journal, so many are in the state as well."""
NOTES_SECONDS: Final = 1.0
"""What is noted in this time is written at once: each writing waits for the disk."""


class Guard:
    """Lives as long as `run`; the seat comes by `attach`, apps by the session's `Host` calls."""

    def __init__(self, folder: Folder, makings: Makings) -> None:  # noqa: PLR0915 - one a feature
        """Take up what was held. Blocks for one small file; raises `Broken` for a bad folder."""
        self.folder = folder
        self._makings, self._clock = makings, makings.clock
        self.boot = makings.new_id()
        held = kept.read(folder, makings.clock)
        now = makings.clock.boot
        # A clock that woke in 1970 would make today's entries the first to be cleaned up.
        self.voice = voice = Voice(makings.clock, self.utc)
        self.commands = Commands()
        self.notices = Notices(voice)
        self._folders = folders = makings.folders or OwnFolders(folder, makings.bulk)
        self.presence = PresenceGuard(voice, now, held.presence, self._ended, folders)
        self.attention = AttentionGuard(voice, now, held.attention)
        self.ground = GroundHere(now, held.floor_seconds, makings.clock.wall, held.doubt)
        self.private = PrivateGuard(
            voice, now, held.private, self.presence, lambda: self.ground.rules.private_seconds
        )
        self.watching = WatchingGuard(
            voice,
            now,
            held.watching,
            self.presence,
            self.private,
            lambda: self.ground.rules.close_seconds,
        )
        self.watching.beside = dict(held.looks_beside)
        self.talking = TalkingGuard(
            voice, now, makings.new_id, held.talking, self.presence, self.commands
        )
        self.stills = StillsGuard(
            voice,
            now,
            held.stills,
            self.presence,
            self.watching,
            self.commands,
            self.write_notes,
        )
        self.control = ControlGuard(
            voice, now, self.presence, self.attention, self.watching, held.drove
        )
        self.showing = ShowingGuard(voice, now, self.presence)
        self.launching = LaunchingGuard(voice, now, self.commands)
        self.materials = MaterialsGuard(
            voice, folder, folders, makings, held.materials, self.presence, self.commands
        )
        self.presence.open_hand_in()
        self._journal = DeviceJournal(folder, makings.random_bytes)
        self._written = self._noted_again(held)
        self._appending = asyncio.Lock()
        self.witness = Witness(folder, voice, makings.off_loop, self.write_notes)
        self.seat: SeatUp | None = None
        self.screens: tuple[Screen, ...] = ()
        self._screens_told = self.screens
        self.mandates = Mandates(
            now,
            held.mandates,
            {one.lesson: one.who for one in held.presence.authors if one.lesson and one.who},
        )
        self.port = held.port
        self.deny_list, self.forgotten = held.deny_list, held.forgotten
        self._unsynced = asyncio.Event()
        self._to_clean = asyncio.Event()

    @property
    def held(self) -> kept.Kept:
        """What is kept: for the disk and for `status`."""
        return kept.Kept(
            self._clock.boot_id,
            self._clock.boot(),
            self.ground.floor(),
            self.attention.held,
            self.presence.held,
            self.watching.held,
            self.materials.held,
            self.talking.held,
            self.mandates.remaining(),
            self.port,
            self.deny_list,
            self.private.held,
            self.stills.held,
            self.watching.beside,
            notes=tuple(islice(self.voice.notes, NOTES_KEPT)),
            notes_after=self._written,
            drove=self.control.drives,
            forgotten=self.forgotten,
            doubt=self.ground.doubt,
        )

    def _noted_again(self, held: kept.Kept) -> int:
        """Take up the notes with which a guard was killed; return how many entries there are."""
        written = newest_count(self.folder)
        if waiting := held.notes[max(0, written - held.notes_after) :]:
            self.voice.notes.extendleft(waiting[::-1])
            self.voice.noted.set()
        return written

    def versions(self) -> tuple[Held, ...]:
        """Say what a hello is answered with: the highest version held of each feature."""
        return (
            Held("attention", self.attention.held.version),
            Held("presence", self.presence.held.newest),
            Held("watching", self.watching.held.version),
            Held("materials", self.materials.held.version),
        )

    # The seat

    def attach(self, tell: Callable[[ToSeat], None]) -> None:
        """Take a seat that will introduce itself by `SeatUp`."""
        self.voice.tell_seat = tell

    def detach(self) -> None:
        """Note that the seat is gone, before anything is believed that it proved."""
        self.voice.tell_seat = None
        self.seat = None
        self._folders.left()
        self.attention.hear(SeatGone())
        self.presence.hear(SeatGone())
        self.watching.seat_gone()
        self.showing.seat_gone()
        self._review()

    def _review(self) -> None:
        self.watching.review()
        self.showing.review()
        self.stills.review()
        self.control.review()

    def seat_said(self, message: FromSeat) -> None:  # noqa: C901, PLR0912, PLR0915 - a case each
        match message:
            case SeatUp():
                self._seat_came(message)
            case ScreensTold():
                self.screens = message.screens
            case CurtainAnswered():
                self.attention.hear(message)
            case IndicatorAnswered():
                self.presence.hear(message)
                self._review()
            case ControlAnswered():
                self.control.answered(message)
            case Frame():
                self.watching.framed(message)
            case StillShown():
                self.watching.still(message)
            case LookAnswered():
                self.watching.answered(message)
            case ScreenShown():
                self.showing.shown(message)
            case NoticeShown():
                if not self.notices.shown(message):
                    self.talking.shown(message)
            case LostShown():
                self.notices.lost_shown(message)
            case Opened():
                if not self.launching.opened(message):
                    self.materials.opened(message)
            case PupilActed("private-on" | "private-off" as wish):
                self.private.wish(on=wish == "private-on")
                self._review()
            case PupilActed("take-back"):
                self.control.taken_back()
            case PupilActed("show-left"):
                self.showing.left()
            case PupilActed():
                self.talking.acted(message)

    def _seat_came(self, seat: SeatUp) -> None:
        if self.voice.tell_seat is None:
            return
        self.seat, self.screens = seat, seat.screens
        self.attention.hear(SeatCame())  # the lock before anything else
        self.presence.hear(SeatCame())
        self.watching.seat_came()
        self.showing.seat_came()
        self.notices.seat_came()
        self.folders_came()

    def folders_came(self) -> None:
        """Give the one who sits here what waits, once there are both a seat and its folders."""
        if self.seat is not None and self._folders.there:
            self.materials.seat_came()
            self.presence.open_hand_in()
            self._to_clean.set()  # some of it only now

    # The links

    def linked(self, link: Link, hello: Hello) -> None:
        """Take a link whose papers the session has checked."""
        del hello
        link.on_frame_taken(self.watching.taken)
        self._papers_seen(link)
        self.attention.hear(ReachChanged(in_reach=True))
        self.voice.links.append(link)

    def lost(self, link: Link) -> None:
        if link not in self.voice.links:
            return
        self.voice.links.remove(link)
        self.commands.lost(link)
        self.watching.lost(link)
        self.control.lost(link)
        self.showing.lost(link)
        if not self.voice.links:
            self.attention.hear(ReachChanged(in_reach=False))

    def told(self, link: Link, message: FromApp) -> None:  # noqa: C901, PLR0912, PLR0915 - a case each
        """Take a message that `trust.allow` has allowed."""
        match message:
            case LockDeclared():
                self.attention.told(link, message)
                self.control.review()
            case ControlDeclared() | ControlInput():
                self.control.told(link, message)
            case LessonDeclared():
                self.presence.told(link, message)
                self._review()
                self.talking.linked(link, author_of(link).lesson)
                for lesson in self.presence.lessons[1:]:
                    self.talking.name_pupil(lesson)
            case WatchingDeclared():
                self.watching.told(link, message)
                self.control.review()
            case ShowingDeclared():
                self.showing.told(link, message)
            case MaterialsDeclared():
                self.materials.told(link, message)
            case MandateShown():
                self._papers_seen(link)
            case MessageSaid():
                self.talking.message(link, message)
            case HandAnswered():
                self.talking.hand_answered(link, message)
            case StillAsked():
                self.stills.asked(link, message)
            case PageOpened():
                self.launching.page(link, message)
            case HandInAsked():
                self.materials.hand_in_asked(link, message)
            case HandInTaken():
                self.materials.hand_in_taken(link, message)
            case Heard():
                self.talking.heard(message)
            case HeadAsked():
                self.witness.asked(link, message)
            case Hello() | Carried() | CertificateCarried() | Brought() | NotUnderstood():
                pass  # the session's and the device's own

    def suspected(self, link: Link, why: str) -> None:
        """Note that something this link asked for was refused."""
        self.voice.note("refused", {"why": why, "teacher": link.grant.teacher})

    def denied(self, deny_list: str, denied: Denied) -> None:
        """Keep the school's newest deny list, and end what those on it have declared."""
        self.deny_list, self.forgotten = deny_list, denied.forgotten
        self.voice.changed()
        self.voice.note("deny-list", {"number": denied.number})
        for author in (*self.presence.held.authors, self.attention.held.author):
            if author.key in denied.keys:
                self._revoked(author.lesson)

    def succeeded(self, epoch: int) -> None:
        """End what was declared under a root of the school that is no more."""
        self.deny_list, self.forgotten = "", Forgotten()
        self.ground.serve_none()
        self.voice.note("succession", {"epoch": epoch})
        self.voice.changed()
        self.free()

    def revoked(self, link: Link) -> None:
        """End what a link has declared whose papers the school has ended."""
        if lesson := author_of(link).lesson:
            self._revoked(lesson)

    def free(self) -> None:
        """End whatever lesson there is: its school has ended, or lets this device go."""
        for author in (*self.presence.held.authors, self.attention.held.author):
            if author.lesson:
                self._revoked(author.lesson)

    def _revoked(self, lesson: str) -> None:
        self.presence.hear(LessonEnded(lesson))
        self.attention.hear(LessonEnded(lesson))
        self.watching.review()
        self.control.review()
        self.showing.review()

    async def bulk(self, link: Link, wire: Wire) -> None:
        """Fetch and supply documents on an opened `/bulk` lane until it ends."""
        await self.materials.bulk(link, wire)

    async def shows(self, link: Link, wire: Wire) -> None:
        """Take what is shown here on an opened `/showing` lane until it ends."""
        await self.showing.carry(link, wire)

    def _papers_seen(self, link: Link) -> None:
        seen = MandateSeen(author_of(link))
        self.attention.hear(seen)
        self.presence.hear(seen)
        self.watching.hear_mandate(seen)
        self.showing.hear_mandate(seen)

    def _ended(self, lesson: str, last: bool) -> None:  # noqa: FBT001 - a callback's only fact
        self.attention.hear(LessonEnded(lesson))
        if last:
            self.talking.lesson_ended()
        self.watching.review()
        self.control.review()
        self.showing.review()

    # Time

    def tick(self) -> None:
        """Look at the clock: leases, mandates, proofs, deadlines."""
        self.attention.hear(TimePassed())
        self.presence.hear(TimePassed())
        self._review()
        self.commands.look_at_the_clock(self._clock.boot())
        self._tell_screens()

    def _tell_screens(self) -> None:
        """Tell the apps which monitors there are now; a seat that babbles is heard once a tick."""
        if self._screens_told != self.screens:
            self._screens_told = self.screens
            self.voice.all(ScreensTold(self.screens))

    def pulse(self) -> None:
        """Tell each app what of the device's last words is still true."""
        version, age_ms = self.attention.proof()
        battery = self.seat.battery_percent if self.seat else -1
        number, current = self.watching.shown.number, self.watching.current()
        off, wall_at = self.clock_off_seconds(), self.wall_at()
        self.voice.all(Pulse(number, current, version, age_ms, battery, off, wall_at))

    def utc(self) -> float:
        """Tell the time, UTC seconds: the later of wall clock and floor, which may stand still."""
        return max(self._clock.wall(), self.ground.floor())

    def clock_off_seconds(self) -> int:
        """Tell how far the wall clock is behind what the school has signed, else 0.

        Ahead cannot be known here: the floor only says what time it is at least.
        """
        return min(0, int(self._clock.wall() - self.ground.floor()))

    def wall_at(self) -> int:
        """Tell what the wall clock says, whoever has set it."""
        return min(WALL_AT_MAX, max(-WALL_AT_MAX, int(self._clock.wall())))

    async def run(self) -> None:
        """Keep time and the disk until cancelled; then write once more."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_time(), name="guard-time")
                group.create_task(self._keep_state(), name="guard-state")
                group.create_task(self._keep_lasting(), name="guard-lasting")
                group.create_task(self._keep_notes(), name="guard-journal")
                group.create_task(self.witness.run(), name="guard-witness")
                group.create_task(self._keep_clean(), name="guard-retention")
                group.create_task(self.materials.run(), name="guard-papers")
                group.create_task(self._folders.opening.run(), name="guard-folders")
                group.create_task(self.stills.run(), name="guard-stills")
        finally:
            self._write(kept.write, self.held)
            self._write(kept.write_lasting, self.held)
            self._noted(self._append(list(self.voice.notes)))

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        pulse_at = keep_at = loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.tick()
            if loop.time() >= pulse_at:
                pulse_at = loop.time() + PULSE_SECONDS - TICK_SECONDS / 2
                self.pulse()
            held = self.attention.held.locked or self.presence.held.on or self.ground.doubts()
            if loop.time() >= keep_at and held:
                keep_at = loop.time() + KEEP_SECONDS
                self.voice.changed()

    async def _keep_state(self) -> None:
        while True:
            await self.voice.dirty.wait()
            await asyncio.sleep(STATE_SECONDS)
            self.voice.dirty.clear()
            self._unsynced.set()
            await self._makings.off_loop(self._write, kept.write, self.held)

    async def _keep_lasting(self) -> None:
        while True:
            await self._unsynced.wait()
            await asyncio.sleep(LASTING_SECONDS)
            self._unsynced.clear()
            await self._makings.off_loop(self._write, kept.write_lasting, self.held)

    async def _keep_notes(self) -> None:
        while True:
            await self.voice.noted.wait()
            await asyncio.sleep(NOTES_SECONDS)
            await self.write_notes()

    async def write_notes(self) -> None:
        """Write what was noted until now, one writing at a time: each takes what it has written."""
        async with self._appending:
            self.voice.noted.clear()
            self._noted(await self._makings.off_loop(self._append, list(self.voice.notes)))

    async def _keep_clean(self) -> None:
        while True:
            in_use = [one for one in (self.presence.hand_in(), self.materials.folder) if one]
            await self._makings.off_loop(self._clean, self.ground.floor(), in_use)
            with suppress(DeviceError):  # nobody is here: it is tried again
                keep = await self._makings.off_loop(periods_of, self.folder)
                names = [one.name for one in in_use]
                await self._folders.clean(keep, self.ground.floor(), names)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLEAN_SECONDS):
                    await self._to_clean.wait()
            self._to_clean.clear()

    def _clean(self, now: float, in_use: Collection[Path]) -> None:
        try:
            clean(self.folder, self._journal, now, in_use)
        except (OSError, Broken) as error:
            log.info("not cleaned up", extra={"why": type(error).__name__})

    def _write(self, write: Callable[[Folder, kept.Kept], None], held: kept.Kept) -> None:
        """Write the state; a full disk costs the memory of a lesson, not the lesson."""
        try:
            write(self.folder, held)
        except OSError as error:
            log.info("state not kept", extra={"why": type(error).__name__})

    def _append(self, notes: list[Noted]) -> int:
        """Write what was noted; return how many notes are on the disk."""
        try:
            self._journal.append(notes)
        except (OSError, Broken) as error:
            log.info("not noted on disk", extra={"why": type(error).__name__})
            return 0
        return len(notes)

    def _noted(self, count: int) -> None:
        self._written += count
        for _ in range(min(count, len(self.voice.notes))):
            self.voice.notes.popleft()
        if count:
            self.voice.changed()  # what the journal has now, the state need hold no longer
