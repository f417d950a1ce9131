"""A real `pupitre-mdm serve` on a machine of its own, with two schools in it."""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.attack.ground import Ground, Owed
from tests.attack.loot import Loot
from tests.desktop import join_waiters
from tests.namespaces import Machine
from tests.school import SmallSchool, now

SERVER: Final = "10.9.0.5"
OTHER_SCHOOL, THIEF = "elsewhere", "thief"
PASSWORD: Final = "three-white-goats-ate"  # noqa: S105 - of a school that a test made
READY_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Central:
    """The server's folder and machine; it serves while `serving` is entered."""

    folder: Path
    machine: Machine

    @property
    def sample(self) -> dict[str, Any]:
        return json.loads((self.folder / "sample.json").read_text())

    async def do(self, *words: str, stdin: str = "") -> dict[str, Any]:
        """Run one of the administrator's commands; return what it prints."""
        process = await asyncio.create_subprocess_exec(
            *self._command(*words), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        said, wrong = await process.communicate(f"{stdin}\n".encode())
        if process.returncode:
            raise Owed(f"pupitre-mdm {words[0]}: {wrong.decode()[-500:]}")
        return json.loads(said)

    def copied(self, to: str) -> "Central":
        """Take a backup; served itself, it is the server that was put back."""
        return Central(shutil.copytree(self.folder, self.folder.parent / to), self.machine)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Loot]:
        """Serve; yield what an attacker knows: where it is."""
        log = self.folder / "log"
        with log.open("wb") as told:
            process = await asyncio.create_subprocess_exec(
                *self._command("serve", "--host", SERVER), stdout=PIPE, stderr=told
            )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline()
            port = int(json.loads(line)["listening"].rpartition(":")[2])
            school = SmallSchool(now=now())
            yield Loot(school, school.identity("teacher", "nobody"), (SERVER, port))
            if process.returncode is not None:
                raise Owed("the server died")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            join_waiters()
        if "Traceback" in (said := await asyncio.to_thread(log.read_text)):
            raise Owed(f"its log tells of bugs: {said[-800:]}")

    def _command(self, *words: str) -> list[str]:
        command = (sys.executable, "-m", "central_mdm", *words, "--folder", str(self.folder))
        return self.machine.command(*command)


async def sample_school(ground: Ground) -> Central:
    machine = await asyncio.to_thread(ground.room.machine, [(ground.switch, SERVER)])
    made = Central(ground.folder / "central", machine)
    await made.do("sample", "--devices", "3")
    return made


async def two_schools(ground: Ground) -> Central:
    """Make the sample school, and another one with a teacher who is the attacker."""
    made = await sample_school(ground)
    await made.do("school", "--school", OTHER_SCHOOL, "--name", "Elsewhere")
    who = ("--school", OTHER_SCHOOL, "--id", "t-thief", "--login", THIEF, "--name", "A. Thief")
    await made.do("teacher", *who, stdin=PASSWORD)
    return made


class Web:
    """Anybody's requests to the server; `who` is a token, or ""."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._http = httpx.AsyncClient(base_url="http://{}:{}".format(*address), timeout=20)

    async def ask(
        self, method: str, path: str, who: str = "", body: object = None
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {who}"} if who else {}
        return await self._http.request(method, path, headers=headers, json=body)

    async def put(self, path: str, content: bytes, who: str) -> httpx.Response:
        return await self._http.put(
            path, content=content, headers={"authorization": f"Bearer {who}"}
        )

    async def told(self, method: str, path: str, who: str = "", body: object = None) -> Any:  # noqa: ANN401
        """Ask for what must be given; return the JSON."""
        answer = await self.ask(method, path, who, body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    async def sign_in(self, school: str, login: str, password: str, csr: str = "") -> Any:  # noqa: ANN401
        asked = {"school": school, "login": login, "password": password, "csr": csr}
        return await self.told("POST", "/api/sign-in", body=asked)

    async def enrol(self, code: str, csr: str) -> Any:  # noqa: ANN401
        asked = {"code": code, "csr": csr, "inventory": {"kind": "laptop"}}
        return await self.told("POST", "/api/enrolments", body=asked)

    async def close(self) -> None:
        await self._http.aclose()
