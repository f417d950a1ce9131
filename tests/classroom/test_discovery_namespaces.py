"""Discovery over real networks: machines that come, move and go."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.namespaces import Classroom, Machine

pytestmark = pytest.mark.real_loop

WAIT_SECONDS = 20.0


class Part:
    """A process in a namespace, and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            return (await self.process.stdout.readline()).decode().strip()

    async def heard(self, device: str) -> dict[str, Any]:
        """Return the next sighting of `device`."""
        return (await self._heard(device))["heard"]

    async def heard_after(self, device: str) -> float:
        """Return how many seconds it browsed until the next sighting of `device`."""
        return (await self._heard(device))["after"]

    async def _heard(self, device: str) -> dict[str, Any]:
        while True:
            told = json.loads(await self.line())
            if told.get("heard", {}).get("name") == device:
                return told

    async def lost(self, device: str) -> None:
        while json.loads(await self.line()) != {"lost": device}:
            pass


@asynccontextmanager
async def running(machine: Machine, *args: str) -> AsyncGenerator[Part]:
    process = await asyncio.create_subprocess_exec(
        *machine.command(sys.executable, "-m", "tests.classroom.parts", *args),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Part(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def announced(machine: Machine, device: str, port: int) -> AsyncGenerator[Part]:
    async with running(machine, "announce", device, str(port)) as part:
        assert await part.line() == "announced"
        yield part


@asynccontextmanager
async def browsing(machine: Machine) -> AsyncGenerator[Part]:
    async with running(machine, "browse") as part:
        assert await part.line() == "browsing"
        yield part


async def test_a_device_is_found_moves_to_another_address_and_goes(room: Classroom) -> None:
    wifi = room.switch()
    teacher = room.machine([(wifi, "10.7.0.1")])
    pupil = room.machine([(wifi, "10.7.0.20")])
    async with browsing(teacher) as app:
        async with announced(pupil, "dev-1", 7001):
            assert (await app.heard("dev-1"))["addresses"] == [["10.7.0.20", 7001]]
            pupil.move("net0", "10.7.0.77")
            while ["10.7.0.77", 7001] not in (await app.heard("dev-1"))["addresses"]:
                pass
        await app.lost("dev-1")


async def test_who_was_asked_for_in_vain_is_asked_for_again(room: Classroom) -> None:
    """A device has announced itself long ago, and multicast passes late."""
    wifi = room.switch()
    teacher = room.machine([(wifi, "10.7.0.1")])
    pupil = room.machine([(wifi, "10.7.0.20")])
    teacher.drop_mdns()
    async with announced(pupil, "dev-1", 7001), browsing(teacher) as app:
        # Zeroconf asks by itself at 5 and 14 s, we at 9: far from each, for a busy machine is late.
        await asyncio.sleep(7)
        teacher.let_mdns()
        assert 9 - 0.1 <= await app.heard_after("dev-1") < 14, "an answer to ours, at 9 s"


async def test_devices_on_two_networks_are_found_at_once(room: Classroom) -> None:
    wifi, cable = room.switch(), room.switch()
    teacher = room.machine([(wifi, "10.7.1.1"), (cable, "10.7.2.1")])
    first = room.machine([(wifi, "10.7.1.20")])
    second = room.machine([(cable, "10.7.2.20")])
    async with (
        browsing(teacher) as app,
        announced(first, "dev-1", 7001),
        announced(second, "dev-2", 7002),
    ):
        found: dict[str, list[list[object]]] = {}
        while len(found) < 2:
            told = json.loads(await app.line())["heard"]
            found[told["name"]] = told["addresses"]
        assert found == {"dev-1": [["10.7.1.20", 7001]], "dev-2": [["10.7.2.20", 7002]]}


async def test_a_name_that_lies_is_one_more_address_to_try(room: Classroom) -> None:
    """Both machines say they are dev-1: both are told, and only a certificate can decide."""
    wifi = room.switch()
    teacher = room.machine([(wifi, "10.7.0.1")])
    honest = room.machine([(wifi, "10.7.0.20")])
    liar = room.machine([(wifi, "10.7.0.66")])
    async with (
        browsing(teacher) as app,
        announced(honest, "dev-1", 7001),
        announced(liar, "dev-1", 6666),
    ):
        seen: set[str] = set()
        while not {"10.7.0.20", "10.7.0.66"} <= seen:
            seen |= {host for host, _ in (await app.heard("dev-1"))["addresses"]}


async def test_the_doctor_tells_silence_isolation_and_health_apart(room: Classroom) -> None:
    wifi, apart = room.switch(), room.switch()
    teacher = room.machine([(wifi, "10.7.0.1")])
    pupil = room.machine([(wifi, "10.7.0.20")])
    lonely = room.machine([(apart, "10.7.9.1")])
    hidden = room.machine([(apart, "10.7.9.20")])
    room.isolate(apart)
    async with (
        announced(pupil, "dev-1", 7001),
        announced(hidden, "dev-2", 7002),
        running(teacher, "doctor", "10.7.0.20:7001", "10.7.5.5:7000") as healthy,
        running(lonely, "doctor", "10.7.9.20:7002") as isolated,
    ):
        well, ill = json.loads(await healthy.line()), json.loads(await isolated.line())
    assert well["addresses"][1] == {"addresses": ["net0 10.7.0.1/24"], "interfaces": ["net0"]}
    assert well["own-announcement"][0] == "ok"
    assert well["other-machines"] == ["ok", {"machines": 3 - 1}]
    assert well["device-network"][1]["addresses"] == ["10.7.5.5"]
    assert well["reach"] == ["failed", {"cause": "agent-not-running", "tried": 2}]
    assert ill["own-announcement"][0] == "ok"
    assert ill["reach"] == ["failed", {"cause": "isolation", "tried": 1}]


async def test_a_machine_without_a_network_is_told_so(room: Classroom) -> None:
    async with running(room.machine([]), "doctor") as alone:
        found = json.loads(await alone.line())
    assert found["addresses"] == ["failed", {"cause": "offline"}]
    assert found["other-machines"][0] == "unknown"
