"""Carries one `/control` connection on the device through its machine: greet, judge, obey, refuse.

The papers are read once, at the hello and when they are shown anew; each message is judged by
what was read, which costs microseconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol import link
from device_bridge.protocol.errors import DeviceError, Malformed, NotAllowed, TryAgain, Unsupported
from device_bridge.protocol.hello import (
    Answer,
    Carried,
    Hello,
    MandateShown,
    Order,
    Refused,
    Welcome,
)
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import HandInAsked
from device_bridge.protocol.messages import FromApp, decode_control, decode_from_app, encode
from device_bridge.protocol.talking import HandAnswered, MessageSaid
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.device_link import DeviceLink, ReadPapers
from device_bridge.session.pace import Pace
from device_bridge.session.wire import Wire
from device_bridge.trust.accept import Peer
from device_bridge.trust.allow import FREE, Standing, allow, check_grant, check_mandate
from device_bridge.trust.floor import Ground
from device_bridge.trust.grants import read_grant, read_mandate
from device_bridge.trust.identity import School
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.revocation import DenyLists

log = logging.getLogger(__name__)
_COMMANDS = (MessageSaid, HandAnswered, PageOpened, HandInAsked)
_LOOK = WatchingDeclared(0, 0, "overview")
SUSPICIONS_MAX: Final = 20
"""A link's refused orders go into the device's journal, which it must not fill."""


class Host(Protocol):
    """The device's guard. Called on the loop; all but `bulk` returns at once."""

    def welcome(self, link: DeviceLink, hello: Hello) -> Welcome:
        """Answer a hello whose papers hold. Raises NotAllowed or TryAgain to refuse it."""
        ...

    def told(self, link: DeviceLink, message: FromApp) -> None:
        """Obey a message that `trust.allow` has allowed."""
        ...

    def lost(self, link: DeviceLink) -> None: ...

    def suspected(self, link: DeviceLink, why: str) -> None:
        """Note in the device's journal that something was refused."""
        ...

    def denied(self, deny_list: str) -> None:
        """Keep a deny list that is newer than the one kept."""
        ...

    def revoked(self, link: DeviceLink) -> None:
        """End what this link's teacher has begun: the school has ended their papers."""
        ...

    def follow(self, successions: Sequence[str], certificate: str, assignment: str) -> None:
        """Follow the school to a new root; take own papers under it. Raises NotAllowed."""
        ...

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        """Fetch and supply on a bound `/bulk` lane until it ends."""
        ...

    async def showing(self, link: DeviceLink, wire: Wire) -> None:
        """Take what is shown here on a bound `/showing` lane until it ends."""
        ...


class Law(Struct, frozen=True):
    """What papers are judged by."""

    device: str
    school: School
    ground: Ground
    mandates: Mandates
    deny_lists: DenyLists

    def standing(self) -> Standing:
        ground, denied = self.ground, self.deny_lists.denied
        return Standing(ground.floor(), ground.boot(), ground.classes(), self.device, denied)

    def read(self, grant_token: str, mandate_token: str, teacher: Peer) -> ReadPapers:
        """Verify and match papers. Raises NotAllowed("grant" or "mandate", why)."""
        grant = read_grant(grant_token, self.school)
        self.ground.signed_at(grant.issued_at)
        floor = self.ground.floor()
        check_grant(grant, teacher, floor, self.deny_lists.denied)
        if not mandate_token:
            return ReadPapers(grant, None)
        mandate = read_mandate(mandate_token, teacher.key)
        check_mandate(grant, mandate, floor)
        return ReadPapers(grant, self.mandates.see(mandate, grant.teacher))

    def holds(self, link: DeviceLink) -> bool:
        """Return whether the school still stands by this link's papers."""
        try:
            if link.papers:
                self.deny_lists.denied.check(link.papers.grant, "grant")
        except NotAllowed:
            return False
        return True

    def may_watch(self, looked_at: DeviceLink) -> bool:
        papers = looked_at.papers
        try:
            if papers:
                allow(papers.grant, papers.seen, _LOOK, self.standing())
        except NotAllowed:
            return False
        return papers is not None


class Gate:
    """One link's life on the device. `bring` takes what is carried; see `Listener.bring`."""

    def __init__(
        self, made: DeviceLink, peer: Peer, host: Host, law: Law, bring: Callable[[Carried], None]
    ) -> None:
        self._link, self._peer, self._host, self._law = made, peer, host, law
        self._bring_it = bring
        self._end = link.DeviceEnd(0.0)
        self._protocol = 0
        self._orders = 0
        self._under = ""
        self._suspicions = 0
        self.up = False

    async def run(self, wire: Wire, first: bytes, welcomed: Callable[[], None]) -> None:
        """Live until the link ends, which is always an exception; `first` is the hello, raw."""
        try:
            try:
                self._take(first)
            except DeviceError:
                await self._last_words(wire)
                raise
            welcomed()
            async with asyncio.TaskGroup() as halves:
                halves.create_task(self._read(wire), name="link-read")
                halves.create_task(self._write(wire), name="link-write")
        finally:
            if self.up:
                self._host.lost(self._link)

    async def _read(self, wire: Wire) -> None:
        pace = Pace()
        while True:
            self._take(await wire.receive())
            await pace.turn()

    async def _write(self, wire: Wire) -> None:
        while True:
            await wire.send(encode(await self._link.outbox.take()))

    async def _last_words(self, wire: Wire) -> None:
        """Say why, where the machine has put a refusal, before the link is closed."""
        if not self._link.outbox.empty:
            await wire.send(encode(await self._link.outbox.take()))

    def _take(self, raw: bytes) -> None:
        try:
            event: link.DeviceEvent = link.AppSaid(self._said(raw))
        except Unsupported as error:
            event = link.Strange(error.kind)
        except Malformed:
            event = link.Garbage()
        self._advance(event)

    def _said(self, raw: bytes) -> FromApp:
        match decode_control(raw):
            case Order() as order:
                return self._ordered(order)
            case greeting if not self.up:
                return greeting
            case _:
                raise Malformed("no order")

    def _ordered(self, order: Order) -> FromApp:
        if not self.up:
            raise Malformed("out-of-order")
        self._orders += 1
        if order.nonce != self._link.nonce or order.count != self._orders:
            self._suspect("replay")
            raise Malformed("replay")
        self._under = order.mandate
        return decode_from_app(bytes(order.message))

    def _suspect(self, why: str) -> None:
        self._suspicions += 1
        if self._suspicions <= SUSPICIONS_MAX:
            self._host.suspected(self._link, why)

    def _advance(self, event: link.DeviceEvent) -> None:
        self._end, effects = link.advance_device(self._end, event, 0.0)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: link.DeviceEffect) -> None:
        match effect:
            case link.CheckPapers(hello, protocol):
                self._protocol = protocol
                self._check(hello)
            case link.Bring(carried):
                self._bring(carried)
            case link.Open():
                pass  # `_check` has welcomed, for only the host knows whether it will
            case link.Judge(message):
                self._judge(message)
            case link.Send(message):
                self._link.outbox.put(message)
            case link.Close(why):
                raise Malformed(why)

    def _check(self, hello: Hello) -> None:
        try:
            self._link.papers = self._law.read(hello.grant, hello.mandate, self._peer)
            welcome = self._host.welcome(self._link, hello)
        except NotAllowed as error:
            self._advance(link.PapersBad(Refused("hello", "not-allowed", error.why)))
            return
        except TryAgain:
            self._advance(link.PapersBad(Refused("hello", "busy")))
            return
        self.up = True
        token = self._link.lane_token
        self._link.outbox.put(
            replace(
                welcome,
                protocol=self._protocol,
                lane_token=token,
                nonce=self._link.nonce,
                deny_list=self._law.deny_lists.denied.number,
            ),
            urgent=True,
        )
        self._advance(link.PapersGood())

    def _judge(self, message: FromApp) -> None:
        try:
            self._obey(message)
        except NotAllowed as error:
            self._refuse(message, error)

    def _obey(self, message: FromApp) -> None:
        papers, mandate = self._link.papers, self._link.mandate
        if isinstance(message, MandateShown):
            self._link.papers = self._law.read(message.grant, message.mandate, self._peer)
        elif isinstance(message, Carried):
            self._bring_it(message)
        elif papers is not None:
            if not isinstance(message, FREE) and self._under != (mandate.id if mandate else ""):
                raise NotAllowed("mandate", "another-mandate")
            allow(papers.grant, papers.seen, message, self._law.standing())
        self._link.obeyed(message)
        self._host.told(self._link, message)

    def _bring(self, carried: Carried) -> None:
        try:
            self._bring_it(carried)
        except NotAllowed as error:
            log.warning("carried statement refused", extra={"why": error.why})

    def _refuse(self, message: FromApp, error: NotAllowed) -> None:
        self._suspect(error.why)
        log.info(
            "message refused",
            extra={"kind": type(message).__name__, "verb": error.verb, "why": error.why},
        )
        if isinstance(message, _COMMANDS):
            self._link.send(Answer(message.id, "refused", error.why))
        else:
            kind = str(type(message).__struct_config__.tag)
            self._link.send(Refused(kind, "not-allowed", error.why))
