"""A central MDM for tests: the whole application over a real database, a clock one can turn."""

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from litestar import Litestar
from sqlalchemy import select, text, update

from central_mdm.app import application
from central_mdm.fleet import acts
from central_mdm.fleet.model import codes, devices
from central_mdm.fleet.proving import new_pass
from central_mdm.identity.model import teachers
from central_mdm.identity.tokens import issue_pair
from central_mdm.joining import ground_at
from central_mdm.platform.ground import Ground
from central_mdm.sample import make_sample
from tests import postgres
from tests.school import now

BACKENDS = ("sqlite", "postgresql")
TEMPLATE = "prepared"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The sample teachers' passwords cost next to nothing: one test asks what a password costs."""
_numbers = count()


@dataclass
class Clock:
    """UTC seconds; a test moves it by hand. `ahead`: so far it leapt while no time passed."""

    at: int = 1_795_500_000
    ahead: int = 0

    def __call__(self) -> int:
        return self.at + self.ahead


@dataclass
class Mdm:
    """The application, and an HTTP client that talks to it with no socket between."""

    app: Litestar
    ground: Ground
    http: httpx.AsyncClient
    sample: dict[str, Any]
    clock: Clock
    tokens: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def school(self) -> str:
        return self.sample["school"]

    async def sign_in(self, login: str = "lambert", csr: str = "") -> dict[str, Any]:
        password = next(t["password"] for t in self.sample["teachers"] if t["login"] == login)
        asked = {"school": self.school, "login": login, "password": password, "csr": csr}
        answer = await self.http.post("/api/sign-in", json=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def release(self, device: str) -> str:
        """Let a device go, as the one person of a small school does."""
        act = await acts.ask(self.ground, self.school, self.sample["teachers"][0]["id"], [device])
        return act.statements[device]

    async def passed(self, device: str) -> str:
        """Return a pass of now, as the device gets it for showing its key."""
        mine = (devices.c.school == self.school, devices.c.id == device)
        async with self.ground.database.reading(self.school) as connection:
            wanted = select(devices.c.token_hash).where(*mine)
            given = (await connection.execute(wanted)).scalar_one()
        return new_pass(self.ground, self.school, device, given).token

    async def as_administrator(self, person: str) -> dict[str, str]:
        """Return the headers of a person who has given the second factor."""
        async with self.ground.database.writing(self.school) as connection:
            pair = await issue_pair(
                connection, self.ground, self.school, person, self.ground.new_id(), second=True
            )
        return bearer(pair.token)

    async def as_teacher(self, login: str = "lambert") -> dict[str, str]:
        """Return the headers of a signed-in teacher."""
        if login not in self.tokens:
            self.tokens[login] = (await self.sign_in(login))["token"]
        return bearer(self.tokens[login])


async def waiting(mdm: Mdm, count: int) -> None:
    """Wait until so many transactions of this PostgreSQL wait for another one."""
    query = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(20), mdm.ground.database.engine.connect() as connection:
        while await connection.scalar(query) != count:  # noqa: ASYNC110 - the database is looked at
            await asyncio.sleep(0.01)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def request_by(key: CertificateIssuerPrivateKeyTypes) -> str:
    """Make a certificate request that claims to be somebody; nobody reads the claim."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the head teacher")])
    algorithm = None if isinstance(key, Ed25519PrivateKey) else SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


def new_request() -> str:
    return request_by(Ed25519PrivateKey.generate())


@dataclass(frozen=True)
class Prepared:
    """A sample school that was made once, to be copied for each test."""

    backend: str
    folder: Path
    cluster: Path

    @contextmanager
    def copy(self, folder: Path) -> Generator[str]:
        """Copy it into `folder`; yield the database's address, "" for SQLite in the folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        if self.backend == "sqlite":
            yield ""
        else:
            name = f"test_{next(_numbers)}"
            with postgres.database(self.cluster, name, like=TEMPLATE) as url:
                yield url


async def sample_of_today(folder: Path, url: str = "") -> dict[str, Any]:
    """Read the sample school, its codes made good by the clock that a server's process lives by."""
    sample = json.loads((folder / "sample.json").read_text())
    async with (
        ground_at(folder, url) as ground,
        ground.database.writing(sample["school"]) as connection,
    ):
        await connection.execute(update(codes).values(ends_at=now() + 3600))
    return sample


@contextmanager
def prepared(backend: str, folder: Path, cluster: Path) -> Generator[Prepared]:
    """Make the sample school, with five pupils in the opened class."""

    async def make(url: str) -> None:
        async with ground_at(folder, url, Clock()) as ground:
            sample = await make_sample(ground, folder, devices=5, seed=7, pupils=5)
            async with ground.database.writing(sample["school"]) as connection:
                for teacher in sample["teachers"]:
                    whose = update(teachers).where(teachers.c.id == teacher["id"])
                    kept = QUICK.hash(teacher["password"])
                    await connection.execute(whose.values(password_hash=kept))

    with ExitStack() as stack:
        url = ""
        if backend == "postgresql":
            url = stack.enter_context(postgres.database(cluster, TEMPLATE))
        with ThreadPoolExecutor(1) as thread:  # a loop of its own, beside pytest's
            thread.submit(lambda: asyncio.run(make(url))).result()
        yield Prepared(backend, folder, cluster)


@asynccontextmanager
async def running(folder: Path, url: str, objects: str = "") -> AsyncGenerator[Mdm]:
    """Run the application over a copied school, and a bucket where one is named."""
    clock, before = Clock(), set(threading.enumerate())
    sample = json.loads((folder / "sample.json").read_text())
    async with ground_at(
        folder, url, clock, objects=objects, ticks=lambda: float(clock.at)
    ) as ground:
        app = application(ground)
        transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
        client = httpx.AsyncClient(transport=transport, base_url="http://mdm")
        async with _hosted(app), client as http:
            yield Mdm(app, ground, http, sample, clock)
    for thread in set(threading.enumerate()) - before:
        # aiosqlite has told its threads to end and does not wait; the loop's own live on.
        if not thread.name.startswith(("asyncio_", "Dummy-")):  # the latter: Qt's own
            thread.join(5)


@asynccontextmanager
async def _hosted(app: Litestar) -> AsyncGenerator[None]:
    """Run the lifespan in a task of its own: a fixture may end in another one than it began in."""
    up, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            up.set()
            await over.wait()

    host = asyncio.get_running_loop().create_task(live(), name="mdm-lifespan")
    host.add_done_callback(lambda _: up.set())
    await up.wait()
    try:
        yield
    finally:
        over.set()
        await host
