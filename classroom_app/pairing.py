"""A class's pairing window in the app: hears doors, tries the code, asks for each name."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.discovery.doors import Doors
from device_bridge.discovery.sightings import Address
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.pairing import (
    CODE_LENGTH,
    WINDOW_SECONDS,
    PairGiven,
    PairRequested,
    code_from,
    code_of,
)
from device_bridge.protocol.plain import plain
from device_bridge.session.pairing import Guess, Knock, TurnedAway, knock
from device_bridge.trust.identity import Identity, thumbprint
from device_bridge.trust.pairing import SECRET_BYTES, Secret, for_pairing, pairing_context

log = logging.getLogger(__name__)
KNOCKS_AT_ONCE: Final = 4
"""Doors not past the code: each holds a try of the window, and a whole cart may come at once."""
NAME_MAX: Final = 64
State = Literal["code", "trying", "asks", "given", "paired", "refused", "wrong-code", "failed"]


class Asker(Struct, frozen=True):
    """A device that wants in. `name` is empty until it has proved that it holds the code."""

    label: str
    state: State
    name: str = ""


class PairingWindow:
    """Open while `run` runs, five minutes at most. `changed` is called for each news."""

    def __init__(
        self,
        identity: Identity,
        give: Callable[[PairRequested, str], Awaitable[PairGiven]],
        changed: Callable[[], None],
        *,
        now: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        interfaces: Sequence[str] | None = None,
    ) -> None:
        self.code = code_from(random_bytes(CODE_LENGTH))
        self._app = thumbprint(identity.key.public_key())
        self._secret = Secret(random_bytes(SECRET_BYTES), self._app)
        self._context = pairing_context(for_pairing(identity.key, "teacher"), "app")
        self._give, self._changed = give, changed
        self._guess = Guess(WINDOW_SECONDS, now)
        self._interfaces = interfaces
        self._askers: dict[str, Asker] = {}
        self._places: dict[str, tuple[Address, ...]] = {}
        self._answers: dict[str, asyncio.Future[bool]] = {}
        self._knocks = asyncio.Semaphore(KNOCKS_AT_ONCE)
        self._wanted: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def secret(self) -> str:
        """What the QR code says."""
        return self._secret.text()

    @property
    def seconds_left(self) -> float:
        return self._guess.seconds_left

    @property
    def over(self) -> str:
        """Tell why nobody can try any more: "closed", "too-many", or ""."""
        return self._guess.over()

    def askers(self) -> tuple[Asker, ...]:
        return tuple(self._askers.values())

    def answer(self, label: str, *, yes: bool) -> None:
        """Say yes or no to a device that asks."""
        waiting = self._answers.get(label)
        if waiting and not waiting.done():
            waiting.set_result(yes)

    def try_code(self, label: str, typed: str) -> None:
        """Try the code that a device shows itself."""
        if label in self._places:
            self._wanted.put_nowait((label, code_of(typed)))

    async def run(self) -> None:
        """Listen and knock until the window is over, or cancelled."""
        doors = Doors(self.heard, self.gone, self._interfaces)
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(doors.run(), name="doors")
                knocking = group.create_task(self._knock_all(), name="knocks")
                await self._guess.until_over()
                listening.cancel()
                knocking.cancel()
        finally:
            self._guess.close()
            self._changed()

    def heard(self, label: str, places: tuple[Address, ...], kind: str) -> None:
        """Hear of a door; one that was opened by our code or QR code is tried at once."""
        fresh = label not in self._places
        self._places[label] = places
        seen = self._askers.get(label)
        if not fresh or (seen and seen.state in {"trying", "asks", "given"}):
            return  # a record that comes anew ends no talk
        match kind:
            case "class":
                self._wanted.put_nowait((label, self.code))
            case "secret":
                self._wanted.put_nowait((label, self._secret.secret.hex()))
            case _:
                self._note(label, "code")

    def gone(self, label: str) -> None:
        """Forget a door that is shut, but for what came of it."""
        self._places.pop(label, None)
        seen = self._askers.get(label)
        if seen and seen.state == "code":
            del self._askers[label]
            self._changed()

    async def _knock_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                label, code = await self._wanted.get()
                group.create_task(self._knock(label, code), name=f"knock-{label}")

    async def _knock(self, label: str, code: str) -> None:
        self._note(label, "trying")
        await self._knocks.acquire()
        held = True

        def past() -> None:
            nonlocal held
            if held:
                held = False
                self._knocks.release()

        try:
            await self._at_any(label, code, past)
        except TurnedAway as away:
            known: dict[str, State] = {"wrong-code": "wrong-code", "refused": "refused"}
            self._note(label, known.get(away.why, "failed"))
        except (DeviceError, OSError) as error:
            log.info("not paired", extra={"door": label, "why": type(error).__name__})
            self._note(label, "failed")
        else:
            self._note(label, "paired")
        finally:
            past()

    async def _at_any(self, label: str, code: str, past: Callable[[], None]) -> None:
        """Knock at the first address that answers. Raises as `knock`."""

        async def decide(asked: PairRequested, device_key: str) -> PairGiven | None:
            return await self._decide(label, asked, device_key)

        trouble: OSError = ConnectionError("no address")
        for place in self._places.get(label, ()):
            door = Knock(place, self._context, self._app, code.encode())
            try:
                await knock(door, self._guess, decide, past)
            except OSError as error:
                if self._askers[label].state != "trying":
                    raise  # it was there, and went
                trouble = error
            else:
                return
        raise trouble

    async def _decide(self, label: str, asked: PairRequested, device_key: str) -> PairGiven | None:
        self._note(label, "asks", plain(asked.name, NAME_MAX))
        self._answers[label] = asyncio.get_running_loop().create_future()
        try:
            if not await self._answers[label]:
                return None
        finally:
            del self._answers[label]
        self._note(label, "given")
        return await self._give(asked, device_key)

    def _note(self, label: str, state: State, name: str = "") -> None:
        before = self._askers.get(label, Asker(label, state))
        self._askers[label] = replace(before, state=state, name=name or before.name)
        self._changed()
