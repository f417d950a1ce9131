"""A PostgreSQL cluster of our own, in a temporary folder, on a Unix socket only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

OWNER = "postgres"
ROLE = "pupitre"


def binaries() -> Path:
    """Return the folder with initdb of the newest PostgreSQL here, wherever it lies."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise RuntimeError("These tests need PostgreSQL: install Debian's package postgresql.")
    return Path(found).parent


def _version(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdecimal() else 0


def as_owner() -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as Debian's own user for it."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        raise RuntimeError(f"As root these tests need a user called {OWNER}.") from None
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups"]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[-1]} failed: {done.stdout[-500:]}{done.stderr[-500:]}")


@contextmanager
def cluster() -> Generator[Path]:
    """Run a cluster; yield the folder of its socket. It forgets all at the end, so no fsync."""
    with (
        tempfile.TemporaryDirectory(prefix="pupitre-pg-") as name,
        cluster_in(Path(name), "fsync=off", "synchronous_commit=off", "max_connections=60"),
    ):
        yield Path(name)


@contextmanager
def cluster_in(folder: Path, *settings: str) -> Generator[None]:
    """Run the cluster of a folder, made where there is none; its socket lies there as well."""
    found, owner = binaries(), as_owner()
    if owner:
        shutil.chown(folder, OWNER, OWNER)
    data = folder / "data"
    fresh = not data.exists()
    if fresh:
        initdb = [str(found / "initdb"), "--auth=trust", "--encoding=UTF8", "--no-sync"]
        _run([*owner, *initdb, f"--username={OWNER}", "--locale=C.UTF-8", "-D", str(data)], folder)
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    options += [word for setting in settings for word in ("-c", setting)]
    control = [*owner, str(found / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    with (folder / "log").open("wb") as log:
        # pg_ctl's child keeps its output open: it goes into the log, not into a pipe.
        started = subprocess.run(
            [*control, "-o", " ".join(options), "start"],
            stdout=log,
            stderr=log,
            cwd=folder,
            check=False,
        )
    if started.returncode:
        raise RuntimeError((folder / "log").read_text(errors="replace")[-500:])
    try:
        if fresh:
            _make_roles(folder)
        yield
    finally:
        _run([*control, "-m", "immediate" if "fsync=off" in settings else "fast", "stop"], folder)


def _make_roles(folder: Path) -> None:
    with superuser(folder) as connection:
        # No superuser: row-level security does not hold for those.
        connection.execute(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS")
        connection.execute("CREATE ROLE pupitre_gather NOLOGIN")
        connection.execute(f"GRANT pupitre_gather TO {ROLE}")


@contextmanager
def database(folder: Path, name: str, like: str = "template1") -> Generator[str]:
    """Make a database, a copy of `like`; yield its address for SQLAlchemy."""
    with superuser(folder) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {like}".encode())
    yield f"postgresql+psycopg://{ROLE}@/{name}?host={folder}"
    with superuser(folder) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def superuser(folder: Path, name: str = "postgres") -> Generator[psycopg.Connection]:
    """Connect as who may do all, to make what the server itself may not."""
    with psycopg.connect(
        f"host={folder} user={OWNER} dbname={name}", autocommit=True
    ) as connection:
        yield connection
