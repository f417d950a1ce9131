"""Carries one `/control` connection on the device through its machine: greet, judge, obey, refuse.

The papers are read once, at the hello and when they are shown anew; each message is judged by
what was read, which costs microseconds.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol import link
from device_bridge.protocol.errors import DeviceError, Malformed, NotAllowed, TryAgain, Unsupported
from device_bridge.protocol.hello import Answer, Hello, MandateShown, Refused, Welcome
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import HandInAsked
from device_bridge.protocol.messages import FromApp, decode_from_app, encode
from device_bridge.protocol.talking import HandAnswered, MessageSaid
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.device_link import DeviceLink, ReadPapers
from device_bridge.session.wire import Wire
from device_bridge.trust.accept import Peer
from device_bridge.trust.allow import Standing, allow, check_grant, check_mandate
from device_bridge.trust.floor import Ground
from device_bridge.trust.grants import read_grant, read_mandate
from device_bridge.trust.identity import School
from device_bridge.trust.mandates import Mandates

log = logging.getLogger(__name__)
_COMMANDS = (MessageSaid, HandAnswered, PageOpened, HandInAsked)
_LOOK = WatchingDeclared(0, 0, "overview")


class Host(Protocol):
    """The device's guard. Called on the loop; all but `bulk` returns at once."""

    def welcome(self, link: DeviceLink, hello: Hello) -> Welcome:
        """Answer a hello whose papers hold. Raises NotAllowed or TryAgain to refuse it."""
        ...

    def told(self, link: DeviceLink, message: FromApp) -> None:
        """Obey a message that `trust.allow` has allowed."""
        ...

    def lost(self, link: DeviceLink) -> None: ...

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        """Fetch and supply on a bound `/bulk` lane until it ends."""
        ...


class Law(Struct, frozen=True):
    """What papers are judged by."""

    school: School
    ground: Ground
    mandates: Mandates

    def standing(self) -> Standing:
        return Standing(self.ground.floor(), self.ground.boot(), self.ground.classes())

    def read(self, grant_token: str, mandate_token: str, teacher: Peer) -> ReadPapers:
        """Verify and match papers. Raises NotAllowed("grant" or "mandate", why)."""
        grant = read_grant(grant_token, self.school)
        self.ground.signed_at(grant.issued_at)
        floor = self.ground.floor()
        check_grant(grant, teacher, floor)
        if not mandate_token:
            return ReadPapers(grant, None)
        mandate = read_mandate(mandate_token, teacher.key)
        check_mandate(grant, mandate, floor)
        return ReadPapers(grant, self.mandates.see(mandate))

    def may_watch(self, looked_at: DeviceLink) -> bool:
        papers = looked_at.papers
        try:
            if papers:
                allow(papers.grant, papers.seen, _LOOK, self.standing())
        except NotAllowed:
            return False
        return papers is not None


class Gate:
    """One link's life on the device."""

    def __init__(self, made: DeviceLink, peer: Peer, host: Host, law: Law) -> None:
        self._link, self._peer, self._host, self._law = made, peer, host, law
        self._end = link.DeviceEnd(0.0)
        self._protocol = 0
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
        while True:
            self._take(await wire.receive())

    async def _write(self, wire: Wire) -> None:
        while True:
            await wire.send(encode(await self._link.outbox.take()))

    async def _last_words(self, wire: Wire) -> None:
        """Say why, where the machine has put a refusal, before the link is closed."""
        if not self._link.outbox.empty:
            await wire.send(encode(await self._link.outbox.take()))

    def _take(self, raw: bytes) -> None:
        try:
            event: link.DeviceEvent = link.AppSaid(decode_from_app(raw))
        except Unsupported as error:
            event = link.Strange(error.kind)
        except Malformed:
            event = link.Garbage()
        self._advance(event)

    def _advance(self, event: link.DeviceEvent) -> None:
        self._end, effects = link.advance_device(self._end, event, 0.0)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: link.DeviceEffect) -> None:
        match effect:
            case link.CheckPapers(hello, protocol):
                self._protocol = protocol
                self._check(hello)
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
            replace(welcome, protocol=self._protocol, lane_token=token),
            urgent=True,
        )
        self._advance(link.PapersGood())

    def _judge(self, message: FromApp) -> None:
        try:
            self._obey(message)
        except NotAllowed as error:
            self._refuse(message, error)

    def _obey(self, message: FromApp) -> None:
        papers = self._link.papers
        if isinstance(message, MandateShown):
            self._link.papers = self._law.read(message.grant, message.mandate, self._peer)
        elif papers is not None:
            allow(papers.grant, papers.seen, message, self._law.standing())
        self._link.obeyed(message)
        self._host.told(self._link, message)

    def _refuse(self, message: FromApp, error: NotAllowed) -> None:
        log.info(
            "message refused",
            extra={"kind": type(message).__name__, "verb": error.verb, "why": error.why},
        )
        if isinstance(message, _COMMANDS):
            self._link.send(Answer(message.id, "refused", error.why))
        else:
            kind = str(type(message).__struct_config__.tag)
            self._link.send(Refused(kind, "not-allowed", error.why))
