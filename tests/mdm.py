"""A central MDM for tests: the whole application over a real database, a clock one can turn."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from litestar import Litestar

from central_mdm.app import application
from central_mdm.joining import ground_at
from central_mdm.platform.ground import Ground
from central_mdm.sample import make_sample
from tests import postgres

BACKENDS = ("sqlite", "postgresql")
_numbers = count()


@dataclass
class Clock:
    """UTC seconds; a test moves it by hand."""

    at: int = 1_795_500_000

    def __call__(self) -> int:
        return self.at


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

    async def as_teacher(self, login: str = "lambert") -> dict[str, str]:
        """Return the headers of a signed-in teacher."""
        if login not in self.tokens:
            self.tokens[login] = (await self.sign_in(login))["token"]
        return bearer(self.tokens[login])


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


@contextmanager
def database_url(backend: str, cluster: Path) -> Generator[str]:
    """Make an empty database; "" is SQLite in the folder."""
    if backend == "sqlite":
        yield ""
    else:
        with postgres.database(cluster, f"test_{next(_numbers)}") as url:
            yield url


@asynccontextmanager
async def running(folder: Path, url: str, devices: int = 5) -> AsyncGenerator[Mdm]:
    clock = Clock()
    async with ground_at(folder, url, clock) as ground:
        sample = await make_sample(ground, folder, devices, seed=7, pupils=devices)
        app = application(ground)
        transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
        client = httpx.AsyncClient(transport=transport, base_url="http://mdm")
        async with _hosted(app), client as http:
            yield Mdm(app, ground, http, sample, clock)


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
