"""A device's agent, as far as the central side and a teacher's papers meet it."""

import asyncio
from contextlib import suppress
from typing import Final, NoReturn

from msgspec import json

from device_bridge.protocol.errors import DeviceError, NotPaired
from tests.histories.actors import Agent
from tests.histories.real.child import ChildHere, ChildStage, Seen, Settled

TURNS: Final = 4
TURNS_MAX: Final = 40


class Pupil:
    """What of the device is remembered outside of it."""

    def __init__(self, scene: ChildStage) -> None:
        self.scene = scene
        self.row = scene.template.devices[scene.run.number]
        self.code = scene.template.codes[scene.run.number]
        self.seen_number = scene.run.seen_number
        self.seen_keys = set(scene.run.seen_keys)


class RealAgent(Agent):
    def __init__(self, pupil: Pupil, process: ChildHere) -> None:
        super().__init__(pupil, process)
        self._stage = pupil.scene

    def deny(self, token: str) -> None:
        super().deny(token)
        self._stage.say(Seen(self.pupil.seen_number, tuple(self.pupil.seen_keys)))

    async def open_at_last(self) -> None:
        """Enrol where that was never done, as often as it takes."""
        while True:
            try:
                await self.open()
            except NotPaired:
                raise
            except (DeviceError, OSError) as error:
                self.world.tell("not opened", repr(error))
                await self.scene.while_(10.0, 60.0)
            else:
                return

    async def come(self) -> NoReturn:
        """Check in for ever, sooner than the server asks."""
        while True:
            try:
                await self.check_ins.once()
            except (DeviceError, OSError) as error:
                self.world.tell("check-in", repr(error))
            await self.scene.while_(20.0, 90.0)

    async def is_visited(self) -> None:
        """Judge the papers that teachers show at our socket."""

        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                deny_list, grant = json.decode(await reader.readline(), type=tuple[str, str])
                await self.visited(deny_list, grant)
                writer.write(b"\n")
                await writer.drain()
            writer.close()

        path = self._stage.run.room / self.process.name
        path.unlink(missing_ok=True)
        async with await asyncio.start_unix_server(met, path) as server:
            await server.serve_forever()

    async def settle(self) -> Settled:
        """Check in some times, unless the school knows us no more."""
        came = 0
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0.2)
            try:
                await self.check_ins.once()
            except NotPaired as error:
                return Settled(str(error) or "not-paired")
            except (DeviceError, OSError) as error:
                self.world.tell("still", repr(error))
            else:
                came += 1
            if came == TURNS:
                return Settled()
        return Settled(in_step=False)


async def live(stage: ChildStage) -> None:
    """Come and be met until we are killed; or settle, and end."""
    agent = RealAgent(Pupil(stage), ChildHere(stage.run))
    try:
        await agent.open_at_last()
    except NotPaired as error:
        stage.say(Settled(str(error) or "not-paired"))
        return
    if stage.run.settles:
        stage.say(await agent.settle())
        return
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.come())
        tasks.create_task(agent.note())
        tasks.create_task(agent.is_visited())
