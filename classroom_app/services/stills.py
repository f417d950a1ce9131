"""Still pictures: asked for by a click, kept when pupil and device know it, gone after a while."""

import asyncio
import time
from pathlib import Path
from typing import Final, Protocol

from classroom_app.domain.acts import StillAsked as StillAskedAct
from classroom_app.domain.errors import StillRefused
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from classroom_app.services.commands import DEADLINE_SECONDS, ask
from device_bridge.materials.errors import from_os
from device_bridge.protocol.watching import StillAsked

DONE: Final = "done"


class Names(Protocol):
    def __call__(self, hostile: str) -> str:
        """Make one plain entry of a folder of it (`device_bridge.materials.names.safe_name`)."""
        ...


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
        return await asyncio.to_thread(_lay, folder, name, picture)


def _lay(folder: Path, name: str, picture: bytes) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(picture)
    except OSError as error:
        raise from_os(error, len(picture), 0) from error
    return path
