"""The device's one port: takes connections, proves who they are, and gives links to the `Host`.

Nothing is parsed before TLS is complete and the certificate accepted; whoever dawdles, floods or
babbles costs a place for five seconds at most and disturbs nobody else.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Final

from device_bridge.protocol import link
from device_bridge.protocol.errors import DeviceError, Malformed, NotPaired, TryAgain
from device_bridge.protocol.fields import PICTURE_BYTES_MAX
from device_bridge.protocol.hello import Carried, LaneHello, LaneWelcome, Refused
from device_bridge.protocol.messages import (
    decode_bulk,
    decode_picture_from_app,
    decode_showing_from_app,
    encode,
)
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.gate import Gate, Host, Law
from device_bridge.session.keeper import first_of
from device_bridge.session.wire import Lane, take_lane
from device_bridge.trust.accept import Peer, accept
from device_bridge.trust.identity import Identity, listener_context

LINKS_MAX: Final = 4
HALF_OPEN_MAX: Final = 24
HALF_OPEN_OF_ONE_MAX: Final = 6
"""An honest app opens four lanes at most at once."""
BACKLOG: Final = 64
RECEIVE_BYTES: Final = 128 * 1024
"""What one connection may have on its way to us. Documents to a whole class would else fill the
queues of the access point, and of our own loop, and a lock would stand behind them."""
NO_DESCRIPTOR_SECONDS: Final = 0.2
log = logging.getLogger(__name__)


class Listener:
    """`bind`, then `run` until cancelled. One identity, one port, many links."""

    def __init__(
        self,
        identity: Identity,
        law: Law,
        host: Host,
        *,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._context = listener_context(identity, law.school)
        self._law = law
        self._host, self._random_bytes = host, random_bytes
        self._sockets: list[socket.socket] = []
        self._half_open: Counter[str] = Counter()
        self._numbers = count(1)
        self._lanes = link.Lanes()
        self._open: dict[int, Lane] = {}
        self._links: dict[int, DeviceLink] = {}
        self._fresh: set[socket.socket] = set()
        self._group: asyncio.TaskGroup | None = None
        self._accepting: set[asyncio.Task[None]] = set()
        self.port = 0

    def bind(self, addresses: Sequence[str], port: int = 0) -> int:
        """Listen on each address, all with one port (0: any free). Raises OSError."""
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                made = socket.create_server(
                    (address, port), family=family, backlog=BACKLOG, reuse_port=False
                )
                self._sockets.append(made)
                # Accepted sockets inherit it, and with it what their window is agreed on.
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
                made.setblocking(False)  # noqa: FBT003 - its signature
                port = int(made.getsockname()[1])
        except OSError:
            self.close()
            raise
        self.port = port
        return port

    def close(self) -> None:
        """Take no more connections."""
        for made in self._sockets:
            made.close()
        self._sockets.clear()

    async def move(self, addresses: Sequence[str], port: int) -> int:
        """Listen at these addresses only, while `run` does; return the port. Raises OSError."""
        for task in self._accepting:
            task.cancel()
        if self._accepting:
            await asyncio.wait(self._accepting)
        self.close()
        self.bind(addresses, port)
        self._accept()
        return self.port

    def cut(self) -> None:
        """End every connection now, as a pulled cable does; new ones are taken."""
        for lane in tuple(self._open.values()):
            lane.abort()

    def bring(self, carried: Carried) -> None:
        """Take what an app has carried here. Raises NotAllowed(verb, why) for what is no good."""
        if carried.successions or carried.certificate:
            self._host.follow(carried.successions, carried.certificate, carried.assignment)
        if carried.deny_list:
            self.deny(carried.deny_list)

    def take_up(self, identity: Identity, law: Law) -> None:
        """Be of this law from now on: every connection ends, and new ones are judged by it."""
        self._context = listener_context(identity, law.school)
        self._law = law
        for number, made in tuple(self._links.items()):
            self._host.revoked(made)
            self._open[number].abort()
        self.cut()

    def renew(self, identity: Identity) -> None:
        """Show this identity from the next connection on; those that stand live on."""
        self._context = listener_context(identity, self._law.school)

    def deny(self, deny_list: str) -> None:
        """Take a newer deny list, wherever it came from; what it ends, ends now.

        Raises NotAllowed("deny-list", why) where the school has not signed it.
        """
        lists = self._law.deny_lists
        if not lists.take(deny_list):
            return
        log.info("deny list", extra={"number": lists.denied.number})
        self._law.ground.signed_at(lists.issued_at)
        self._host.denied(deny_list)
        for number, made in tuple(self._links.items()):
            if not self._law.holds(made):
                self._host.revoked(made)
                self._open[number].abort()

    async def run(self) -> None:
        """Take connections until cancelled; then end all."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self._accept()
                await asyncio.Event().wait()
        finally:
            self._group = None
            self.close()
            for taken in self._fresh:  # whose task was cancelled before its first step
                taken.close()
            self._fresh.clear()

    def _accept(self) -> None:
        if (group := self._group) is None:
            return
        for made in self._sockets:
            task = group.create_task(self._accept_on(made, group), name="listener-accept")
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def _accept_on(self, made: socket.socket, group: asyncio.TaskGroup) -> None:
        while (came := await next_at(made)) is not None:
            taken, host = came
            if self._crowded(host):
                taken.close()
                log.info("connection refused", extra={"why": "too many half-open"})
                continue
            self._fresh.add(taken)
            group.create_task(self._serve(taken, host), name="listener-lane")

    def _crowded(self, host: str) -> bool:
        whole = sum(self._half_open.values())
        return whole >= HALF_OPEN_MAX or self._half_open[host] >= HALF_OPEN_OF_ONE_MAX

    async def _serve(self, taken: socket.socket, host: str) -> None:
        self._fresh.discard(taken)
        number = next(self._numbers)
        try:
            with self._held(host):
                lane, first = await self._take(taken, number)
            try:
                await self._dispatch(number, lane, first)
            finally:
                await lane.close()
        except* (OSError, DeviceError) as ended:
            log.info("lane ended", extra={"lane": number, "why": repr(first_of(ended))})
        except* Exception:  # a fault of ours, met by one stranger, must not end everybody's guard
            log.exception("lane broke", extra={"lane": number})
        finally:
            self._open.pop(number, None)

    @contextmanager
    def _held(self, host: str) -> Generator[None]:
        self._half_open[host] += 1
        try:
            yield
        finally:
            self._half_open[host] -= 1
            if not self._half_open[host]:
                del self._half_open[host]

    async def _take(self, taken: socket.socket, number: int) -> tuple[Lane, bytes]:
        """Bring a connection to its first message, all within `HELLO_SECONDS`."""
        async with asyncio.timeout(link.HELLO_SECONDS):
            lane = await take_lane(taken, self._context, self._judge, link.HELLO_SECONDS)
            self._open[number] = lane
            try:
                return lane, await lane.receive()
            except BaseException:
                lane.abort()
                raise

    def _judge(self, der: bytes | None) -> Peer:
        law = self._law
        keys = law.deny_lists.denied.keys
        return accept(der, law.school, law.ground.floor(), "teacher", keys)

    async def _dispatch(self, number: int, lane: Lane, first: bytes) -> None:
        match lane.path:
            case "/control":
                await self._link(number, lane, first)
            case "/pictures" | "/bulk" | "/showing":
                await self._lane(number, lane, lane.path, first)
            case "/pair":
                raise Malformed("no path of an enrolled device")

    async def _link(self, number: int, lane: Lane, first: bytes) -> None:
        token, nonce = self._random_bytes(32), self._random_bytes(16)
        made = DeviceLink(number, lane.peer, token, nonce, self._law.may_watch)

        def welcomed() -> None:
            self._links[number] = made
            self._advance(link.LinkCame(number, made.party.id, token))

        if not self._room_for(made):
            await lane.send(encode(Refused("hello", "busy")))
            raise TryAgain(0.0)
        gate = Gate(made, lane.peer, self._host, self._law, self.bring)
        try:
            await gate.run(lane, first, welcomed)
        finally:
            self._links.pop(number, None)
            self._advance(link.LinkWent(number))

    def _room_for(self, made: DeviceLink) -> bool:
        """Count the links; where all are taken, an older one of the same teacher gives way."""
        if len(self._links) < LINKS_MAX:
            return True
        for number, older in self._links.items():
            if older.party == made.party:
                self._open[number].abort()
                return True
        return False

    async def _lane(self, number: int, lane: Lane, path: link.Path, first: bytes) -> None:
        match _decode(path)(first):
            case LaneHello(lane_token=token):
                asked = link.LaneAsked(number, path, lane.peer.party.id, token)
            case _:
                raise Malformed("out-of-order")
        owner = self._links.get(self._advance(asked))
        if owner is None:
            await lane.send(encode(Refused("lane-hello", "not-allowed")))
            raise NotPaired("no such link")
        await lane.send(encode(LaneWelcome()))
        try:
            match path:
                case "/pictures":
                    await owner.pictures.carry(lane)
                case "/bulk":
                    await self._host.bulk(owner, lane)
                case "/showing":
                    lane.take_up_to(PICTURE_BYTES_MAX)
                    await self._host.showing(owner, lane)
        finally:
            self._advance(link.LaneWent(number))

    def _advance(self, event: link.LaneEvent) -> int:
        """Take one event; return the link that a lane was bound to, else 0."""
        self._lanes, effects = link.advance_lanes(self._lanes, event, 0.0)
        owner = 0
        for effect in effects:
            match effect:
                case link.BindLane(_, bound):
                    owner = bound
                case link.EndLane(lane) if lane in self._open:
                    self._open[lane].abort()
                case link.EndLane() | link.RefuseLane():
                    pass
        return owner


def _decode(path: link.Path) -> Callable[[bytes], object]:
    match path:
        case "/pictures":
            return decode_picture_from_app
        case "/bulk":
            return decode_bulk
        case "/showing":
            return decode_showing_from_app


async def next_at(made: socket.socket) -> tuple[socket.socket, str] | None:
    """Return the next connection and whose address it is; None when `made` is closed."""
    while True:
        await _somebody_at(made)
        try:
            taken, address = made.accept()
        except BlockingIOError:
            continue  # they went again
        except OSError as error:
            if made.fileno() < 0:
                return None
            # No descriptor left, or the peer went while it waited: both pass.
            log.info("not accepted", extra={"why": type(error).__name__})
            await asyncio.sleep(NO_DESCRIPTOR_SECONDS)
            continue
        taken.setblocking(False)  # noqa: FBT003 - its signature
        return taken, str(address[0])


async def _somebody_at(made: socket.socket) -> None:
    """Wait for a connection without accepting it.

    `loop.sock_accept` loses what it has accepted when it is cancelled in the same turn.
    """
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    number = made.fileno()  # for a socket itself the selector first words an error, and drops it
    loop.add_reader(number, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(number)
