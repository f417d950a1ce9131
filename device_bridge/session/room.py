"""All devices of a lesson as the teacher's app holds them: one keeper each, one link at a time.

What is declared is kept and told on each new link; what is asked once needs a link now.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final, Protocol

from msgspec import Struct

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.control import ControlDeclared, ControlInput
from device_bridge.protocol.errors import (
    Broken,
    NotAllowed,
    NotPaired,
    TryAgain,
    Unsupported,
)
from device_bridge.protocol.fields import GONE_SECONDS, PROTOCOL_HIGHEST, PROTOCOL_LOWEST
from device_bridge.protocol.hello import (
    Answer,
    Carried,
    CertificateCarried,
    Hello,
    MandateShown,
    Report,
    Welcome,
)
from device_bridge.protocol.journal import HeadAsked
from device_bridge.protocol.materials import HandInTaken, MaterialReport
from device_bridge.protocol.messages import Command, Declaration, FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.talking import Heard
from device_bridge.session.carry_over import Inherits, Nothing, carry_over
from device_bridge.session.coming_up import ComingUp
from device_bridge.session.dial import Address, OtherDevice, dial, judge_device, who_is_at
from device_bridge.session.keeper import (
    DIAL_FLOOR_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Keeper,
    retry_pauses,
)
from device_bridge.session.lanes import KeptLane, Wanted, receive_frames
from device_bridge.session.link import Session
from device_bridge.session.showing import Shows
from device_bridge.session.twins import boot_at, look_for_twins
from device_bridge.session.wire import HungUp, Judge, Lane, Path, Wire
from device_bridge.trust.identity import Identity, School, dialler_context, thumbprint
from device_bridge.trust.revocation import DenyLists

Told = (
    Heard | HandInTaken | HeadAsked | CertificateCarried | Brought | ControlDeclared | ControlInput
)
ADDRESSES_MAX: Final = 8
"""Of one device: a few interfaces and what was typed; the newest sighting comes first."""


class Hears(Protocol):
    """Called on the loop; returns at once."""

    def up(self, device: str, welcome: Welcome) -> None: ...
    def heard(self, device: str, message: FromDevice) -> None: ...
    async def framed(self, device: str, frame: Frame) -> None: ...
    def twin(self, device: str) -> None:
        """Hear that another machine answers with this device's key."""
        ...

    def alone(self, device: str) -> None:
        """Hear that a look for another machine with this device's key has met none."""
        ...

    def gone(self, device: str, why: str) -> None:
        """Hear that there is no link, and when that has another reason than before.

        `why`: "lost", "unreachable", "not-paired", "other-device", "not-allowed", "grant-ended",
        "unsupported", "busy", "broken".
        """
        ...


class Papers(Protocol):
    """What a hello carries; asked anew at each dial. Empty: none.

    `deny_lists`: the newest list that this app has, carried to each device that is behind.
    """

    @property
    def deny_lists(self) -> DenyLists: ...
    def grant(self) -> str: ...
    def mandate(self) -> str: ...


class ServesBulk(Protocol):
    def urgent(self, device: str, *, under_way: bool) -> None:
        """Hear when a lock leaves for a device, and when it has answered or is gone."""
        ...

    async def serve(self, device: str, wire: Wire) -> None:
        """Fetch and supply on a bound `/bulk` lane until it ends."""
        ...


class ServesShowing(Protocol):
    async def serve(self, device: str, wire: Wire) -> None:
        """Show on a bound `/showing` lane until it ends."""
        ...


class Ends(Struct, frozen=True):
    """What a room talks to, and who it is."""

    identity: Identity
    school: School
    papers: Papers
    hears: Hears
    bulk: ServesBulk
    showing: ServesShowing
    floor: Callable[[], float]
    app: str
    gone_seconds: float
    inherits: Inherits
    jitter: Callable[[], float]
    coming_up: ComingUp


class Room:
    """Devices may be kept, forgotten and declared to at any time; links live while `run` does."""

    def __init__(  # noqa: PLR0913 - one of each, named
        self,
        *,
        identity: Identity,
        school: School,
        papers: Papers,
        hears: Hears,
        floor: Callable[[], float],
        bulk: ServesBulk,
        jitter: Callable[[], float],
        app: str = "pupitre",
        gone_seconds: float = GONE_SECONDS,
        inherits: Inherits | None = None,
        showing: ServesShowing | None = None,
    ) -> None:
        """`floor`: UTC seconds at least; `jitter`: from 0.5 to 1.0, spreads the retries."""
        self._ends = Ends(
            identity,
            school,
            papers,
            hears,
            bulk,
            showing or Shows(),
            floor,
            app,
            gone_seconds,
            inherits or Nothing(),
            jitter,
            ComingUp(),
        )
        self._context = dialler_context(identity, school)
        self._kept: dict[str, _Kept] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def keep(self, device: str) -> None:
        """Hold a link to this device from now on, as soon as it has an address."""
        if device not in self._kept:
            self._kept[device] = _Kept(device, self._ends, self._context, self._pauses)
            self._start(device)

    def forget(self, device: str) -> None:
        if kept := self._kept.pop(device, None):
            kept.forget()
        if task := self._tasks.pop(device, None):
            task.cancel()

    def sighted(self, device: str, addresses: Sequence[Address]) -> None:
        """Add addresses and wake the keeper; nothing is believed of it. Unkept: nothing."""
        if kept := self._kept.get(device):
            kept.sighted(addresses)

    def place(self, device: str) -> Address | None:
        """Return where the device last proved itself, if it did since it is kept."""
        kept = self._kept.get(device)
        return kept.proved_at if kept else None

    def identity_ends_at(self, device: str) -> float:
        """Tell when the certificate ends that the device has last shown (UTC seconds), or 0."""
        kept = self._kept.get(device)
        return kept.identity_ends_at if kept else 0.0

    async def who_is_at(self, address: Address) -> str:
        """Return which device of the school is there. Raises DeviceError or OSError."""
        ends = self._ends
        denied = ends.papers.deny_lists.denied.keys
        return await who_is_at(address, self._context, ends.school, ends.floor(), denied)

    def declare(self, device: str, declaration: Declaration) -> None:
        """Tell the device now, and on each new link until a newer one takes its place."""
        if kept := self._kept.get(device):
            kept.declare(declaration)

    def show_papers(self) -> None:
        """Show grant and mandate as they are now on all live links."""
        for kept in self._kept.values():
            kept.show_papers()

    def carry(self) -> None:
        """Bring newer deny lists and roots to all live links; whom they end is linked no more."""
        for kept in self._kept.values():
            kept.carry()

    async def ask(self, device: str, command: Command) -> Answer:
        """Ask once; "late" when the deadline passes. Raises TryAgain where there is no link."""
        return await self._of(device).ask(command)

    def tell(self, device: str, message: Told) -> None:
        """Say it where there is a link; else it is not said (devices ask again)."""
        if kept := self._kept.get(device):
            kept.tell(message)

    async def bulk(self, device: str) -> Wire:
        """Return the bound `/bulk` lane, dialling it where needed. Raises TryAgain."""
        return await self._of(device).bulk()

    async def run(self) -> None:
        """Keep all links; cancel it to end all."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for device in self._kept:
                    self._start(device)
                try:
                    await asyncio.Event().wait()
                finally:
                    for kept in self._kept.values():
                        kept.end()
        finally:
            self._group = None
            self._tasks.clear()

    def _start(self, device: str) -> None:
        if self._group is not None:
            work = self._kept[device].run()
            self._tasks[device] = self._group.create_task(work, name=f"keeper-{device}")

    def _of(self, device: str) -> "_Kept":
        if device not in self._kept:
            raise TryAgain(DIAL_FLOOR_SECONDS)
        return self._kept[device]

    def _pauses(self) -> Iterator[float]:
        return retry_pauses(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, self._ends.jitter)


class _Live:
    """A link that is up: its outbox, its lanes, who waits for an answer on it."""

    def __init__(
        self, lane: Lane, session: Session, pictures: KeptLane, bulk: KeptLane, showing: KeptLane
    ) -> None:
        self.lane, self.session = lane, session
        self.pictures, self.bulk, self.showing = pictures, bulk, showing
        self.answers: dict[str, asyncio.Future[Answer]] = {}


class _Kept:
    """One device: where it may be, what was declared to it, its link if there is one."""

    def __init__(
        self,
        device: str,
        ends: Ends,
        context: ssl.SSLContext,
        pauses: Callable[[], Iterator[float]],
    ) -> None:
        self._device, self._ends, self._context = device, ends, context
        self._addresses: list[Address] = []
        self.proved_at: Address | None = None
        self.identity_ends_at = 0.0
        self._addressed = asyncio.Event()
        self._declared: dict[type[Declaration], Declaration] = {}
        self._keeper = Keeper(self._once, pauses, self._lost)
        self._live: _Live | None = None
        self._why = ""
        self._hung_up = False
        self._forgotten = False
        self._deny_list_held = 0
        self._epoch_held = 0

    async def run(self) -> None:
        try:
            await self._keeper.run()
        finally:
            self._down()

    def end(self) -> None:
        self._keeper.end()

    def forget(self) -> None:
        """End without a word: the device may be kept anew before this link is really down."""
        self._forgotten = True
        self.end()

    def sighted(self, addresses: Sequence[Address]) -> None:
        fresh = list(dict.fromkeys(addresses))
        old = [address for address in self._addresses if address not in fresh]
        self._addresses = [*fresh, *old][:ADDRESSES_MAX]
        self._addressed.set()
        self._keeper.wake()

    def declare(self, declaration: Declaration) -> None:
        kind = type(declaration)
        held = self._declared.get(kind)
        if held is not None and held.version > declaration.version:
            return
        self._declared[kind] = declaration
        if self._live:
            self._say(self._live, declaration)

    def show_papers(self) -> None:
        if self._live:
            papers = self._ends.papers
            shown = MandateShown(papers.grant(), papers.mandate())
            self._live.session.outbox.put(shown, urgent=True, newest_of="papers")

    def carry(self) -> None:
        lists = self._ends.papers.deny_lists
        if self._live is None:
            return
        if thumbprint(self._live.lane.peer.key) in lists.denied.keys:
            self._live.lane.abort()
        elif carried := self._carried():
            self._deny_list_held = lists.denied.number
            self._epoch_held = self._ends.inherits.epoch
            self._live.session.outbox.put(carried, urgent=True, newest_of="carried")

    def _carried(self) -> Carried | None:
        """Return what the device lacks, as far as it has told what it holds."""
        lists, inherits = self._ends.papers.deny_lists, self._ends.inherits
        deny_list = lists.token if lists.denied.number > self._deny_list_held else ""
        roots = inherits.successions if inherits.epoch > self._epoch_held else ()
        return Carried(deny_list, roots) if deny_list or roots else None

    def tell(self, message: Told) -> None:
        if self._live:
            self._live.session.outbox.put(message)

    async def ask(self, command: Command) -> Answer:
        live = self._live
        if live is None:
            raise TryAgain(DIAL_FLOOR_SECONDS)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        live.answers[command.id] = answer
        live.session.outbox.put(command)
        try:
            async with asyncio.timeout(command.deadline_seconds):
                return await answer
        except TimeoutError:
            return Answer(command.id, "late")
        finally:
            live.answers.pop(command.id, None)

    async def bulk(self) -> Wire:
        if self._live is None:
            raise TryAgain(DIAL_FLOOR_SECONDS)
        return await self._live.bulk.wire()

    async def _once(self, up: Callable[[], None]) -> None:
        await self._addressed.wait()
        with ExitStack() as coming_up:
            coming_up.enter_context(self._ends.coming_up.link())
            lane = await self._dial_or_tell()
            session = Session(lane, self._device, self._heard, self._ends.gone_seconds)

            def welcomed(welcome: Welcome, group: asyncio.TaskGroup) -> None:
                coming_up.close()
                up()
                self._up(lane, session, welcome, group)

            hello = self._hello(self._ends.papers.mandate())
            try:
                await session.run(hello, welcomed, self._carried())
            finally:
                self._down()

    async def _dial_or_tell(self) -> Lane:
        """Dial; whoever does not pass may be ours, and not have heard of the school's new root."""
        try:
            return await self._dial("/control", self._addresses)
        except OtherDevice:
            raise
        except NotPaired:
            ends = self._ends
            if await carry_over(self._addresses, self._device, ends.identity, ends.inherits):
                self._keeper.wake()
            raise

    def _hello(self, mandate: str) -> Hello:
        ends = self._ends
        return Hello(PROTOCOL_LOWEST, PROTOCOL_HIGHEST, ends.app, ends.papers.grant(), mandate)

    async def _look_for_twins(self, boot: str) -> None:
        async def at(address: Address) -> str:
            return await boot_at(address, self._context, self._judge(), self._hello(""))

        await look_for_twins(
            boot,
            lambda: [each for each in self._addresses if each != self.proved_at],
            at,
            lambda: self._ends.hears.twin(self._device),
            lambda: self._ends.hears.alone(self._device),
            self._ends.jitter,
        )

    def _up(self, lane: Lane, session: Session, welcome: Welcome, group: asyncio.TaskGroup) -> None:
        async def again(path: Path) -> Lane:
            if path == "/pictures":
                await self._ends.coming_up.over()
            return await self._dial(path, self._addresses)

        wanted = Wanted(lambda: session.over)

        def kept(path: Path, use: Callable[[Lane], Awaitable[None]]) -> KeptLane:
            token, jitter = welcome.lane_token, self._ends.jitter
            return KeptLane(path, wanted, again, token, use, jitter)

        self.identity_ends_at = lane.peer.ends_at
        live = _Live(
            lane,
            session,
            kept("/pictures", self._watch),
            kept("/bulk", self._serve_bulk),
            kept("/showing", self._show),
        )
        group.create_task(wanted.keep(), name=f"lanes-{self._device}")
        group.create_task(self._look_for_twins(welcome.boot), name=f"twins-{self._device}")
        self._live, self._why = live, ""
        self._deny_list_held, self._epoch_held = welcome.deny_list, welcome.epoch
        self._ends.hears.up(self._device, welcome)
        for declaration in tuple(self._declared.values()):
            self._say(live, declaration)

    def _say(self, live: _Live, declaration: Declaration) -> None:
        if isinstance(declaration, LockDeclared):
            self._ends.bulk.urgent(self._device, under_way=True)
        live.session.outbox.put(
            declaration,
            urgent=isinstance(declaration, LockDeclared),
            newest_of=type(declaration).__name__,
        )

    def _heard(self, message: FromDevice) -> None:
        if self._forgotten:
            return
        live = self._live
        if live and isinstance(message, Answer) and message.id in live.answers:
            answer = live.answers[message.id]
            if not answer.done():
                answer.set_result(message)
        if isinstance(message, Report) and message.feature == "attention":
            self._ends.bulk.urgent(self._device, under_way=False)
        if live and isinstance(message, Report) and _lets_pictures_out(message):
            live.pictures.want()
        if live and isinstance(message, Report) and _lets_show_in(message):
            live.showing.want()
        if live and isinstance(message, MaterialReport) and message.state == "wanted":
            live.bulk.want()
        self._ends.hears.heard(self._device, message)

    async def _watch(self, lane: Lane) -> None:
        await receive_frames(lane, lambda frame: self._ends.hears.framed(self._device, frame))

    async def _show(self, lane: Lane) -> None:
        await self._ends.showing.serve(self._device, lane)

    async def _serve_bulk(self, lane: Lane) -> None:
        await self._ends.bulk.serve(self._device, lane)

    def _judge(self) -> Judge:
        ends = self._ends
        denied = ends.papers.deny_lists.denied.keys
        return judge_device(self._device, ends.school, ends.floor(), denied)

    async def _dial(self, path: Path, addresses: Sequence[Address]) -> Lane:
        lane, address = await dial(addresses, path, self._context, self._judge())
        # What has just proved itself is tried first.
        rest = [other for other in self._addresses if other != address]
        self._addresses = [address, *rest]
        self.proved_at = address
        return lane

    def _down(self) -> None:
        live, self._live = self._live, None
        self._ends.bulk.urgent(self._device, under_way=False)
        if live:
            for answer in live.answers.values():
                if not answer.done():
                    answer.set_exception(TryAgain(DIAL_FLOOR_SECONDS))
            self._tell_gone("lost")

    def _lost(self, error: Exception) -> None:
        again = self._hung_up and isinstance(error, HungUp)
        self._hung_up = isinstance(error, HungUp)
        self._tell_gone("not-paired" if again else why_of(error))

    def _tell_gone(self, why: str) -> None:
        if self._forgotten or why == self._why or (self._why == "lost" and why == "unreachable"):
            return
        self._why = why
        self._ends.hears.gone(self._device, why)


def _lets_pictures_out(report: Report) -> bool:
    return report.feature == "watching" and report.state == "on"


def _lets_show_in(report: Report) -> bool:
    return report.feature == "showing" and report.state == "waiting"


def why_of(error: Exception) -> str:
    """Name why there is no link, for `Hears.gone`."""
    match error:
        case OtherDevice():
            return "other-device"
        case NotPaired():
            return "not-paired"
        case NotAllowed(why="grant-ended"):
            return "grant-ended"
        case NotAllowed():
            return "not-allowed"
        case Unsupported():
            return "unsupported"
        case TryAgain():
            return "busy"
        case Broken():
            return "broken"
        case _:
            return "unreachable"
