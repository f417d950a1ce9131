"""A device outside the school's networks: no record and no open port, by real packets."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device_bridge.protocol.fields import HOME_PORT
from device_bridge.trust.identity import write_private
from tests.classroom.test_discovery_namespaces import Part, browsing, running
from tests.namespaces import Classroom, Machine
from tests.school import SmallSchool, now
from tests.teaching import enrolled

pytestmark = pytest.mark.real_loop
QUIET_SECONDS = 6.0
"""An unruled device is heard within one; zeroconf asks at 0, 1 and 5 s."""


@asynccontextmanager
async def pupil(machine: Machine, folder: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *machine.command(sys.executable, "-m", "tests.classroom.parts", "pupil", str(folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await Part(process).line() == "running"
        yield process
    finally:
        process.terminate()
        await process.wait()


def ruled(folder: Path, *networks: str) -> Path:
    school = SmallSchool(now=now())
    home = enrolled(school, folder, "device-1")
    write_private(home.assignment, school.assignment("device-1", networks=networks).encode())
    return home.root


async def knock(machine: Machine, host: str) -> str:
    async with running(machine, "knock", host) as part:
        return await part.line()


async def listens_at(machine: Machine) -> list[str]:
    """Return the own addresses at which anything listens, as the kernel has it (IPv4, hex)."""
    told = await asyncio.create_subprocess_exec(
        *machine.command("cat", "/proc/net/tcp", "/proc/net/tcp6"),
        stdout=asyncio.subprocess.PIPE,
    )
    lines = [line.split() for line in (await told.communicate())[0].decode().splitlines()]
    return [fields[1] for fields in lines if fields[3] == "0A"]


async def silent(app: Part) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await app.line()


async def sighted(app: Part) -> dict[str, Any]:
    while "heard" not in (told := json.loads(await app.line())):
        pass
    return dict(told["heard"])


async def test_another_network_sees_no_record_and_no_open_port(
    room: Classroom, tmp_path: Path
) -> None:
    school, cafe = room.switch(), room.switch()
    teacher = room.machine([(school, "10.7.0.1")])
    stranger = room.machine([(cafe, "10.9.0.66")])
    laptop = room.machine([(school, "10.7.0.20"), (cafe, "10.9.0.20")])
    async with (
        browsing(teacher) as app,
        browsing(stranger) as spy,
        pupil(laptop, ruled(tmp_path / "device", "10.7.0.0/16")),
    ):
        heard = await sighted(app)
        assert heard["addresses"] == [["10.7.0.20", HOME_PORT]]
        assert "device-1" not in json.dumps(heard)
        await silent(spy)
        assert await knock(stranger, "10.9.0.20") == "ConnectionRefusedError"
        assert len(await listens_at(laptop)) == 1, "and nothing else of it is open"
        assert await knock(teacher, "10.7.0.20") == "open"


async def test_a_laptop_that_is_carried_home_is_found_there_only_when_its_pupil_joins(
    room: Classroom, tmp_path: Path
) -> None:
    wifi = room.switch()
    other = room.machine([(wifi, "192.168.1.1")])
    laptop = room.machine([(wifi, "10.7.0.20")])
    async with pupil(laptop, ruled(tmp_path / "device", "10.7.0.0/16")) as process:
        assert len(await listens_at(laptop)) == 1
        laptop.move("net0", "192.168.1.20")
        await asyncio.sleep(QUIET_SECONDS / 2)  # several looks at the network
        async with browsing(other) as spy:
            await silent(spy)
            assert await listens_at(laptop) == []
            assert await knock(other, "192.168.1.20") == "ConnectionRefusedError"
            # `ip netns exec` becomes the program itself, so this is its process.
            process.send_signal(signal.SIGUSR1)
            while (await sighted(spy))["addresses"] != [["192.168.1.20", HOME_PORT]]:
                pass
            assert await knock(other, "192.168.1.20") == "open"
