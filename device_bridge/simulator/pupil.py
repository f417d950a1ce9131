"""One simulated device: a whole agent, guard and seat, on a folder of its own.

Identity, port, record, links, disk and the socket between guard and seat are the agent's own;
only screen and person are `capabilities`.
"""

import asyncio
import os
import random
import secrets
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Final
from uuid import uuid4

from zeroconf.asyncio import AsyncZeroconf

from central_mdm.contract.fleet import Policy
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import About, Device, agent_version
from device_bridge.agent.guard.inventory import inventory_of
from device_bridge.agent.guard.makings import LibraryOptions, Makings
from device_bridge.agent.guard.materials import Counted
from device_bridge.agent.guard.mdm import enrol
from device_bridge.agent.guard.seat_socket import SeatSocket
from device_bridge.agent.guard.status import serve_status
from device_bridge.agent.seat.core import SeatCore
from device_bridge.agent.seat.obeying import Mouth, find_guard
from device_bridge.agent.settings import Machine, Remembered
from device_bridge.protocol.seat import PupilActed
from device_bridge.session.device_link import DeviceLink
from device_bridge.session.wire import Wire
from device_bridge.simulator.capabilities import SimulatedSeat
from device_bridge.simulator.drawn_ahead import DrawnAhead
from device_bridge.simulator.plan import DevicePlan
from device_bridge.simulator.screens import BehavingScreen

NO_CUT: Final = -1


class PupilsDevice(Device):
    """A device whose cable can be pulled in the middle of a document."""

    cut_after_bytes = NO_CUT
    cuts = 0

    async def bulk(self, link: DeviceLink, wire: Wire) -> None:
        await self.guard.bulk(link, Counted(wire, self._came))

    def _came(self, size: int) -> None:
        if self.cut_after_bytes == NO_CUT:
            return
        self.cut_after_bytes -= size
        if self.cut_after_bytes <= 0:
            self.cut_after_bytes = NO_CUT
            self.cuts += 1
            self.cut()


class SimulatedPupil:
    """Made of a plan; `run` enrols it where it is not enrolled yet, and lives until cancelled."""

    def __init__(self, folder: Path, plan: DevicePlan, workers: Executor, bulk: Executor) -> None:
        self._folder = Folder(folder)
        self._plan = plan
        self._workers, self._bulk = workers, bulk
        self.seat = SimulatedSeat(plan.refuses)
        self.device: PupilsDevice | None = None

    async def prepare(self, interfaces: tuple[str, ...]) -> tuple[str, int]:
        """Enrol, take up what the folder holds, and listen; return the device's id and port.

        Raises `DeviceError` for a code or a folder that is not good, `OSError` for the port.
        """
        self._folder.make()
        if read_kept(self._folder.school) is None:
            inventory = inventory_of(self._folder.root, self._plan.kind, agent_version())
            await enrol(self._folder, self._plan.server, self._plan.code, inventory)
        if self._plan.alone:
            self._folder.fleet.unlink(missing_ok=True)
        about = About(self._plan.kind, _apply, _jitter, machine=_machine())
        self.device = PupilsDevice(self._folder, self._makings(), about)
        return self.device.id, self.device.bind(interfaces, self._plan.port)

    async def run(self, zeroconf: AsyncZeroconf, interfaces: tuple[str, ...]) -> None:
        """Serve teachers until cancelled. Only after `prepare`."""
        device = self.device
        if device is None:
            raise RuntimeError("not prepared")
        guard, uid = device.guard, os.getuid()
        socket = SeatSocket(self._folder.seat_socket, {uid}, guard)
        async with socket.serve(), serve_status(device), asyncio.TaskGroup() as group:
            mouth = Mouth()
            core = self._core(device.id, mouth)
            group.create_task(core.serve(), name="seat")
            group.create_task(find_guard(self._folder.root, core, mouth, uid), name="find-guard")
            group.create_task(device.run(zeroconf, interfaces), name="device")

    def act(self, act: PupilActed) -> None:
        """Do as the pupil would on bar or notice."""
        self.seat.indicator.act(act)

    def cut_after(self, size: int) -> None:
        """Pull the cable once `size` more bytes of documents have come; raise before `prepare`."""
        if self.device is None:
            raise RuntimeError("not prepared")
        self.device.cut_after_bytes = size

    @property
    def cuts(self) -> int:
        """How often the cable was pulled."""
        return self.device.cuts if self.device else 0

    def _core(self, device: str, mouth: Mouth) -> SeatCore:
        plan, seat = self._plan, self.seat
        if plan.ring:
            ring = Path(plan.ring)
            screen = DrawnAhead(device, ring, plan.size, plan.seed, time.time)
        else:
            screen = BehavingScreen(device, plan.seed, plan.behaviour, time.time, plan.size)
        seat.capture.shows(screen)
        does = (seat.notify, seat.open, seat.input, seat.showing)
        ends = (seat.capture, seat.curtain, seat.indicator, *does)
        return SeatCore(*ends, mouth.say, self._workers, user=plan.user)

    def _makings(self) -> Makings:
        room, library = self._plan.disk_bytes, LibraryOptions()
        if room is not None:
            library = LibraryOptions(reserve_bytes=0, free=lambda _: room)
        return Makings(
            system_clock(),
            lambda: uuid4().hex,
            secrets.token_bytes,
            self._workers,
            self._bulk,
            library,
        )


def _apply(policy: Policy) -> str:
    """Take any screen time-out and wallpaper, as a willing desktop does."""
    del policy
    return ""


def _machine() -> Machine:
    """Take any time-out and wallpaper; the rest a simulated machine does not have."""
    return Machine({"screen_timeout": Remembered(), "wallpaper": Remembered()})


def _jitter() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 - spreads devices, keeps no secret
