"""A teacher's app without a window: store, client, sync and courier, joined as it joins them."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from classroom_app.carrying import Carrying
from classroom_app.cloud.errors import CloudError, NotSignedIn, ServerBusy
from classroom_app.courier import Courier
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, PupilId, Roster
from classroom_app.papers import SignedPapers
from classroom_app.renewing import Renewing
from device_bridge.materials.errors import MaterialError
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.hello import CertificateCarried
from tests.histories.actors import Desk
from tests.histories.real.child import ChildHere, ChildStage, Settled
from tests.histories.real.meeting import Line, Papers, from_device, meeting, said

TURNS_MAX: Final = 40
IN_STEP_TURNS: Final = 4
"""In the first it may hear that the server was restored; devices are carried for in the others."""
ALONE_TURNS: Final = 20
"""After so many it is believed that the device which is carried for is not there any more."""
VISIT_SECONDS: Final = 2.0
LINKED_SECONDS: Final = 1.0
"""So long an app and a device that is carried for are linked; then anew."""


class Beside:
    """A device in the room, met at its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def visited(self, deny_list: str, grant: str) -> None:
        with suppress(OSError, TimeoutError):
            async with (
                asyncio.timeout(VISIT_SECONDS),
                meeting(self.path, Papers(deny_list, grant)) as (reader, _),
            ):
                await reader.readline()


class Teacher:
    def __init__(self, scene: ChildStage) -> None:
        self.scene = scene
        self.person = scene.template.teachers[scene.run.number]
        self.devices = [Beside(scene.run.room / row.id) for row in scene.template.devices]


class Links:
    """The devices that are linked just now (`courier.Tells`)."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}

    def tell(self, device: str, message: Brought | CertificateCarried) -> None:
        if device in self.lines:
            self.lines[device].send(message)


class RealDesk(Desk):
    def __init__(self, teacher: Teacher, process: ChildHere) -> None:
        super().__init__(teacher, process)
        self._stage, self._beside = teacher.scene, teacher.devices
        self._links = Links()
        self._courier: Courier | None = None
        self._carrying: Carrying | None = None
        self._renewal: Renewing | None = None
        self._met = asyncio.Event()

    def _join(self, signed: SignedPapers) -> None:
        if self._courier is None:
            self._courier = Courier(self.cloud, self.keeping, self._links, lambda: None)
            self._carrying = Carrying(self.cloud, self._links)
            self.carry = self._courier.exchange
        super()._join(signed)
        assert self.papers is not None
        here, deny = self.process.clock, self.takes.deny
        self._renewal = Renewing(self.cloud, self.keeping, self.papers, lambda: False, here, deny)

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

    async def run(self) -> NoReturn:
        """Sign in where that is wanted, then take turns for ever, sooner than the app does."""
        while True:
            try:
                await self._turn()
            except (CloudError, NotKept) as error:
                self.world.tell("turn", type(error).__name__, *error.args)
            if self.sync is not None and self.sync.state.why == "not-signed-in":
                self.sync = None
            await self.scene.while_(10.0, 60.0)

    async def _turn(self) -> None:
        """Take one turn, and renew what comes to its end. Raises CloudError or NotKept."""
        if self.sync is None:
            await self.sign_in()
        assert self.sync is not None
        try:
            await self.sync.once()
        finally:
            await self._renew()

    async def _renew(self) -> None:
        assert self._renewal is not None
        for renew in (self._renewal.once, self._renewal.certificate):
            try:
                await renew()
            except (CloudError, DeviceError, NotKept) as error:
                self.world.tell("not renewed", renew.__name__, repr(error))

    async def carries(self) -> NoReturn:
        """Be linked with whichever device is carried for, again and again."""
        while True:
            if self._stage.run.carried_for and self._courier is not None:
                with suppress(OSError, TimeoutError, NotKept, msgspec.DecodeError):
                    async with asyncio.timeout(LINKED_SECONDS * self._stage.run.slower):
                        await self._linked(self._stage.run.carried_for)
            await self.scene.while_(5.0, 30.0)

    async def _linked(self, device: str) -> None:
        assert self._courier is not None
        assert self._carrying is not None
        assert self.papers is not None
        shown = Papers(self.papers.deny_lists.token, self.papers.signed.grant)
        async with meeting(self._stage.run.room / device, shown) as (reader, line):
            self._links.lines[device] = line
            try:
                async for raw in said(reader):
                    self._met.set()
                    heard = from_device.decode(raw)
                    await self._carrying.take(DeviceId(device), heard)
                    await self._courier.take(DeviceId(device), heard)
            finally:
                del self._links.lines[device]

    async def certifies(self) -> NoReturn:
        """Have the certificates renewed that devices have asked for."""
        while self._carrying is None:
            await self.scene.while_(5.0, 10.0)
        await self._carrying.run()

    async def _collect(self, room: Roster, pupil: PupilId, named: dict[str, Any]) -> None:
        with suppress(MaterialError, OSError):  # no room: the pupil keeps it
            await super()._collect(room, pupil, named)

    async def settle(self) -> Settled:
        """Take turns until some leave nothing to do; who was ended cannot."""
        in_step = 0
        for turn in range(TURNS_MAX):
            await asyncio.sleep(0.2)
            try:
                await self._turn()
            except NotSignedIn:
                if self.sync is None:
                    return Settled("not-signed-in")
                self.sync = None
            except ServerBusy as error:  # after wrong passwords it has us wait
                self.world.tell("still", error.after_seconds)
                await asyncio.sleep(error.after_seconds)
            except (CloudError, NotKept) as error:
                self.world.tell("still", type(error).__name__, *error.args)
            else:
                in_step += self._counts(turn)
                if in_step == IN_STEP_TURNS:
                    return Settled()
        return Settled(in_step=False)

    def _counts(self, turn: int) -> bool:
        """Say whether nothing is left to do, and the device that is carried for is here.

        Its start takes as long as some turns, and what it has to say goes by those that follow.
        """
        assert self.sync is not None
        return self.sync.state.in_step and (self._met.is_set() or turn >= ALONE_TURNS)


async def live(stage: ChildStage) -> None:
    """Have lessons until we are killed; or settle, and end."""
    desk = RealDesk(Teacher(stage), ChildHere(stage.run))
    await desk.open_at_last()
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(desk.carries()), tasks.create_task(desk.certifies())]
        if stage.run.settles:
            said = await desk.settle()
            for each in beside:
                each.cancel()
        else:
            tasks.create_task(desk.run())
            while True:
                await desk.teach()
                await stage.while_(10.0, 60.0)
    await desk.cloud.close()
    await desk.keeping.close()
    stage.say(said)
