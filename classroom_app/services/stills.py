"""Still pictures: asked for by a click, kept when pupil and device know it, gone after a while."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Final, Protocol

from classroom_app.domain.acts import StillAsked as StillAskedAct
from classroom_app.domain.errors import RoomError, StillRefused
from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.services.classroom import Classroom
from classroom_app.services.commands import DEADLINE_SECONDS, NOT_THERE, ask
from device_bridge.materials.errors import from_os
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.watching import StillAsked

DONE: Final = "done"
STOPPED: Final = "stopped"
NO_PICTURE: Final = "no-picture"
AT_ONCE: Final = 3
"""Each sends its whole screen and is decoded beside the wall; one more may be in focus."""
PICTURE_SECONDS: Final = 15.0
"""The pupil's bar has to say it before the picture may come."""
Sees = Callable[[DeviceId, int], Awaitable[bytes]]
"""Wait for a device's whole close picture of that version or a later one; return it as a PNG."""


class Names(Protocol):
    def __call__(self, hostile: str, taken: Collection[str] = ()) -> str:
        """Make one plain entry of a folder of it (`device_bridge.materials.names.safe_name`)."""
        ...


class Looks(Protocol):
    """A close look for one picture (`classroom_app.services.watching.Watching`)."""

    async def look_once(self, device: DeviceId) -> int: ...
    async def look_off(self, device: DeviceId) -> None: ...


class Keeps(Protocol):
    """Keeps one picture, as `Stills` does."""

    async def keep(self, device: DeviceId, picture: bytes) -> object: ...


class Stills:
    """`folder`: where lessons' folders stand; no picture lies anywhere else."""

    def __init__(self, room: Classroom, *, folder: Path, safe_name: Names) -> None:
        self._room, self._folder, self._safe_name = room, folder, safe_name

    async def keep(self, device: DeviceId, picture: bytes) -> Path:
        """Keep `picture`, a PNG of what this device was seen to show; return where it lies.

        Raises `StillRefused` where the device does not answer that its pupil was told and its
        journal has it: then nothing was written to this disk but the act.
        """
        room, lesson, who = self._room, self._room.running(), self._room.pupil_at(device)
        act = StillAskedAct(
            id=room.new_id(), lesson=lesson.id, at=room.clock.utc(), device=device, pupil=who
        )
        await room.write(act, {})
        asked = StillAsked(room.new_id(), DEADLINE_SECONDS)
        state, reason = await ask(room, device, asked, act.id)
        if state != DONE:
            raise StillRefused(reason or state)
        pupil = room.pupil(who)
        folder = self._folder
        began = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(lesson.started_at))
        for part in (lesson.class_name, began):
            folder /= self._safe_name(part)
        taken = time.strftime("%H.%M.%S", time.localtime(act.at))
        name = self._safe_name(f"{pupil.display if pupil else device} {taken}.png")
        return await asyncio.to_thread(lay, folder, name, picture, self._safe_name)


class ClassStills:
    """A picture of each of many screens, a few at once; one `keep` at a time.

    Each is a close look of a moment, which the pupil's bar has to say first, and then a still
    like any other: a device gives for many no more than it gives for one.
    """

    def __init__(self, stills: Keeps, looks: Looks) -> None:
        self._stills, self._looks = stills, looks
        self._patience: set[asyncio.Timeout] = set()
        self._stopped = False

    async def keep(
        self,
        devices: Collection[DeviceId],
        sees: Sees,
        ended: Callable[[DeviceId, str], None],
    ) -> None:
        """Keep one picture of each; `ended` hears of each "done", or why there is none.

        What keeps this computer from writing stops it, and is raised when all have ended.
        """
        self._stopped = False
        places, failed = asyncio.Semaphore(AT_ONCE), list[Exception]()

        async def one(device: DeviceId) -> None:
            async with places:
                try:
                    end = STOPPED if self._stopped else await self._one(device, sees)
                except (RoomError, DeviceError) as error:
                    failed.append(error)
                    self.stop()
                    end = STOPPED
            ended(device, end)

        async with asyncio.TaskGroup() as group:
            for device in devices:
                group.create_task(one(device), name=f"still-{device}")
        if failed:
            raise failed[0]

    def stop(self) -> None:
        """Begin no more and wait for no picture; what a pupil was told of is still kept."""
        self._stopped = True
        for patience in self._patience:
            if not patience.expired():
                patience.reschedule(0.0)

    async def _one(self, device: DeviceId, sees: Sees) -> str:
        try:
            await self.keep_one(device, sees)
        except StillRefused as refused:
            return STOPPED if self._stopped and refused.why == NO_PICTURE else refused.why
        return DONE

    async def keep_one(self, device: DeviceId, sees: Sees) -> None:
        """Keep a picture of one screen at its own size. Raises `StillRefused`."""
        try:
            version = await self._looks.look_once(device)
            picture = await self._seen(device, version, sees)
            if picture is None:
                raise StillRefused(NO_PICTURE)
            await self._stills.keep(device, picture)
        finally:
            await self._looks.look_off(device)

    async def _seen(self, device: DeviceId, version: int, sees: Sees) -> bytes | None:
        try:
            async with asyncio.timeout(PICTURE_SECONDS) as patience:
                self._patience.add(patience)
                try:
                    return await sees(device, version)
                finally:
                    self._patience.discard(patience)
        except TimeoutError:
            return None


def why_none(tile: Tile) -> str:
    """Return why no picture of this screen can be kept now; "" where one can."""
    match tile.state:
        case _ if not tile.device:
            return NOT_THERE
        case State.NOT_HERE | State.GONE | State.OTHER_NETWORK | State.OTHER_LESSON:
            return NOT_THERE
        case State.PRIVATE:
            return "private"
        case State.LOCKED | State.ASKED:
            return "locked"
        case State.TWIN:
            return "twin"
        case State.DARK:
            return tile.reason or "cannot-see"
        case State.WAITING:
            return tile.reason
        case _:
            return ""


def lay(folder: Path, name: str, picture: bytes, safe_name: Names) -> Path:
    """Write it under a name that nothing has there yet."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = set(os.listdir(folder))  # noqa: PTH208 - names
        while True:
            path = folder / safe_name(name, taken)
            try:
                with path.open("xb") as new:
                    new.write(picture)
            except FileExistsError:
                taken.add(path.name)
            else:
                return path
    except OSError as error:
        raise from_os(error, len(picture), 0) from error
