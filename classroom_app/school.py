"""Everything that exists while a teacher is signed in: room, features, link, discovery, sync."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from classroom_app.acts import LessonActs
from classroom_app.carrying import Carrying
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.line import Line
from classroom_app.cloud.no_server import NoSync
from classroom_app.cloud.sync import Sync, SyncState
from classroom_app.courier import Courier
from classroom_app.domain.acts import Act, Declared
from classroom_app.domain.errors import (
    GrantEnded,
    JournalDoubted,
    LessonLeft,
    NotKept,
    OwnLessonLeft,
    SchoolSucceeded,
)
from classroom_app.domain.lesson import ClassId, DeviceId, Roster
from classroom_app.domain.versions import Versions
from classroom_app.ends import Ends
from classroom_app.found import Found
from classroom_app.ids import new_id
from classroom_app.metered import by_this_system
from classroom_app.networks import Networks
from classroom_app.papers import Papers
from classroom_app.places import NobodyThere, OfAnotherClass, Places
from classroom_app.presenters.receipts import Receipt
from classroom_app.renewing import Renewing
from classroom_app.retaining import COLLECTED, STILLS, Retaining
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.attention import Attention
from classroom_app.services.classroom import Classroom
from classroom_app.services.collecting import Collecting
from classroom_app.services.control import Control, Said
from classroom_app.services.hearing import Hearing
from classroom_app.services.materials import Materials
from classroom_app.services.presence import Ended, Presence
from classroom_app.services.ready import Ready
from classroom_app.services.seats import Seats
from classroom_app.services.showing import Showing
from classroom_app.services.stills import ClassStills, Stills
from classroom_app.services.talking import Talking
from classroom_app.services.watching import Watching
from classroom_app.storage.keeping import Keeping
from classroom_app.succession import Certify, Heritage, certify_none, differences, followed
from classroom_app.successors import Successors
from classroom_app.tasks import begun_anew
from classroom_app.ways import Ways
from classroom_app.witness import Witness
from device_bridge.discovery.browse import Browser
from device_bridge.discovery.day import KnownNames
from device_bridge.discovery.interfaces import own_addresses
from device_bridge.discovery.sightings import Address, Sighting
from device_bridge.discovery.wifi import wifi_names
from device_bridge.materials.library import Library
from device_bridge.materials.names import safe_name
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.fields import GONE_SECONDS, PULSE_SECONDS
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.session.room import Room
from device_bridge.session.showing import Shows

log = logging.getLogger(__name__)
JITTER = (0.5, 1.0)


class RoomClock:
    """Seconds of the room and of the wall."""

    def seconds(self) -> float:
        return time.monotonic()

    def utc(self) -> int:
        return int(time.time())

    def boot(self) -> float:
        return boot_seconds()


def boot_seconds() -> float:
    """Return the boot clock: it counts on while the laptop sleeps (where the system has one)."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Telling:
    """The journal; `written` hears of every act that is kept."""

    def __init__(self, keeping: Keeping, written: Callable[[], None]) -> None:
        self._keeping, self._written = keeping, written
        self.acts = keeping.acts

    async def remember(self, act: Act, declared: Sequence[Declared] = ()) -> bool:
        fresh = await self._keeping.remember(act, declared)
        self._written()
        return fresh


class School:
    """Joined once a sign-in is known; `run` holds all of it until cancelled.

    `pace` multiplies the pauses between looks at the network and the school.
    """

    def __init__(  # noqa: PLR0913, PLR0915 - the ends that the window gives, and all that is joined
        self,
        keeping: Keeping,
        papers: Papers,
        cloud: Cloud,
        home: Path,
        interfaces: list[str],
        *,
        pace: float = 1.0,
        touched: Callable[[frozenset[str]], None],
        pictured: Callable[[DeviceId, Frame], Awaitable[bool]],
        refused: Callable[[Exception], None],
        ended: Callable[[Ended], None],
        synced: Callable[[SyncState], None],
        told: Callable[[Receipt], None],
        written: Callable[[], None] = lambda: None,
        certify: Certify = certify_none,
        look_ended: Callable[[DeviceId], None] = lambda _: None,
        drives: Said = lambda _device, _state, _reason: None,
    ) -> None:
        self.keeping, self.papers, self._cloud = keeping, papers, cloud
        self.found = Found(time.monotonic())
        self._synced, self._refused, self._wrote = synced, refused, written
        self._right_told = ""
        self.ends = Ends(cloud, keeping)
        self.names = KnownNames(papers.discovery, self._devices, self._moments)
        self._pool = bulk_threads()
        self._dialling: asyncio.Queue[DeviceId] = asyncio.Queue()
        self.ways = Ways(
            library := Library(home / "library"),
            self._pool,
            self._may_give,
            self._dialling.put_nowait,
        )
        self.successors = Successors(cloud, self._papers_came)
        # Without a server nobody else signs for them.
        signs = self.successors.papers_for if papers.signed.server else certify
        self._heritage = Heritage(papers, signs)
        self._shows = Shows()
        self.link = Room(
            identity=papers.identity,
            school=papers.school,
            papers=papers,
            hears=self,
            floor=papers.floor,
            bulk=self.ways,
            jitter=lambda: random.uniform(*JITTER),  # noqa: S311 - spreads, hides nothing
            gone_seconds=max(GONE_SECONDS * pace, 3 * PULSE_SECONDS),
            inherits=self._heritage,
            showing=self._shows,
        )
        self.ways.room = self.link
        self.places = Places(keeping, self.link.sighted, self.names)
        self.room = Classroom(
            devices=self.link,
            journal=Telling(keeping, self._written),
            clock=RoomClock(),
            new_id=new_id,
            versions=Versions(keeping.versions_above()),
            touched=touched,
        )
        self.networks = Networks(
            self.room,
            self,
            keeping,
            cloud,
            partial(own_addresses, interfaces),
            wifi_names,
            pace=pace,
            moved=self._on_moved,
        )
        self.attention = Attention(self.room)
        self.materials = Materials(self.room, library, self.ways, self._pool, keeping)
        self.ready = Ready(keeping, library, self.materials.take_in, self.room.clock.utc)
        self.talking = Talking(self.room)
        self.watching = Watching(self.room, look_ended)
        self.control = Control(self.room, drives)
        self.showing = Showing(self.room, self._shows, self.watching, refused)
        self.collecting = Collecting(
            self.room,
            self.ways,
            library,
            self._pool,
            folder=home / COLLECTED,
            safe_name=safe_name,
        )
        follows = (
            self.attention,
            self.materials,
            self.talking,
            self.collecting,
            self.watching,
            self.control,
            self.showing,
        )
        self.seats = Seats(self.room, follows)
        arrivals = Arrivals(self.room)

        self.witness = Witness(keeping, self.link, papers, self.room.clock.utc, self._doubted)

        async def over(what: Ended) -> None:
            ended(what)
            await self.witness.over(what.lesson.id, tuple(self.room.came))

        self.presence = Presence(
            self.room,
            rosters=keeping,
            signs=papers,
            resumes=keeping,
            follows=follows,
            arrivals=arrivals,
            ended=over,
        )
        papers.mandate = self.presence.mandate
        self.carrying = Carrying(cloud, self.link)
        self.courier = Courier(cloud, keeping, self.link, self._written)
        features = (
            self.carrying,
            self.courier,
            arrivals,
            self.attention,
            self.materials,
            self.collecting,
            self.seats,
            self.talking,
            self.watching,
            self.control,
            self.showing,
            self.witness,
        )
        self.hearing = Hearing(
            self.room, features, pictured=pictured, refused=refused, utc=self._utc
        )
        self._renewing = Renewing(cloud, keeping, papers, self._in_lesson, time.time, self.deny)
        self._line = Line(by_this_system)
        self.sync = self._exchange() if papers.signed.server else NoSync(self._on_sync)
        stills = Stills(self.room, folder=home / STILLS, safe_name=safe_name)
        self.acts = LessonActs(
            self.room,
            self.presence,
            self.attention,
            self.materials,
            self.talking,
            self.collecting,
            self.seats,
            ClassStills(stills, self.watching),
            self.sync,
            told,
        )
        self._retaining = Retaining(keeping, library, home, papers.floor, in_lesson=self._in_lesson)
        self.browser = Browser(
            self._sighted,
            self._lost,
            interfaces=interfaces or None,
            expected=self._expects,
            pace=pace,
        )

    async def run(self) -> None:
        """Link, listen, renew and exchange until cancelled."""
        beside = {
            "carrying": self.carrying.run,
            "places": self.places.run,
            "networks": self.networks.run,
            "retaining": self._retaining.run,
            "sync": self.sync.run,
        }
        if self.papers.signed.server:  # else the grant is renewed at each start (`own_school`)
            beside |= {
                "renewing": self._renewing.run,
                "successors": self.successors.run,
                "ends": self.ends.run,
            }
        async with asyncio.TaskGroup() as group:
            for name, work in (
                ("room", self.link.run()),
                ("hearing", self.hearing.run()),
                ("browser", self.browser.run()),
                ("bulk", self._dial_wanted()),
                ("presence", self.presence.run()),
                ("attention", self.attention.run()),
                ("watching", self.watching.run()),
                ("control", self.control.run()),
                ("showing", self.showing.run()),
                ("collecting", self.collecting.run()),
            ):
                group.create_task(work, name=name)
            for name, run in beside.items():
                group.create_task(begun_anew(name, run), name=name)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def begin(self, class_id: ClassId, seconds: int) -> None:
        """Open a class and start its lesson."""
        self.found = Found(time.monotonic())
        await self.presence.open(class_id)
        await self.places.open(self.room.all_devices())
        await self.presence.start(seconds, self.papers.signed.teacher_name)
        self.watching.tell()
        if time.time() >= self.papers.grant_ends_at:
            # Only told: a wrong clock must not stop a lesson, the devices know what time it is.
            self._right_ended()
        await self._catch_up()

    async def go_on(self) -> None:
        """Take the last end back. Raises as `Presence.go_on`."""
        await self.acts.go_on()
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Take what became of the class while there was no lesson to take it into."""
        with suppress(NotKept):  # the lesson is on all the same
            await self.refresh()

    async def extend(self, seconds: int) -> None:
        """Move the lesson's end; what restricts got a lease to the old end, so it is renewed."""
        await self.presence.extend(seconds)
        self.attention.renew()
        self.watching.renew()
        self.showing.renew()

    async def refresh(self) -> bool:
        """Take a class that has changed into the lesson; False where nothing is new there.

        A class that came is to be taught at once, not only once all files are sent.
        """
        self._renewing.wake()
        before = set(self._devices())
        if not (await self.presence.refresh()).lesson:
            return False
        await self.places.open(set(self._devices()) - before)
        self.watching.tell()
        return True

    async def resume(self, *, asked: bool = True) -> bool:
        """Take up a lesson that had not ended; False where there is none.

        Raises `LessonLeft`, or `LessonWaits` where the school was not `asked` for its classes.
        """
        try:
            await self.presence.resume(asked=asked)
        except LessonLeft as error:
            if self.papers.signed.server:
                raise
            raise OwnLessonLeft(error.name) from error
        if self.room.lesson is None:
            return False
        await self.places.open(self.room.all_devices())
        return True

    async def dial(self, place: Address) -> None:
        """Ask who is at a typed address and hold on to it. Raises `NobodyThere`."""
        devices = self.room.all_devices()
        try:
            device = await self.link.who_is_at(place)
        except OSError as error:
            raise NobodyThere from error
        if device not in devices:
            raise OfAnotherClass
        self.link.sighted(device, [place])

    # what the connection check asks (looking_around.Known)

    def roster(self) -> Roster | None:
        return self.room.roster

    def places_of(self, device: DeviceId) -> tuple[Address, ...]:
        return self.places.of(device)

    def heard_at(self, device: DeviceId) -> tuple[Address, ...]:
        return self.places.heard(device)

    def network_names(self) -> Mapping[str, str]:
        return self.networks.names

    def told_here(self, device: DeviceId) -> bool:
        return self.networks.told_here(device)

    def linked_at(self, device: DeviceId) -> Address | None:
        return self.link.place(device)

    def last_of(self, device: DeviceId) -> Address | None:
        return self.places.last_of(device)

    # what the sync brings for everybody (cloud.sync.TakesTrust)

    def deny_list_number(self) -> int:
        return self.papers.deny_lists.denied.number

    def deny_list(self) -> str:
        return self.papers.deny_lists.token

    async def deny(self, deny_list: str) -> None:
        try:
            newer = self.papers.deny(deny_list)
        except NotAllowed as error:
            log.warning("deny list refused", extra={"why": error.why})
            return
        if newer:
            self.link.carry()  # whatever the disk does: it is not told again before the next start
            await self.keeping.keep_deny_list(deny_list)

    def epoch(self) -> int:
        return self._heritage.epoch

    async def follow(self, successions: tuple[str, ...]) -> None:
        before = self.papers.signed
        try:
            signed = followed(before, successions)
        except NotAllowed as error:
            log.warning("succession refused", extra={"why": error.why})
            return
        await self.keeping.change_papers(**differences(before, signed))
        self.papers.signed = signed
        self.link.carry()
        if signed.epoch > before.epoch:
            self._refused(SchoolSucceeded())

    def _utc(self) -> float:
        """Tell the time by all that we know: our clock, corrected by the school's server.

        It is at least what the school has last signed.
        """
        return max(self.room.clock.utc() - (self.clock_off_seconds() or 0), self.papers.floor())

    def clock_off_seconds(self) -> float | None:
        """Say by how much this computer's clock is ahead of the school's; None: never heard."""
        ahead = self._cloud.offset_seconds
        return None if ahead is None else -ahead

    def sync_state(self) -> SyncState:
        return self.sync.state

    # what the link hears (session.room.Hears) goes to the features

    def up(self, device: str, welcome: Welcome) -> None:
        self.places.reached(device, self.link.place(device))
        self.ends.note(device, self.link.identity_ends_at(device))
        self.hearing.up(device, welcome)
        self._note_found(device)
        self.networks.wake()

    def heard(self, device: str, message: FromDevice) -> None:
        self.hearing.heard(device, message)

    async def framed(self, device: str, frame: Frame) -> None:
        self.watching.framed(DeviceId(device), frame)
        self.showing.framed(DeviceId(device), frame)
        await self.hearing.framed(device, frame)

    def twin(self, device: str) -> None:
        self.hearing.twin(device)

    def alone(self, device: str) -> None:
        self.hearing.alone(device)

    def gone(self, device: str, why: str) -> None:
        self.hearing.gone(device, why)
        self.control.lost(DeviceId(device))
        if why == "grant-ended":
            self._right_ended()

    def _right_ended(self) -> None:
        """Say once a lesson that the teacher's right has ended."""
        lesson = self.room.lesson
        if lesson is not None and self._right_told != lesson.id:
            self._right_told = lesson.id
            self._refused(GrantEnded(lesson.class_name, self.papers.grant_ends_at))

    def _doubted(self, device: DeviceId) -> None:
        known = self.room.roster.devices if self.room.roster else ()
        name = next((each.name for each in known if each.id == device), "")
        self._refused(JournalDoubted(name or device))

    def _in_lesson(self) -> bool:
        return self.presence.under_way() is not None

    def _written(self) -> None:
        self.sync.written()
        self._wrote()

    def _may_give(self, device: DeviceId) -> frozenset[bytes]:
        return self.materials.may_give(device)

    def _expects(self, name: str) -> bool:
        return bool(self.names.whose(name))

    def _moments(self) -> tuple[float, float]:
        return time.time(), self.papers.floor()

    def _devices(self) -> Iterator[DeviceId]:
        roster = self.room.roster
        return (one.id for one in roster.devices) if roster else iter(())

    def _sighted(self, sighting: Sighting) -> None:
        if device := self.places.hear(sighting):
            self._note_found(device)

    def _note_found(self, device: str) -> None:
        seen = self.room.seen.get(DeviceId(device))
        answers = seen is not None and seen.up_since is not None
        heard = bool(self.places.heard(device))
        self.found.look(device, self.room.clock.seconds(), heard=heard, answers=answers)

    def _papers_came(self, device: str) -> None:
        self.link.sighted(device, ())

    def _lost(self, name: str) -> None:
        log.info("record gone", extra={"record": name})
        self.places.lost(name)

    async def _dial_wanted(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                device = await self._dialling.get()
                group.create_task(self.ways.dial(device), name=f"dial-bulk-{device}")

    def _exchange(self) -> Sync:
        carry = self.courier.exchange
        ends = (self._cloud, self.keeping, self)
        return Sync(*ends, self._on_sync, time.time, carry=carry, line=self._line)

    def _on_moved(self) -> None:
        """Take a turn soon: what no network let through may go in this one."""
        self._line.forget()
        self.sync.wake()

    def _on_sync(self, state: SyncState) -> None:
        if not state.busy and not state.why:
            self._renewing.wake()
        self._synced(state)
