"""All that is under way in one demo: its processes, and how each side is asked what it knows."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom_app.demo.desktops import Desktop
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Child, Stage, StageError, program
from classroom_app.demo.strings import Strings
from classroom_app.demo.tell import Teller


@dataclass(frozen=True)
class Options:
    """What a visitor asked for on the command line.

    `faults` False: nothing fails on purpose. `per_process`: simulated devices that share one.
    `real_devices`: agents on real desktops, where there can be any. `nice`: simulators stand back.
    `pace`: multiplies the app's pauses between looks around. `lock_ms`: the longest that a lock's
    first confirmations may take, at their 99th percentile. `ring`: raw frames of 1920x1080 that
    simulated screens show (`device_bridge.simulator.drawn_ahead`). `walls`: pictures of walls of 1
    to 100 devices follow. `language` and `theme` are the window's, "": as by itself.
    """

    devices: int
    out: Path
    seed: int
    headless: bool
    by_hand: bool = False
    faults: bool = True
    per_process: int = 20
    real_devices: int = 2
    nice: bool = True
    pace: float = 1.0
    lock_ms: float = 500.0
    ring: Path | None = None
    walls: bool = False
    language: str = ""
    theme: str = ""


@dataclass(frozen=True)
class Enrolment:
    """One device of the opened class as the sample school knows it."""

    device: str
    code: str
    pupil: str
    display: str


@dataclass
class World:
    """The running demo. `scratch` is a temporary folder, `options.out` what the visitor keeps."""

    options: Options
    scratch: Path
    stage: Stage
    report: Report
    teller: Teller
    sample: dict[str, Any] = field(default_factory=dict[str, Any])
    enrolments: list[Enrolment] = field(default_factory=list[Enrolment])
    mdm: Child | None = None
    mdm_url: str = ""
    app: Child | None = None
    strings: Strings | None = None
    pupils: Pupils | None = None
    desktops: dict[str, Desktop] = field(default_factory=dict[str, Desktop])
    real: dict[str, Child] = field(default_factory=dict[str, Child])
    live: set[str] = field(default_factory=set[str])
    locked: set[str] = field(default_factory=set[str])

    @property
    def chance(self) -> random.Random:
        return random.Random(self.options.seed)  # noqa: S311 - a story, not a secret

    @property
    def window(self) -> Strings:
        if self.strings is None:
            raise StageError("the teacher's app is not running")
        return self.strings

    @property
    def class_(self) -> Pupils:
        if self.pupils is None:
            raise StageError("no pupil's device is running")
        return self.pupils

    @property
    def names(self) -> dict[str, str]:
        """Device -> the pupil's name on the tile."""
        return {row.device: row.display for row in self.enrolments}

    async def start_mdm(self, port: int = 0) -> None:
        """Start the MDM over the sample school; a later start takes the same port."""
        serve = [*program("pupitre-mdm", "central_mdm"), "serve"]
        folder = ["--folder", str(self.scratch / "mdm"), "--port", str(port)]
        self.mdm = await self.stage.start("mdm", [*serve, *folder])
        self.mdm_url = str((await self.mdm.line())["listening"])

    async def start_app(self) -> None:
        """Start the teacher's app on its own folder and tie the strings to its window."""
        socket = self.scratch / "puppet.sock"
        socket.unlink(missing_ok=True)
        options = ["--home", str(self.scratch / "teacher"), "--interface", "127.0.0.1"]
        options += ["--puppet", str(socket), "--pace", str(self.options.pace)]
        looks = {"--language": self.options.language, "--theme": self.options.theme}
        options += [word for look in looks.items() if look[1] for word in look]
        command = [*program("pupitre", "classroom_app"), *options]
        # The visitor's own keyring is not for a key that lives a minute.
        env = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        if self.options.headless:
            env["QT_QPA_PLATFORM"] = "offscreen"
        self.app = await self.stage.start("app", command, env)
        try:
            self.strings = await Strings.tie(socket)
        except TimeoutError:
            raise StageError(f"the window did not open; see {self.app.log}") from None

    async def restart_app(self) -> None:
        """Kill the app (-9) and start it again; return when its strings are tied."""
        await self.kill_app()
        await self.start_app()

    async def kill_app(self) -> None:
        """Kill the app (-9). Raises `StageError` where none runs."""
        app = self.app
        if app is None or self.strings is None:
            raise StageError("the teacher's app is not running")
        app.kill()
        await app.process.wait()
        self.stage.children.remove(app)
        await self.strings.close()

    async def shot(self, name: str) -> dict[str, Any]:
        """Keep a picture of the window; return what stood where in it."""
        return await self.window.ask("grab", path=str(self.options.out / f"{name}.png"))

    async def close(self) -> None:
        """End the app first, while there is an MDM to hand its last acts to; then all the rest."""
        if self.strings:
            await self.strings.close()
        if self.app in self.stage.children:
            await self.stage.end(self.app)
        await self.stage.close()
