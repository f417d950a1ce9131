"""The pupils' side of the demo: which devices run where, and what each says of itself.

Every question goes to the device's own status socket, the same `pupitre-agent status` asks.
"""

import asyncio
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from blake3 import blake3

from classroom_app.demo.evidence import until
from classroom_app.demo.stage import Child, StageError, program
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import Status, ask_status
from device_bridge.agent.guard.wanted import WantedKept

if TYPE_CHECKING:
    from classroom_app.demo.world import Enrolment, World

LATE: Final = "simulator-late"
LOOPBACK: Final = "127.0.0.1"
BEHAVIOURS: Final = ("writing", "scrolling", "video", "idle")
CONTROL_BYTES_MAX: Final = 1024 * 1024
SIZE: Final = (1366, 768)
RING_SIZE: Final = (1920, 1080)
TALK_SECONDS: Final = 20.0
HAND_IN_SECONDS: Final = 20.0


class Pupils:
    """All devices of the class. The first `real` are agents on desktops, the others simulated."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._folders: dict[str, Folder] = {}
        self._process_of: dict[str, Child] = {}
        self.simulated: list[str] = []
        self.failing = ""
        self.alone = ""
        """Which device meets only the teacher: it forgets the MDM's address when it is enrolled."""

    async def start(self, real: int) -> None:
        """Enrol and start every device but the last, which comes late and lives alone."""
        rows = self._world.enrolments
        early = rows[real:-1]
        if self._world.options.faults:
            self.failing = early[0].device if early else rows[-1].device
        # Of a class so small that all others are agents on desktops, the latecomer.
        self.alone = early[-1].device if early else rows[-1].device
        async with asyncio.TaskGroup() as group:
            for row in rows[:real]:
                group.create_task(self._start_real(row), name=f"real-{row.device}")
            together = self._world.options.per_process
            for number, at in enumerate(range(0, len(early), together), 1):
                work = self._simulate(f"simulator-{number}", early[at : at + together])
                group.create_task(work, name=f"simulator-{number}")

    async def _start_real(self, row: "Enrolment") -> None:
        world, desktop = self._world, self._world.desktops[row.device]
        folder = world.scratch / f"device-{row.device}"
        agent = program("pupitre-agent", "device_bridge.agent")
        enrol = ["enrol", "--folder", str(folder), "--server", world.mdm_url, "--code", row.code]
        enrolling = await world.stage.start(f"{desktop.name}-enrol", [*agent, *enrol])
        if await enrolling.process.wait():
            raise StageError(f"{row.device} did not enrol; see {enrolling.log}")
        world.stage.children.remove(enrolling)
        run = ["run", "--folder", str(folder), "--interface", LOOPBACK]
        env = {**desktop.env, **viewer(folder.parent / f"{desktop.name}-home")}
        child = await world.stage.start(
            f"{desktop.name}-agent", [*agent, *run, "--display", desktop.display], env
        )
        await child.line()
        world.real[row.device] = child
        self._folders[row.device] = Folder(folder)

    async def _simulate(self, name: str, rows: Sequence["Enrolment"]) -> None:
        """Start a process of simulated devices; started again, it takes up their folders."""
        world = self._world
        root = world.scratch / name
        root.mkdir(exist_ok=True)
        plan = {"interfaces": [LOOPBACK], "devices": [self._planned(row) for row in rows]}
        (root / "plan.json").write_text(json.dumps(plan))
        command = program("pupitre-agent", "device_bridge.agent")
        run = ["simulate", "--folder", str(root), "--plan", str(root / "plan.json")]
        child = await world.stage.start(name, [*command, *run], nice=world.options.nice)
        for _ in rows:
            await child.line()
        for row in rows:
            self._folders[row.device] = Folder(root / row.device)
            self._process_of[row.device] = child
            if row.device not in self.simulated:
                self.simulated.append(row.device)

    def _planned(self, row: "Enrolment") -> dict[str, Any]:
        world = self._world
        place = world.enrolments.index(row)
        planned: dict[str, Any] = {
            "folder": row.device,
            "server": world.mdm_url,
            "code": row.code,
            "behaviour": BEHAVIOURS[place % len(BEHAVIOURS)],
            "seed": world.options.seed + place,
            "size": SIZE,
            "alone": row.device == self.alone,
        }
        if ring := world.options.ring:
            planned |= {"ring": str(ring), "size": RING_SIZE}
        if row.device == self.failing:
            why = "another program holds the keyboard"
            planned["refuses"] = [{"capability": "curtain", "reason": why, "times": 1}]
        return planned

    # acts of simulated pupils

    async def act(self, device: str, do: str, **more: object) -> dict[str, Any]:
        """Let the simulated pupil or its device do something; return the simulator's answer."""
        socket = self._world.scratch / self._process_of[device].name / "control.sock"
        async with asyncio.timeout(TALK_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket, limit=CONTROL_BYTES_MAX)
            try:
                writer.write(json.dumps({"device": device, "do": do, **more}).encode() + b"\n")
                await writer.drain()
                answer: dict[str, Any] = json.loads(await reader.readline())
            finally:
                writer.close()
        if why := answer.get("error"):
            raise StageError(f"{device} cannot {do}: {why}")
        return answer

    async def refuse(self, device: str, capability: str, reason: str, times: int = 0) -> None:
        """Let the desktop refuse its next `times` orders, 0 for all; no reason: it obeys again."""
        refusal = {"capability": capability, "reason": reason, "times": times}
        await self.act(device, "refuse", refusal=refusal)

    async def start_late(self) -> None:
        await self._simulate(LATE, self._world.enrolments[-1:])

    async def kill_late(self) -> str:
        """End the late device's process as a power cut would (SIGKILL); return its id."""
        late = self._world.enrolments[-1].device
        child = self._process_of[late]
        child.kill()
        await child.process.wait()
        self._world.stage.children.remove(child)
        self.failing = ""  # what failed, failed at the first lock of the lesson
        return late

    async def cut_when_fetching(self, device: str) -> None:
        await self.act(device, "cut-at", bytes=1_000_000)

    async def cuts(self, device: str) -> int:
        """Ask how often the device's cable was really pulled."""
        return int((await self.act(device, "cuts"))["cuts"])

    async def lay(self, device: str, name: str, work: bytes) -> None:
        """Lay a pupil's work into the device's own hand-in folder."""

        async def there() -> bool:
            return bool((await self.status(device)).hand_in_folder)

        await until(there, HAND_IN_SECONDS, f"a hand-in folder at {device}")
        folder = Path((await self.status(device)).hand_in_folder)
        await asyncio.to_thread((folder / name).write_bytes, work)

    # what devices say

    def hand_in_of(self, device: str) -> Path:
        """Where all lessons' work lies, a folder each."""
        return self._folders[device].hand_in

    def setting_of(self, device: str, feature: str) -> str:
        """Return how a setting stands on the device's own disk: its state, and what was read."""
        raw = self._folders[device].wanted.read_bytes()
        held = msgspec.json.decode(raw, type=WantedKept)
        told = (f"{one.state} {one.reason}" for one in held.reports if one.feature == feature)
        return next(told, "")

    async def status(self, device: str) -> Status:
        """Ask the device what it holds and has proved."""
        folder = self._folders.get(device)
        status = await ask_status(folder) if folder else None
        if status is None:
            raise StageError(f"{device} does not answer")
        return status

    async def locked(self, devices: Collection[str]) -> set[str]:
        """Return which of them are locked and have a fresh proof of it."""
        held = await asyncio.gather(*(self._covered(device) for device in devices))
        return {device for device, covered in zip(devices, held, strict=True) if covered}

    async def _covered(self, device: str) -> bool:
        try:
            lock = (await self.status(device)).attention
        except StageError:
            return False
        return lock.locked and lock.covered

    async def holds(self, device: str, name: str, digest: str) -> bool:
        """Tell whether the file on the device's disk hashes so, and was opened for the pupil."""
        try:
            papers = (await self.status(device)).materials
        except StageError:
            return False
        paper = next((p for p in papers if p.name == name and p.state == "opened"), None)
        if paper is None:
            return False
        raw = await asyncio.to_thread(Path(paper.path).read_bytes)
        return blake3(raw).hexdigest() == digest


def viewer(home: Path) -> dict[str, str]:
    """Give a bare desktop a program that opens PDFs, as an administrator would."""
    applications = home / "applications"
    applications.mkdir(parents=True, exist_ok=True)
    program = home / "viewer"  # a file, since xdg-open splits a command at every space
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{home / "opened.txt"}"\n')
    program.chmod(0o700)
    (applications / "viewer.desktop").write_text(
        "[Desktop Entry]\nType=Application\nName=Viewer\n"
        f"Exec={program} %f\nMimeType=application/pdf;\n"
    )
    (applications / "mimeapps.list").write_text(
        "[Default Applications]\napplication/pdf=viewer.desktop\n"
    )
    return {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(applications)}
