"""A small school in networks of its own: a server, a teacher's real app, pupils' real agents."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom_app.demo.evidence import until
from classroom_app.demo.stage import Child, Stage
from classroom_app.demo.strings import PuppetError, Strings
from tests.namespaces import Classroom, Machine

WIFI, GUEST = "10.7.0", "10.8.0"
PUPILS = 2
PORT = 8000
SEEN_SECONDS = 40.0
PACE = 0.1
"""All look at the network ten times as often, so that what changed there is seen soon."""


@dataclass
class Campus:
    """The server has a leg in both networks and forwards nothing between them."""

    room: Classroom
    folder: Path
    stage: Stage
    wifi: str
    server: Machine
    teacher: Machine
    pupils: list[Machine]
    sample: dict[str, Any] = field(default_factory=dict[str, Any])
    app: Child | None = None
    strings: Strings | None = None

    @property
    def window(self) -> Strings:
        assert self.strings
        return self.strings

    @property
    def url(self) -> str:
        return f"http://{WIFI}.2:{PORT}"

    async def open(self) -> None:
        """Serve the school, enrol the devices and start their agents; open the app meanwhile."""
        school = self.folder / "mdm"
        self.sample = json.loads((school / "sample.json").read_text())
        serve = ("serve", "--folder", school, "--host", f"{WIFI}.2", "--port", PORT)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.start_app())
            await (await self._start("mdm", self.server, "central_mdm", *serve)).line()
            for number, machine in enumerate(self.pupils):
                group.create_task(self._wake(number, machine))

    async def _wake(self, number: int, machine: Machine) -> None:
        name, folder = f"pupil-{number}", self.folder / f"pupil-{number}"
        code = self.sample["devices"][number]["code"]
        enrol = ("enrol", "--folder", folder, "--server", self.url, "--code", code)
        await self._done(f"{name}-enrol", machine, "device_bridge.agent", *enrol)
        guard = ("guard", "--folder", folder, "--pace", PACE)
        await (await self._start(name, machine, "device_bridge.agent", *guard)).line()

    async def start_app(self) -> None:
        """Open the app at this teacher's desk; it looks at the network from the sign-in on."""
        socket = self.folder / "puppet.sock"
        socket.unlink(missing_ok=True)
        home = (
            "--home",
            self.folder / "teacher",
            "--language",
            "en",
            "--puppet",
            socket,
            "--pace",
            PACE,
        )
        self.app = await self._start("app", self.teacher, "classroom_app", *home)
        self.strings = await Strings.tie(socket)

    async def end_app(self) -> None:
        assert self.app
        await self.window.close()
        self.app.kill()
        await self.app.process.wait()
        self.stage.children.remove(self.app)

    async def sign_in(self) -> None:
        """Sign in and start the lesson, by the window's own fields and buttons."""
        account = self.sample["teachers"][0]
        said = {"server": self.url, "school": self.sample["school"], **account}
        for name in ("server", "school", "login", "password"):
            await self.window.ask("type", name=name, text=said[name])
        await self.window.ask("click", name="sign-in")

        async def listed() -> bool:
            return self.sample["class"] in (await self.window.ask("facts"))["classes"]

        await until(listed, SEEN_SECONDS, "the classes")
        await self.window.ask("click", name=f"start-{self.sample['class']}")

        async def begun() -> bool:
            return bool((await self.window.ask("facts"))["lesson"])

        await until(begun, SEEN_SECONDS, "the lesson")

    async def states_are(self, *states: str) -> None:
        """Wait until every pupil's tile shows one of these."""
        shown: list[tuple[str, str]] = []

        async def so() -> bool:
            tiles = (await self.window.ask("tiles"))["tiles"]
            shown[:] = [(tile["state"], tile["reason"]) for tile in tiles]
            return len(tiles) == PUPILS and all(state in states for state, _ in shown)

        await until(so, SEEN_SECONDS, lambda: f"{states} and not {shown}")

    async def ask_why(self) -> None:
        """Ask bar B why the class is missing, as soon as it says that it is."""

        async def asked() -> bool:
            with suppress(PuppetError):
                await self.window.ask("click", name="why-missing")
            return (await self.window.ask("check"))["page"] == "check"

        await until(asked, SEEN_SECONDS, "the check page")

    async def told(self, title: str) -> list[tuple[str, str, str]]:
        """Wait until the page's first alarm has this title; return all rows."""
        rows: list[tuple[str, str, str]] = []

        async def so() -> bool:
            rows[:] = [tuple(row) for row in (await self.window.ask("check"))["rows"]]
            return next((told for state, told, _ in rows if state == "failed"), "") == title

        await until(so, SEEN_SECONDS, lambda: f"{title!r} and not {rows}")
        return rows

    async def page_is(self, page: str) -> None:
        async def so() -> bool:
            return (await self.window.ask("check"))["page"] == page

        await until(so, SEEN_SECONDS, f"the page {page}")

    async def _start(self, name: str, where: Machine, module: str, *args: object) -> Child:
        command = [sys.executable, "-m", module, *map(str, args)]
        # The visitor's own keyring is not for a key that lives a minute.
        env = {
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "QT_QPA_PLATFORM": "offscreen",
        }
        return await self.stage.start(name, where.command(*command), env)

    async def _done(self, name: str, where: Machine, module: str, *args: object) -> None:
        child = await self._start(name, where, module, *args)
        assert await child.process.wait() == 0, child.log.read_text()
        self.stage.children.remove(child)


@asynccontextmanager
async def campus(room: Classroom, folder: Path) -> AsyncGenerator[Campus]:
    """Give a school whose devices and app are on; `folder` has the sample in "mdm"."""
    wifi, guest = room.switch(), room.switch()
    server = room.machine([(wifi, f"{WIFI}.2"), (guest, f"{GUEST}.2")])
    teacher = room.machine([(wifi, f"{WIFI}.1"), (guest, f"{GUEST}.1")])
    pupils = [room.machine([(wifi, f"{WIFI}.{20 + number}")]) for number in range(PUPILS)]
    teacher.unplug("net1")
    made = Campus(room, folder, Stage(folder / "logs"), wifi, server, teacher, pupils)
    try:
        await made.open()
        yield made
    finally:
        if made.strings:
            await made.strings.close()
        await made.stage.close()
