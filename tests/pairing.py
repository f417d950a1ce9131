"""A device that waits to be paired, and a teacher's app that pairs it, over loopback."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from central_mdm.contract.names import Party
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.pairing import Pairing
from device_bridge.protocol.pairing import PairGiven, PairRequested
from device_bridge.session.pairing import Code, Guess, Knock, knock
from device_bridge.trust.authority import Authority, found, key_of_request
from device_bridge.trust.identity import Identity, new_key, thumbprint
from device_bridge.trust.pairing import for_pairing, pairing_context
from tests.school import NOW

CODE = "K7M2QX"


def waiting(folder: Path, code: str = CODE, *, seconds: float = 300, app: str = "") -> Pairing:
    return Pairing(
        Folder(folder),
        Code(code.encode(), app),
        ("Lina's laptop", "linux"),
        now=time.monotonic,
        random_bytes=os.urandom,
        seconds=seconds,
    )


@dataclass
class App:
    """A teacher's app of a school that it founded; says yes unless `yes` is taken away."""

    authority: Authority = field(default_factory=lambda: found("school-1", "Collège", NOW)[0])
    yes: bool = True
    asked: list[PairRequested] = field(default_factory=list[PairRequested])

    def __post_init__(self) -> None:
        key = new_key()
        party = Party(self.authority.school.id, "teacher", "teacher-1")
        certificate = self.authority.certify(key.public_key(), party, NOW)
        self.identity = Identity.of(key, certificate.encode())
        self.context = pairing_context(for_pairing(key, "teacher"), "app")
        self.thumbprint = thumbprint(key.public_key())

    async def knock(
        self,
        port: int,
        code: str = CODE,
        guess: Guess | None = None,
        decide: Callable[[PairRequested, str], Awaitable[PairGiven | None]] | None = None,
        host: str = "127.0.0.1",
    ) -> str:
        door = Knock((host, port), self.context, self.thumbprint, code.encode())
        return await knock(door, guess or Guess(300, time.monotonic), decide or self.decide)

    async def decide(self, asked: PairRequested, device: str) -> PairGiven | None:
        self.asked.append(asked)
        id_ = f"d-{device[:16]}"
        school = self.authority.school
        key = key_of_request(asked.csr)
        certificate = self.authority.certify(key, Party(school.id, "device", id_), NOW)
        assignment = self.authority.assign(id_, ("5B",), 1, NOW)
        root = school.root_pem.decode()
        given = PairGiven(
            school.id, "Collège", id_, certificate, root, self.authority.standby, assignment
        )
        return given if self.yes else None


@asynccontextmanager
async def from_address(address: str, to: tuple[str, int]) -> AsyncGenerator[tuple[str, int]]:
    """Carry connections from the yielded place to `to` as if they came from `address`, our own."""
    pipes: list[asyncio.StreamWriter] = []

    async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        pipes.append(back)
        try:
            far, out = await asyncio.open_connection(*to, local_addr=(address, 0))
        except OSError:
            back.close()
            return
        pipes.append(out)
        await asyncio.gather(_pump(near, out), _pump(far, back))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield "127.0.0.1", int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for pipe in pipes:
            pipe.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while raw := await source.read(65536):
            sink.write(raw)
            await sink.drain()
    sink.close()
