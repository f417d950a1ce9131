"""What an idle check-in takes on the wire, between the device's own code and the real server."""

import asyncio
import json
import tempfile
from pathlib import Path

from central_mdm.contract.fleet import Inventory
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.central import web_client
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns, enrol
from tests.benchmarks.served import make_sample, served
from tests.integration.test_check_ins import duties_of


class Counting:
    """Passes bytes on to the server, both ways, and counts those of the newest exchange."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.up = self.down = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.up = self.down = 0
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass(reader, back, up=True))
            tasks.create_task(self._pass(there, writer, up=False))

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while piece := await source.read(65536):
            if up:
                self.up += len(piece)
            else:
                self.down += len(piece)
            target.write(piece)
        target.close()


def idle_bytes() -> tuple[int, int]:
    """Enrol, check in until all is told, and count the next: bytes up and down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "server"
        make_sample(folder, "--devices", "2")
        with served(folder) as running:
            port = int(running.url.rpartition(":")[2])
            return asyncio.run(_count(Path(name) / "device", folder, port))


async def _count(root: Path, server: Path, port: int) -> tuple[int, int]:
    counting = Counting(port)
    sample = json.loads((server / "sample.json").read_text())
    async with await asyncio.start_server(counting, "127.0.0.1") as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        folder, found = Folder(root), Inventory("laptop", "Debian 12", "T14")
        await enrol(folder, url, sample["devices"][0]["code"], found)
        check_ins = CheckIns(folder, read_enrolment(folder), duties_of(lambda: found, web_client))
        for _ in range(4):
            await check_ins.once()
    return counting.up, counting.down
