"""A teacher's app without a window: store, client and sync, joined as the app joins them."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import json

from classroom_app.cloud.errors import CloudError, NotSignedIn
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import PupilId, Roster
from device_bridge.materials.errors import MaterialError
from tests.histories.actors import Desk
from tests.histories.real.child import ChildHere, ChildStage, Settled

TURNS_MAX: Final = 40
IN_STEP_TURNS: Final = 2
"""In the first it may hear that the server was restored."""
VISIT_SECONDS: Final = 2.0


class Beside:
    """A device in the room, met at its socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def visited(self, deny_list: str, grant: str) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(VISIT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path)
                try:
                    writer.write(json.encode((deny_list, grant)) + b"\n")
                    await reader.readline()
                finally:
                    writer.close()


class Teacher:
    def __init__(self, scene: ChildStage) -> None:
        self.scene = scene
        self.person = scene.template.teachers[scene.run.number]
        self.devices = [Beside(scene.run.room / row.id) for row in scene.template.devices]


class RealDesk(Desk):
    async def open_at_last(self) -> None:
        """Open the store; a disk may be full as yet."""
        while True:
            try:
                await self.open()
            except NotKept as error:
                self.world.tell("not opened", type(error).__name__)
                await self.scene.while_(10.0, 60.0)
            else:
                return

    async def run(self) -> None:
        """Sign in where that is wanted, then take turns for ever, sooner than the app does."""
        while True:
            try:
                if self.sync is None:
                    await self.sign_in()
                assert self.sync is not None
                await self.sync.once()
            except (CloudError, NotKept) as error:
                self.world.tell("turn", type(error).__name__, *error.args)
            if self.sync is not None and self.sync.state.why == "not-signed-in":
                self.sync = None
            await self.scene.while_(10.0, 60.0)

    async def _collect(self, room: Roster, pupil: PupilId, named: dict[str, Any]) -> None:
        with suppress(MaterialError, OSError):  # no room: the pupil keeps it
            await super()._collect(room, pupil, named)

    async def settle(self) -> Settled:
        """Take turns until two leave nothing to do; who was ended cannot."""
        in_step = 0
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0.2)
            try:
                if self.sync is None:
                    await self.sign_in()
                assert self.sync is not None
                await self.sync.once()
            except NotSignedIn:
                if self.sync is None:
                    return Settled("not-signed-in")
                self.sync = None
            except (CloudError, NotKept) as error:
                self.world.tell("still", type(error).__name__, *error.args)
            else:
                in_step += self.sync.state.in_step
                if in_step == IN_STEP_TURNS:
                    return Settled()
        return Settled(in_step=False)


async def live(stage: ChildStage) -> None:
    """Have lessons until we are killed; or settle, and end."""
    desk = RealDesk(Teacher(stage), ChildHere(stage.run))
    await desk.open_at_last()
    if stage.run.settles:
        said = await desk.settle()
        await desk.cloud.close()
        await desk.keeping.close()
        stage.say(said)
        return
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.run())
        while True:
            await desk.teach()
            await stage.while_(10.0, 60.0)
