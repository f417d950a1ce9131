"""An enrolled device as the LAN meets it: the guard behind one port, announced, known to the MDM.

This is where guard, session, discovery and fleet are joined; a simulator joins the same.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from msgspec.structs import replace
from zeroconf.asyncio import AsyncZeroconf

from central_mdm.contract.fleet import Policy
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.carrying import CarryingHere
from device_bridge.agent.guard.central import (
    BACK_OFF_MAX_SECONDS,
    BACK_OFF_SECONDS,
    Client,
    web_client,
)
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.inventory import inventory_of
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.mdm import CheckIns, Duties
from device_bridge.agent.guard.networks import Gateway, Networks
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.agent.guard.succession import follow
from device_bridge.agent.guard.wanted import WantedHere
from device_bridge.agent.settings import Machine
from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.day import NAME_BYTES, OwnName
from device_bridge.discovery.interfaces import LOOK_SECONDS, own_addresses
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.errors import NotAllowed
from device_bridge.protocol.fields import HOME_PORT, PROTOCOL_HIGHEST
from device_bridge.protocol.hello import CertificateCarried, Hello, Welcome
from device_bridge.protocol.messages import FromApp
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.gate import Law
from device_bridge.session.keeper import retry_pauses
from device_bridge.session.listen import Listener
from device_bridge.session.wire import Wire
from device_bridge.trust.identity import Identity, School
from device_bridge.trust.revocation import DenyLists

EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - the device is what listens, on each network
NO_TOKEN: Final = bytes(32)  # the session puts each link's own token and nonce in their place
NO_NONCE: Final = bytes(16)


log = logging.getLogger(__name__)


@cache
def agent_version() -> str:
    try:
        return version("pupitre")
    except PackageNotFoundError:
        return "0"


@dataclass(frozen=True)
class About:
    """What differs between machines. `apply` does what a policy of an older MDM declares.

    `gateway` knows the hardware address of an interface's router. `pace` multiplies the pauses
    before the first check-in and between looks at the network.
    """

    kind: str
    apply: Callable[[Policy], str]
    jitter: Callable[[], float]
    client: Client = web_client
    gateway: Gateway = lambda _: ""
    pace: float = 1.0
    machine: Machine = field(default_factory=Machine)


class Device:
    """One enrolled device. `bind`, then `run` until cancelled."""

    def __init__(self, folder: Folder, makings: Makings, about: About) -> None:
        """Take up what the folder holds. Raises NotPaired where it is not enrolled, or Broken."""
        enrolled = read_enrolment(folder)
        self.id = enrolled.device
        self.guard = Guard(folder, makings)
        self.guard.witness.introduce(enrolled, self.guard.ground.floor)
        self._about = about
        if enrolled.assignment:
            self.guard.ground.assign(enrolled.assignment)
        self._enrolled = enrolled
        self._deny_lists = _deny_lists(enrolled.school, self.guard)
        self._listener = Listener(
            enrolled.identity, self._law(), self, random_bytes=makings.random_bytes
        )
        self.networks = Networks(
            lambda: self.guard.ground.assignment, lambda: own_addresses(self._wanted), about.gateway
        )
        self._wanted: Sequence[str] | None = None
        self._allowed: tuple[str, ...] | None = None
        self.renewing = Renewing(folder, enrolled, self.guard.utc, self._renewed)
        self.wanted = WantedHere(
            folder,
            enrolled,
            about.machine,
            self.guard.notices,
            self.guard.utc,
            makings.clock,
            self.guard.voice.note,
        )
        self._check_ins = CheckIns(folder, enrolled, self._duties())
        self._carrying = CarryingHere(
            folder,
            enrolled,
            self.wanted,
            self.guard.witness,
            self.renewing,
            self._duties().inventory,
            self.guard.utc,
            self._check_ins.meets,
            self.guard.ground,
            self.guard.voice.note,
        )
        self.announced = OwnName(
            self.id,
            lambda: self._check_ins.discovery,
            self.guard.ground.floor,
            makings.random_bytes(NAME_BYTES),
        )

    def bind(self, addresses: Sequence[str] = EVERYWHERE, port: int = 0) -> int:
        """Listen; return the port. Without one asked for, the last one, the home port, or any.

        A teacher's app that knew this device then finds it again without any discovery, and one
        that never met it by its address alone. Where no network here is the school's, the port
        stays closed, and so it is 0 where it was never open. Raises OSError.
        """
        self._wanted = None if list(addresses) == list(EVERYWHERE) else tuple(addresses)
        self._allowed = self.networks.allowed()
        if self._allowed is not None:
            addresses = self._allowed
        if not addresses:
            return self.guard.port
        known = [one for one in (self.guard.port, HOME_PORT) if one]
        for wanted in (port,) if port else (*known, 0):
            try:
                self.guard.port = self._bind(addresses, wanted)
                break
            except OSError:
                if wanted == port:
                    raise
        self.guard.voice.changed()
        return self.guard.port

    def cut(self) -> None:
        """End every connection now, as a pulled cable does."""
        self._listener.cut()

    async def run(
        self, zeroconf: AsyncZeroconf | None = None, interfaces: Sequence[str] | None = None
    ) -> None:
        """Serve until cancelled, or raise `Leaving`.

        `zeroconf` may be shared; `interfaces` are own addresses.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self.guard.run(), name="guard")
            group.create_task(self._listener.run(), name="listener")
            group.create_task(self._check_ins.run(), name="check-ins")
            group.create_task(self.renewing.run(), name="renewing")
            group.create_task(self.wanted.run(), name="wanted")
            group.create_task(self._carrying.run(), name="carrying")
            group.create_task(self._be_found(zeroconf, interfaces), name="be-found")

    async def _be_found(
        self, zeroconf: AsyncZeroconf | None, interfaces: Sequence[str] | None
    ) -> None:
        """Announce, and follow the networks on which that is allowed."""
        pause = LOOK_SECONDS * self._about.pace
        while True:
            there = interfaces if self._allowed is None else self._allowed
            async with AsyncExitStack() as stack:
                if there is None or there:
                    await stack.enter_async_context(
                        Announcer(
                            zeroconf,
                            self.announced,
                            self.guard.port,
                            self._about.kind,
                            there,
                            interfaces=there,
                            look_seconds=pause,
                        )
                    )
                while True:
                    await asyncio.sleep(pause)
                    if (now := self.networks.allowed()) != self._allowed:
                        break
            await self._move(now)

    async def _move(self, now: tuple[str, ...] | None) -> None:
        """Open and close the port as the school's networks come and go."""
        left = self._allowed is None or not set(self._allowed) <= set(now or self._allowed)
        log.info("networks", extra={"open": "all" if now is None else str(len(now))})
        if not await self._opened((self._wanted or EVERYWHERE) if now is None else now):
            now = ()  # an address that has just come may not be ready; the next look tries again
        if left:
            self.cut()
        self._allowed = now

    async def _opened(self, addresses: Sequence[str]) -> bool:
        four = [address for address in addresses if ":" not in address]
        for ones, port in ((addresses, self.guard.port or HOME_PORT), (addresses, 0), (four, 0)):
            with suppress(OSError):
                port_now = await self._listener.move(ones, port)
                self.guard.port = port_now or self.guard.port
                return True
        return False

    # What the session asks of its host

    def welcome(self, link: DeviceLink, hello: Hello) -> Welcome:
        self.guard.linked(link, hello)
        return Welcome(
            protocol=PROTOCOL_HIGHEST,
            device=self.id,
            boot=self.guard.boot,
            agent=f"pupitre {agent_version()}"[:64],
            kind=self._about.kind,
            lane_token=NO_TOKEN,
            nonce=NO_NONCE,
            held=self.guard.versions(),
            screens=self.guard.screens,
            clock_off_seconds=self.guard.clock_off_seconds(),
            epoch=self._enrolled.epoch,
            csr=self.renewing.request(),
            wall_at=self.guard.wall_at(),
        )

    def told(self, link: DeviceLink, message: FromApp) -> None:
        match message:
            case CertificateCarried():
                self.renewing.carried(message.certificate)
            case Brought():
                self._carrying.brought(link, message)
            case _:
                self.guard.told(link, message)

    def lost(self, link: DeviceLink) -> None:
        self.guard.lost(link)

    def suspected(self, link: DeviceLink, why: str) -> None:
        self.guard.suspected(link, why)

    def denied(self, deny_list: str) -> None:
        self.guard.denied(deny_list, self._deny_lists.denied)

    def revoked(self, link: DeviceLink) -> None:
        self.guard.revoked(link)

    def follow(
        self, successions: Sequence[str], certificate: str = "", assignment: str = ""
    ) -> None:
        """Follow the school to its newest root, wherever that came from; the old one ends now.

        Raises NotAllowed("succession" or "certificate", why).
        """
        news = follow(self.guard.folder, successions, certificate, assignment)
        if news is None:
            return
        log.info("succession", extra={"epoch": news.epoch, "outdated": news.outdated})
        self._enrolled, self._deny_lists = news, DenyLists(news.school)
        self.guard.succeeded(news.epoch)
        if news.assignment:
            self.guard.ground.assign(news.assignment)
        self.guard.witness.introduce(news, self.guard.ground.floor)
        self._check_ins.take_up(news)
        self.wanted.take_up(news)
        self._carrying.take_up(news)
        self.renewing.take_up(news)
        self._listener.take_up(news.identity, self._law())

    def _law(self) -> Law:
        guard = self.guard
        return Law(self.id, self._enrolled.school, guard.ground, guard.mandates, self._deny_lists)

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        await self.guard.bulk(link, wire)

    async def showing(self, link: DeviceLink, wire: Wire) -> None:
        await self.guard.shows(link, wire)

    def _bind(self, addresses: Sequence[str], port: int) -> int:
        try:
            return self._listener.bind(addresses, port)
        except OSError:
            # A machine may be without IPv6; then what is left is listened on.
            four = [address for address in addresses if ":" not in address]
            if socket.has_ipv6 and list(addresses) != list(EVERYWHERE):
                raise
            return self._listener.bind(four, port)

    def _duties(self) -> Duties:
        root, about = self.guard.folder.root, self._about
        return Duties(
            ground=self.guard.ground,
            deny=self._listener.deny,
            deny_lists=lambda: self._deny_lists,
            follow=self.follow,
            inventory=lambda: inventory_of(root, about.kind, agent_version()),
            apply=about.apply,
            pauses=lambda: retry_pauses(BACK_OFF_SECONDS, BACK_OFF_MAX_SECONDS, about.jitter),
            client=about.client,
            pace=about.pace,
            witness=self.guard.witness,
            renewing=self.renewing,
            freed=self.guard.free,
            wanted=self.wanted,
        )

    def _renewed(self, identity: Identity) -> None:
        self._listener.renew(identity)
        self._enrolled = replace(self._enrolled, identity=identity)
        self.guard.witness.introduce(self._enrolled, self.guard.ground.floor)


def _deny_lists(school: School, guard: Guard) -> DenyLists:
    """Take up the list that was kept; one of a school that this device has left is none."""
    try:
        return DenyLists(school, guard.deny_list, guard.forgotten)
    except NotAllowed:
        return DenyLists(school)
