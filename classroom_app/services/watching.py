"""Looking: at each screen only as large and as often as the teacher really sees it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.domain import budget
from classroom_app.domain.acts import LookedAway, LookedClosely, Resumed
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.fields import LEASE_SECONDS
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame, bytes_of
from device_bridge.protocol.watching import CLOSE_ENDED, WatchingDeclared

RENEW_SECONDS: Final = LEASE_SECONDS / 3
BUDGET_SECONDS: Final = 5.0
SIDE_MAX: Final = 7680
MOMENT_PACE: Final = 2.0
"""One picture is wanted; the second stands in where the first one came too early."""
MOMENT_SECONDS: Final = 40
"""The lease of a look for one picture: it ends by itself where this app does."""


class Closely(Struct, frozen=True):
    """At which screen of one device the teacher looks closely, and at how many pixels.

    No device enlarges what it shows, so without a size it comes at the screen's own.
    """

    device: DeviceId
    screen: int = 0
    width: int = SIDE_MAX
    height: int = SIDE_MAX


class Look(Struct, frozen=True):
    """How the teacher looks at one device."""

    look: str
    width: int
    height: int
    pace: float
    screen: int = 0
    bytes_per_second: int = 0


_REST: Final = Look("none", 0, 0, 1.0)


class Watching:
    """`ended` hears which device has ended a close look."""

    def __init__(self, room: Classroom, ended: Callable[[DeviceId], None]) -> None:
        self._room, self._ended = room, ended
        self._private: set[DeviceId] = set()
        self._sizes: dict[DeviceId, tuple[int, int]] = {}
        self._spread = budget.SPREAD
        self._taken_bytes = 0
        self._close: dict[DeviceId, Closely] = {}
        self._turns = asyncio.Lock()
        self._looks: tuple[Closely, ...] = ()  # the teacher's own
        self._shown: DeviceId | None = None  # to the class
        self._moments: set[DeviceId] = set()  # for one picture

    def look(self, sizes: Mapping[DeviceId, tuple[int, int]]) -> None:
        """Note which screens are on the wall now and at how many pixels; all others rest.

        A look restricts nobody, so it is not journalled; to look closely is.
        """
        self._sizes = dict(sizes)
        self.tell()

    async def look_closely(self, looks: Sequence[Closely]) -> None:
        """Look at these and no others, side by side; at four at most.

        Each pupil is told, so each look is written, and its end as well.
        """
        self._looks = tuple(looks[: budget.BESIDE_MAX])
        await self._follow()

    async def keep_close(self, device: DeviceId | None) -> None:
        """Look closely at whom the class is shown as well, wherever the teacher looks."""
        self._shown = device
        await self._follow()

    async def _follow(self) -> None:
        async with self._turns:
            wanted = {look.device: look for look in self._looks}
            # To be kept or for the class at its own size, also where the teacher's pane is small.
            for device in {*self._moments, *((self._shown,) if self._shown else ())}:
                look = wanted.get(device) or self._close.get(device)
                wanted[device] = Closely(device, look.screen if look else 0)
            try:
                for device in [at for at in self._close if at not in wanted]:
                    await self._look_away(device, "teacher")
                for device, look in wanted.items():
                    if device not in self._close:
                        await self._room.write(self._looked_closely(device), {})
                    self._close[device] = look
            finally:
                # Written or not: nobody is looked at longer than the teacher does.
                self._close = {at: look for at, look in self._close.items() if at in wanted}
                self.tell()

    def _looked_closely(self, device: DeviceId) -> LookedClosely:
        room = self._room
        return LookedClosely(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            pupil=room.pupil_at(device),
        )

    async def look_once(self, device: DeviceId) -> int:
        """Look closely for one picture; return the version that its frames bear.

        Written and told to the pupil as any close look is. Who is looked at closely already, beside
        others, is for that moment looked at larger.
        """
        self._moments.add(device)
        try:
            await self._follow()
        except BaseException:
            self._moments.discard(device)
            raise
        held = self._room.declared.get((device, "watching"))
        return held.version if isinstance(held, WatchingDeclared) else 0

    async def look_off(self, device: DeviceId) -> None:
        """End a look for one picture; another close look goes on."""
        self._moments.discard(device)
        await self._follow()

    def framed(self, device: DeviceId, frame: Frame) -> None:
        """Count what the wall takes; a close look is apart."""
        if device not in self._close:
            self._taken_bytes += bytes_of(frame.patches)

    def begin_anew(self, device: DeviceId) -> None:
        """Ask for a whole picture, where one that came is laid on what never did."""
        held = self._room.declared.get((device, "watching"))
        if self._room.lesson and isinstance(held, WatchingDeclared) and held.look != "none":
            self._room.declare(device, replace(held, version=self._room.versions.next()))

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down that a pupil keeps a screen private, or that a close look's time is up."""
        if (
            not isinstance(message, Report)
            or message.feature != "watching"
            or not self._room.lesson
        ):
            return
        if (message.state == "private") != (device in self._private):
            await self._room.write(self._room.reported(device, message), {})
            self._private ^= {device}
        if message.reason == CLOSE_ENDED and device in self._close:
            held = self._room.declared.get((device, "watching"))
            if held is None or held.version > message.version:
                return  # of an earlier close look
            self._looks = tuple(look for look in self._looks if look.device != device)
            self._shown = None if self._shown == device else self._shown
            self._moments.discard(device)
            await self._look_away(device, "time")
            self.tell()
            self._ended(device)

    async def _look_away(self, device: DeviceId, why: str) -> None:
        """Look closely at this one no longer; the end is written as the beginning was."""
        room = self._room
        if self._close.pop(device, None) is None:
            return
        await room.until_end_known()
        if room.lesson is None:
            return
        act = LookedAway(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            pupil=room.pupil_at(device),
            why=why,
        )
        await room.write(act, {})

    def tell(self) -> None:
        """Declare what changed since it was last declared; call it when a lesson begins, too."""
        if self._room.lesson is None or self._room.roster is None:
            return
        for device in self._room.all_devices():
            want = self._want(device)
            held = self._room.declared.get((device, "watching"))
            if not isinstance(held, WatchingDeclared):
                if want.look != "none":
                    self._declare(device, want)
            elif _look_of(held) != want:
                self._declare(device, want)

    def renew(self) -> None:
        for device in self._room.all_devices() if self._room.lesson else ():
            held = self._room.declared.get((device, "watching"))
            if isinstance(held, WatchingDeclared) and held.look != "none":
                lease = self._lease(device)
                self._room.declare(device, replace(held, lease_seconds=lease))

    async def run(self) -> None:
        """Renew, and keep to the budget, for as long as the app lives."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renewing(), name="watching-renewed")
            group.create_task(self._sharing(), name="watching-budget")

    async def _renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._room.until_end_known()
            self.renew()

    async def _sharing(self) -> None:
        while True:
            await asyncio.sleep(BUDGET_SECONDS)
            used, self._taken_bytes = self._taken_bytes / BUDGET_SECONDS, 0
            if used and (spread := budget.next_spread(self._spread, used)) != self._spread:
                self._spread = spread
                self.tell()

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Change nothing: one looks at a device, whoever sits there."""

    def began(self, kept: Resumed | None) -> None:
        del kept
        self.tell()

    def forget(self) -> None:
        """Look at nobody: the lesson is over."""
        room = self._room
        for device in room.all_devices():
            held = room.declared.get((device, "watching"))
            if isinstance(held, WatchingDeclared) and held.look != "none":
                version = room.versions.next()
                room.declare(device, replace(held, look="none", version=version, lease_seconds=0))
        self._close.clear()
        self._looks, self._shown = (), None
        self._moments.clear()
        self._private.clear()

    def _want(self, device: DeviceId) -> Look:
        if close := self._close.get(device):
            pace, width, height = self._close_pace(device), close.width, close.height
            return Look("close", _side(width), _side(height), pace, close.screen)
        if size := self._sizes.get(device):
            count = len(self._sizes)
            pace, share = budget.pace(count), budget.share(count, self._spread)
            width, height = map(_side, size)
            return Look("overview", width, height, pace, bytes_per_second=share)
        return _REST

    def _lease(self, device: DeviceId) -> int:
        lease = self._room.lease_seconds()
        return min(lease, MOMENT_SECONDS) if self._only_once(device) else lease

    def _close_pace(self, device: DeviceId) -> float:
        if self._only_once(device):
            return MOMENT_PACE
        return budget.close_pace(sum(not self._only_once(one) for one in self._close))

    def _only_once(self, device: DeviceId) -> bool:
        """Say whether one is looked at closely for one picture, and for nothing else."""
        others = {self._shown, *(look.device for look in self._looks)}
        return device in self._moments and device not in others

    def _declare(self, device: DeviceId, want: Look) -> None:
        version, lease = self._room.versions.next(), self._lease(device)
        match want.look:
            case "close" | "overview" as look:
                declared = WatchingDeclared(
                    version,
                    lease,
                    look,
                    want.width,
                    want.height,
                    want.pace,
                    want.screen,
                    want.bytes_per_second,
                )
            case _:
                declared = WatchingDeclared(version, lease, "none", pace=want.pace)
        self._room.declare(device, declared)


def _look_of(held: WatchingDeclared) -> Look:
    if held.look == "none":
        return _REST
    return Look(held.look, held.width, held.height, held.pace, held.screen, held.bytes_per_second)


def _side(pixels: int) -> int:
    return min(SIDE_MAX, max(1, pixels))
