"""Pairing over the wire: the unpaired device's door, and the app that knocks.

The machines are in `protocol.pairing`; here are sockets, the clock and the PAKE, which takes some
milliseconds and so runs off the loop.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol import pairing
from device_bridge.protocol.errors import DeviceError, Malformed, NotPaired, Unsupported
from device_bridge.protocol.messages import decode_from_pairing, decode_to_pairing, encode
from device_bridge.protocol.pairing import (
    Bound,
    PairGiven,
    PairRequested,
    Run,
    Turned,
    Window,
    advance,
)
from device_bridge.session.keeper import first_of
from device_bridge.session.listen import next_at
from device_bridge.session.wire import Path, dial_lane, take_lane
from device_bridge.trust.authority import key_of_request
from device_bridge.trust.identity import Identity, thumbprint
from device_bridge.trust.pairing import Pake, pairing_context, stranger

log = logging.getLogger(__name__)
TALKS_MAX: Final = 24
TALKS_OF_ONE_MAX: Final = 3
"""Connections of one address; each may take `PROVE_SECONDS` without a proof."""
PAIR: Final[tuple[Path, ...]] = ("/pair",)


class TurnedAway(NotPaired):
    """No pairing; `why` says what helps."""

    def __init__(self, why: Turned) -> None:
        super().__init__(why)
        self.why: Turned = why


class Wire(Protocol):
    async def receive(self) -> bytes: ...
    async def send(self, raw: bytes) -> None: ...


class Code(Struct, frozen=True):
    """What both ends hold. `app`: the only key that may ask ("": any), from a QR code."""

    secret: bytes
    app: str = ""


class Guess:
    """The window, shared by all runs of it. `now` is any clock that only rises, in seconds.

    `decides` hears that an app's code was right, so that a person there says yes or no now.
    """

    def __init__(
        self, seconds: float, now: Callable[[], float], decides: Callable[[], None] = lambda: None
    ) -> None:
        self._now, self._decides = now, decides
        self.window = Window(now() + seconds)
        self.changed = asyncio.Event()

    def spend(self, who: str) -> Turned | None:
        self.window, why = pairing.spend(self.window, who, self._now())
        self.changed.set()
        return why

    def proved(self, who: str) -> None:
        self.window = pairing.proved(self.window, who)

    def hold(self, *, held: bool) -> None:
        """Keep others waiting while one end is past the code."""
        self.window = replace(self.window, proven=held)
        if held:
            self._decides()

    def close(self) -> None:
        """Let nobody try any more; a window that is shut already keeps its reason."""
        self.window = replace(self.window, over=self.over() or "closed")
        self.changed.set()

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.window.ends_at - self._now())

    def over(self) -> Literal["", "closed", "too-many"]:
        self.window = pairing.looked_at(self.window, self._now())
        return self.window.over

    async def until_over(self) -> str:
        """Wait until nobody can try any more; return why."""
        while not (why := self.over()):
            self.changed.clear()
            try:
                async with asyncio.timeout(self.seconds_left):
                    await self.changed.wait()
            except TimeoutError:
                continue
        return why


class _Talk:
    """One run, either end, on a lane that is up."""

    def __init__(self, wire: Wire, run: Run, pake: Pake, guess: Guess, who: str) -> None:
        self._wire, self.run, self._pake = wire, run, pake
        self._guess, self._who = guess, who
        self.proven = False
        self._decode = decode_from_pairing if run.end == "app" else decode_to_pairing

    async def live(
        self, window: bytes, decide: Callable[[PairRequested | PairGiven], Awaitable[pairing.Event]]
    ) -> None:
        """Talk until paired. Raises TurnedAway, Malformed or OSError."""
        if await self._do(pairing.Began(window), decide):
            return
        async with asyncio.timeout(pairing.PROVE_SECONDS) as limit:
            while not await self._do(await self._hear(), decide):
                if self.proven and limit.when() is not None:
                    limit.reschedule(None)  # a person decides now, and the window ends it

    async def _hear(self) -> pairing.Event:
        try:
            return pairing.Heard(self._decode(await self._wire.receive()))
        except Unsupported as error:
            raise Malformed(error.kind) from error

    async def _do(  # noqa: C901 - one case an effect
        self,
        event: pairing.Event,
        decide: Callable[[PairRequested | PairGiven], Awaitable[pairing.Event]],
    ) -> bool:
        """Take one event and all that follows from it; return whether this end is done."""
        self.run, effects = advance(self.run, event, 0.0)
        done = False
        for effect in effects:
            match effect:
                case pairing.Say(message):
                    await self._wire.send(encode(message))
                case pairing.Spend():
                    why = self._guess.spend(self._who)
                    told = pairing.Declined(why) if why else pairing.Admitted()
                    done = await self._do(told, decide)
                case pairing.Agree(theirs):
                    key = await asyncio.to_thread(self._pake.agree, theirs)
                    done = await self._do(pairing.Agreed(key), decide)
                case pairing.Proved():
                    self.proven = True
                    self._guess.proved(self._who)
                    if self.run.end == "device":
                        self._guess.hold(held=True)
                case pairing.Ask(asked) | pairing.Keep(asked):
                    done = await self._do(await decide(asked), decide)
                case pairing.Done():
                    done = True
                case pairing.Stop(why):
                    raise Malformed("broken") if why == "broken" else TurnedAway(why)
        return done


class Door:
    """An unpaired device's one port, as long as its window is open. `bind`, then `run`.

    `keep` checks and writes what the school gave, and raises
    DeviceError or OSError where it will not. `identity` is of `trust.pairing.for_pairing`.
    """

    def __init__(
        self,
        identity: Identity,
        code: Code,
        request: PairRequested,
        keep: Callable[[PairGiven], None],
        *,
        window: bytes,
        guess: Guess,
    ) -> None:
        self._context = pairing_context(identity, "device")
        self._key = thumbprint(identity.key.public_key())
        self._code, self._request, self._keep = code, request, keep
        self._window, self.guess = window, guess
        self._sockets: list[socket.socket] = []
        self._open: Counter[str] = Counter()
        self._fresh: set[socket.socket] = set()
        self._kept: PairGiven | None = None

    def bind(self, addresses: Sequence[str], port: int = 0) -> int:
        """Listen on each address, all with one port. Raises OSError."""
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                made = socket.create_server((address, port), family=family, reuse_port=False)
                made.setblocking(False)  # noqa: FBT003 - its signature
                self._sockets.append(made)
                port = int(made.getsockname()[1])
        except OSError:
            self._close()
            raise
        return port

    async def run(self) -> PairGiven:
        """Serve until paired; return what was kept. Raises TurnedAway when the window closes."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._accept_on(made, group), name="door-accept")
                    for made in self._sockets
                ]
                why = await self.guess.until_over()
                for task in tasks:
                    task.cancel()
        finally:
            self._close()
        if self._kept is None:
            raise TurnedAway("too-many" if why == "too-many" else "closed")
        return self._kept

    def _close(self) -> None:
        for made in self._sockets:
            made.close()
        self._sockets.clear()
        for taken in self._fresh:  # whose task was cancelled before its first step
            taken.close()
        self._fresh.clear()

    async def _accept_on(self, made: socket.socket, group: asyncio.TaskGroup) -> None:
        while (came := await next_at(made)) is not None:
            taken, who = came
            if self._open.total() >= TALKS_MAX or self._open[who] >= TALKS_OF_ONE_MAX:
                taken.close()
                continue
            self._open[who] += 1
            self._fresh.add(taken)
            group.create_task(self._serve(taken, who), name="door-lane")

    async def _serve(self, taken: socket.socket, who: str) -> None:
        self._fresh.discard(taken)
        try:
            async with asyncio.timeout(self.guess.seconds_left + pairing.PROVE_SECONDS):
                lane = await take_lane(taken, self._context, stranger, pairing.PROVE_SECONDS, PAIR)
                try:
                    await self._talk(lane, lane.peer.party.id, who)
                finally:
                    await lane.close()
        except* (OSError, DeviceError) as ended:
            log.info("not paired", extra={"why": repr(first_of(ended))})
        finally:
            self._open[who] -= 1

    async def _talk(self, wire: Wire, app: str, who: str) -> None:
        bound = Bound(app, self._key)
        if self._code.app and self._code.app != app:
            await wire.send(encode(pairing.PairTurned("other-app")))
            return
        pake = await asyncio.to_thread(Pake, "device", self._code.secret, bound)
        run = Run("device", bound, pake.share, request=self._request)
        talk = _Talk(wire, run, pake, self.guess, who)
        try:
            await talk.live(self._window, self._take)
        finally:
            if talk.proven:
                self.guess.hold(held=False)
            if self._kept:  # also where the app did not hear it any more
                self.guess.close()

    async def _take(self, asked: PairRequested | PairGiven) -> pairing.Event:
        if not isinstance(asked, PairGiven):
            raise Malformed("out of order")
        await asyncio.to_thread(self._keep, asked)
        self._kept = asked
        return pairing.Kept()


class Knock(Struct, frozen=True):
    """One door as the app tries it. `context` is of `pairing_context`, `app` our thumbprint."""

    address: tuple[str, int]
    context: ssl.SSLContext
    app: str
    code: bytes


async def knock(
    door: Knock,
    guess: Guess,
    decide: Callable[[PairRequested, str], Awaitable[PairGiven | None]],
    proved: Callable[[], None] = lambda: None,
) -> str:
    """Pair one device; return its key's thumbprint when it has kept what it was given.

    `decide` hears the request and the device's key in TLS: what the teacher said, None for no.
    Raises TurnedAway, NotPaired, Malformed or OSError.
    """
    async with asyncio.timeout(pairing.PROVE_SECONDS):
        lane = await dial_lane(door.address, "/pair", door.context, stranger)
    device = lane.peer.party.id
    try:
        bound = Bound(door.app, device)
        pake = await asyncio.to_thread(Pake, "app", door.code, bound)
        talk = _Talk(lane, Run("app", bound, pake.share), pake, guess, device)

        async def answer(asked: PairRequested | PairGiven) -> pairing.Event:
            if not isinstance(asked, PairRequested):
                raise Malformed("out of order")
            if thumbprint(key_of_request(asked.csr)) != device:
                raise Malformed("the request is for another key")
            proved()
            given = await decide(asked, device)
            return pairing.Decided(given) if given else pairing.Declined("refused")

        await talk.live(b"", answer)
    finally:
        await lane.close()
    return device
