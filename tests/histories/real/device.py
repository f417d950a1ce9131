"""A device's agent, as far as the central side and a teacher's papers meet it."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final, NoReturn

import msgspec

from central_mdm.contract.fleet import Inventory
from device_bridge.agent.guard.carrying import CarryingHere
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.agent.guard.wanted import WantedHere
from device_bridge.agent.settings import Machine, NotHere, Remembered
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.errors import DeviceError, NotPaired
from device_bridge.protocol.fields import SchoolAct
from device_bridge.protocol.hello import CertificateCarried, Welcome
from tests.histories.actors import Agent, Voice
from tests.histories.real.child import ChildHere, ChildStage, Seen, Settled
from tests.histories.real.meeting import LINE_BYTES_MAX, Line, from_app, papers, said
from tests.histories.told import Obeyed

TURNS: Final = 4
TURNS_MAX: Final = 40
INVENTORY: Final = Inventory("laptop", networks="10.1.0.0/24")
"""What a device says of itself when all is quiet."""


class Pupil:
    """What of the device is remembered outside of it."""

    def __init__(self, scene: ChildStage) -> None:
        self.scene = scene
        self.row = scene.template.devices[scene.run.number]
        self.code = scene.template.codes[scene.run.number]
        self.seen_number = scene.run.seen_number
        self.seen_keys = set(scene.run.seen_keys)


class RealAgent(Agent):
    """It holds what is declared, renews its certificate, and is carried for, as a `Device` is."""

    def __init__(self, pupil: Pupil, process: ChildHere) -> None:
        super().__init__(pupil, process)
        self._stage = pupil.scene

    async def open(self) -> None:
        await super().open()
        enrolment = read_enrolment(self.folder)
        machine = Machine({"screen_timeout": Remembered(), "wallpaper": NotHere("no desktop")})
        clock = Clock(self.process.boot, self.process.clock, "boot")
        self.wanted = WantedHere(
            self.folder, enrolment, machine, self, self.utc, clock, self._noted
        )
        self.renewing = Renewing(self.folder, enrolment, self.utc, lambda _: None)
        duties = replace(self.duties, renewing=self.renewing, wanted=self.wanted)
        self.check_ins = CheckIns(self.folder, enrolment, duties)
        assert duties.witness is not None
        self.carrying = CarryingHere(
            self.folder,
            enrolment,
            self.wanted,
            duties.witness,
            self.renewing,
            self._inventory,
            self.utc,
            self.check_ins.meets,
            self.ground,
            self._noted,
        )
        self._welcome = Welcome(
            1, enrolment.device, "boot", "agent", "laptop", bytes(32), bytes(16)
        )

    def _noted(self, kind: str, facts: dict[str, str | int], who: str) -> None:
        del who
        Voice(self).note(kind, facts)

    async def show(self, id_: str, about: SchoolAct, text: str, who: str) -> str:
        """Do an order before the pupil's eyes (`wanted.Tells`)."""
        del about, text, who
        self.scene.hear(Obeyed(self.process.name, id_))
        return ""

    async def show_lost(self, text: str) -> str:
        return "nobody is missing here" if text else ""

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
        """Judge the papers that teachers show at our socket, and let them carry."""

        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, DeviceError, msgspec.DecodeError):
                await self._met(reader, Line(writer))
            writer.close()

        path = self._stage.run.room / self.process.name
        path.unlink(missing_ok=True)
        async with await asyncio.start_unix_server(met, path, limit=LINE_BYTES_MAX) as server:
            await server.serve_forever()

    async def _met(self, reader: asyncio.StreamReader, line: Line) -> None:
        shown = papers.decode(await reader.readline())
        if shown.grant:
            await self.visited(shown.deny_list, shown.grant)
        line.send(msgspec.structs.replace(self._welcome, csr=self.renewing.request()))
        async for raw in said(reader):
            match from_app.decode(raw):
                case Brought() as brought:
                    self.carrying.brought(line, brought)  # pyright: ignore[reportArgumentType] - of a link it needs `send` and a name
                case CertificateCarried(certificate):
                    await self.renewing.take(certificate)
                case _:
                    pass

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
    if stage.run.settles and stage.run.name != stage.run.carried_for:
        stage.say(await agent.settle())
        return
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.wanted.run())
        tasks.create_task(agent.carrying.run())
        tasks.create_task(agent.is_visited())
        if not stage.run.settles:
            tasks.create_task(agent.come())
            tasks.create_task(agent.note())
