"""A teacher's app by hand: it has papers, and it says whatever it likes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from central_mdm.contract.grants import Mandate, Verb
from device_bridge.protocol.hello import Hello, LaneHello, Report, Welcome
from device_bridge.protocol.messages import FromDevice, decode_from_device, encode
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.session.wire import Lane, Path
from device_bridge.trust.grants import sign_mandate
from device_bridge.trust.identity import Identity
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.orders import Orders
from tests.school import VERBS
from tests.teaching import now

ANSWER_SECONDS: Final = 15.0


class ByHand:
    """One link of a colleague with a lesson of their own, and its lanes."""

    def __init__(
        self, target: Target, who: Identity, control: Lane, welcome: Welcome, lesson: str
    ) -> None:
        self._target, self._who = target, who
        self.control, self.welcome, self.lesson = control, welcome, lesson
        self.orders = Orders(welcome, f"mandate-{lesson}")

    async def say(self, *messages: Struct) -> None:
        for message in messages:
            await self.control.send(encode(self.orders.order(message)))

    async def hears(self, wanted: Callable[[FromDevice], bool]) -> FromDevice:
        """Skip what else is said. Raises TimeoutError, and WireEnded where the link ends."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while not wanted(said := decode_from_device(await self.control.receive())):
                pass
        return said

    async def reported(self, feature: str, *versions: int) -> list[tuple[str, str]]:
        """Wait for a report on each version; return their states and reasons."""
        told: list[tuple[str, str]] = []
        for version in versions:
            said = await self.hears(
                lambda one, of=version: (
                    isinstance(one, Report) and (one.feature, one.version) == (feature, of)
                )
            )
            assert isinstance(said, Report)
            told.append((said.state, said.reason))
        return told

    async def begins(self, version: int = 1) -> None:
        """Have the lesson on, with its bar."""
        name, lesson = "Whoever", self.lesson
        await self.say(LessonDeclared(version, 600, "on", lesson, "5B", "5B", name, 3600))
        if await self.reported("presence", version) != [("on", "")]:
            raise LetIn("no lesson could be begun: nothing was tried")

    async def lane(self, path: Path, token: bytes = b"") -> Lane:
        lane = await dialled(self._target, self._who, path)
        await lane.send(encode(LaneHello(token or self.welcome.lane_token)))
        await lane.receive()
        return lane


@asynccontextmanager
async def by_hand(
    target: Target,
    name: str,
    *,
    verbs: tuple[Verb, ...] = VERBS,
    of_mandate: tuple[Verb, ...] = VERBS,
    devices: Sequence[str] = (),
    again: str = "",
) -> AsyncGenerator[ByHand]:
    """Link as the colleague `name` while entered; raises `LetIn` where good papers are refused.

    `devices`: of the mandate. `again`: another lesson of the same colleague.
    """
    who = target.school.identity("teacher", name)
    lesson = f"{name}{again}"
    grant = target.school.grant(who, name=name, verbs=verbs, issued_at=now())
    ends_at, school = now() + 3600, target.school.id
    ids = f"mandate-{lesson}", f"grant-{name}", school, lesson, "5B"
    mandate = sign_mandate(Mandate(*ids, of_mandate, now(), ends_at, tuple(devices)), who.key)
    control = await dialled(target, who)
    try:
        said = await answered(control, Hello(1, 1, "x", grant, mandate))
        if not isinstance(said, Welcome):
            raise LetIn(f"good papers were answered by {said}: nothing was tried")
        yield ByHand(target, who, control, said, lesson)
    finally:
        control.abort()
