"""A copy of all that a server has, to be put away: database, keys, collected work.

One sealed tar. The database comes first, as it was in one moment; chunks are named by their
content and never changed, so that those which it names are there still when their turn comes. What
goes meanwhile (`tidy`) is told by `verify`.
GRANT INSERT ON audit_acts TO pupitre_backup;
"""

import asyncio
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from blake3 import blake3
from msgspec import Struct
from sqlalchemy import URL, NullPool, create_engine, make_url

from central_mdm.contract.sealed import NONCE_BYTES, SALT_BYTES
from central_mdm.erased import ERASED, append, erase_again, unread
from central_mdm.fleet.ended import cancel_wipes
from central_mdm.identity.audit import by_console, record
from central_mdm.identity.rules import begin_epoch, schools_here
from central_mdm.joining import COPIES, KEYS, ground_at
from central_mdm.partage.holding import Found, look_at, mark_absent, registered
from central_mdm.platform.alone import scratch
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.platform.gathering import give_again, want_role
from central_mdm.platform.ground import Ground
from central_mdm.strongbox import Opening, Sealing

DATABASE: Final = "central.db"
DUMP: Final = "central.pgdump"
RETENTION: Final = "retention.json"
KEY: Final = re.compile(rf"{KEYS}/(?:[0-9a-f]{{32}}\.(?:pem|next|seal)|passes\.key)")
"""Each school's key, the one to be next, what seals its secrets; what devices' passes bear."""
CHUNK: Final = re.compile(r"objects/((?:[0-9a-f]{2})+)/([0-9a-f]{64})")
CHUNK_BYTES_MAX: Final = 16 * 1024 * 1024
# It reads all; and writes the audit, for which it holds a school's row: who may change nothing of
# a row may not hold it.
ALL_SEEING: Final = """\
CREATE ROLE pupitre_backup LOGIN BYPASSRLS IN ROLE pg_read_all_data;
GRANT UPDATE (name) ON schools TO pupitre_backup;
GRANT INSERT ON audit_acts TO pupitre_backup;"""
BYPASS: Final = (
    "This user of the database is not shown all schools. Name one that is, by --database; "
    f"who operates PostgreSQL makes it in this database:\n{ALL_SEEING}"
)


class Kept(Struct, frozen=True):
    """What a backup holds; what it lacks: chunks that were not there, or not what they should be.

    Of a restored server: those that the register names and the store has not. `erased`: pupils
    whom the copy had again, and who were erased again.
    """

    schools: int
    keys: int
    chunks: int
    lost_chunks: int = 0
    rotten_chunks: int = 0
    erased: int = 0


async def back_up(ground: Ground, folder: Path, out: Path, passphrase: str) -> Kept:
    """Write a backup into a new file. Raises FileExistsError, Refused or Malformed."""
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    randoms = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES - 5)
    if out.exists():  # noqa: ASYNC240 - nobody else is served by this process
        raise Refused("exists", f"{out} is there already. Name a new file.")
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            sealing = Sealing(file, passphrase, *randoms)
            # `w|`: written once from front to back, never read.
            with tarfile.open(fileobj=cast("BinaryIO", sealing), mode="w|") as tar:
                kept = await _fill(tar, ground, folder)
            sealing.close()
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return kept


async def _fill(tar: tarfile.TarFile, ground: Ground, folder: Path) -> Kept:
    # Beside what it is a copy of, and readable by nobody else: the folder is 0700.
    with scratch(COPIES, folder) as beside:
        copy = await asyncio.to_thread(_copy_database, ground.database.url, beside)
        tar.add(copy, copy.name, recursive=False)
    keys = [
        path for path in sorted((folder / KEYS).iterdir()) if KEY.fullmatch(f"{KEYS}/{path.name}")
    ]
    for path in keys:
        tar.add(path, f"{KEYS}/{path.name}", recursive=False)
    for name in (RETENTION, ERASED):
        with suppress(FileNotFoundError):
            tar.add(folder / name, name, recursive=False)
    schools, counts = await schools_here(ground), Counter[str]()
    for school in schools:
        async for name, found in _chunks(ground, school):
            counts[found.fault] += 1
            if found.fault:
                continue
            member = tarfile.TarInfo(f"objects/{school.encode().hex()}/{name}")
            member.size = len(found.content)
            tar.addfile(member, BytesIO(found.content))
    return Kept(len(schools), len(keys), counts[""], counts["lost"], counts["rotten"])


async def _chunks(ground: Ground, school: str) -> AsyncIterator[tuple[str, Found]]:
    async with ground.database.reading(school) as connection:
        names = [row.hash for row in await registered(connection, school)]
    for name in names:
        yield name, await look_at(ground, school, name)


def _copy_database(url: URL, beside: Path) -> Path:
    if url.get_backend_name() == "sqlite":
        copy = beside / DATABASE
        with (
            closing(sqlite3.connect(str(url.database))) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return copy
    copy = beside / DUMP
    with copy.open("xb") as file:
        _postgres(["pg_dump", "--format=custom", "--no-owner", "--no-privileges"], url, file)
    return copy


def _postgres(command: list[str], url: URL, out: Any = subprocess.DEVNULL) -> None:  # noqa: ANN401 - a file or none
    """Run one of PostgreSQL's own programs; the password goes by the environment, not by `ps`."""
    where = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    environment = dict(os.environ) | {key: str(value) for key, value in where.items() if value}
    program = shutil.which(command[0])
    if program is None:
        raise Refused("no-program", f"{command[0]} is not installed: Debian's postgresql-client.")
    done = subprocess.run(  # noqa: S603 - found on the PATH, with options of our own
        [program, *command[1:]], env=environment, stdout=out, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()
        detail = BYPASS if "row-level security" in why else why[-400:]
        raise Refused("postgresql", f"{command[0]}: {detail}")


async def restore(
    source: Path,
    folder: Path,
    database: str = "",
    objects: str = "",
    *,
    passphrase: str,
    erased: Path | None = None,
) -> Kept:
    """Make a server's folder, and its database, of a backup; every app is told to pull afresh.

    `folder` may be there with nothing in it, as a volume is, and a PostgreSQL `database` has to be
    empty; collected work goes into the bucket at `objects`, if one is named. `erased`: the list of
    the server that was, of whom it had erased since. Raises Refused, Malformed or
    `OSError`; then nothing is in `folder`.
    """
    prefix = f".{folder.name}.part-"
    within = _within(folder, prefix)
    lines = erased.read_bytes() if erased else b""  # noqa: ASYNC240 - as above
    unread(lines)
    within.mkdir(parents=True, exist_ok=True)
    with scratch(prefix, within) as beside, source.open("rb") as file:
        part, opened = beside / folder.name, Opening(file, passphrase)
        with tarfile.open(fileobj=cast("BinaryIO", opened), mode="r|") as tar:
            kept = await _take_out(tar, part, database, objects, lines)
        if within != folder:
            part.rename(folder)
            return kept
        _move_all(part, folder)
    return kept


def _within(folder: Path, prefix: str) -> Path:
    """Return where a new folder is put together: in it where it is there. Raises Refused."""
    if not folder.exists():
        return folder.parent
    ours = ("lost+found", prefix)
    if not folder.is_dir() or any(not each.name.startswith(ours) for each in folder.iterdir()):
        raise Refused("exists", f"{folder} is there already. Name a new folder, or an empty one.")
    return folder


def _move_all(part: Path, folder: Path) -> None:
    for each in sorted(part.iterdir(), key=lambda one: one.name == KEYS):
        each.rename(folder / each.name)  # keys last: without them nothing is served


async def _take_out(
    tar: tarfile.TarFile, part: Path, database: str, objects: str, erased: bytes
) -> Kept:
    (part / KEYS).mkdir(mode=0o700, parents=True)
    part.chmod(0o700)  # noqa: ASYNC240 - as above
    members, keys = _members(tar), 0
    chunk: tuple[str, bytes] | None = None
    for name, content in members:
        if CHUNK.fullmatch(name):
            chunk = name, content.read(CHUNK_BYTES_MAX)
            break
        if not (KEY.fullmatch(name) or name in {DATABASE, DUMP, RETENTION, ERASED}):
            raise Malformed("backup", "There is something in it that no backup of ours has.")
        with (part / name).open("xb") as file:
            (part / name).chmod(0o600)
            shutil.copyfileobj(content, file)
        keys += name.startswith(KEYS)
    if erased:
        append(part, erased)
    await asyncio.to_thread(_make_database, part, database)
    async with ground_at(part, database, objects=objects) as ground:
        counts = Counter[bool]()
        while chunk is not None:
            counts[await _keep_chunk(ground, *chunk)] += 1
            following = next(members, None)
            chunk = (following[0], following[1].read(CHUNK_BYTES_MAX)) if following else None
        schools = await schools_here(ground)
        begun = [await _begin_again(ground, part, school) for school in schools]
    lost, again = (sum(each) for each in zip(*begun, strict=True)) if begun else (0, 0)
    return Kept(len(schools), keys, counts[True], lost, counts[False], again)


async def _begin_again(ground: Ground, part: Path, school: str) -> tuple[int, int]:
    """Begin a school's new epoch; return how many chunks are lost, how many pupils were erased."""
    # All first: an app that hears of the new epoch asks what is missing, and who is here.
    again = await erase_again(ground, part, school)
    cancelled = [f"cancel {wipe}" for wipe in await cancel_wipes(ground, school)]
    lost = await mark_absent(ground, school)
    await begin_epoch(ground, school)
    async with ground.database.writing(school) as connection:
        for what in (*again, *cancelled, f"school {school}"):
            await record(connection, ground.clock(), school, by_console(), "admin restore", what)
    return lost, len(again)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, Any]]:
    for member in tar:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise Malformed("backup", "There is something in it that no backup of ours has.")
        yield member.name, content


def _make_database(part: Path, database: str) -> None:
    dump = part / DUMP
    if dump.exists() != bool(database):
        raise Refused(
            "backend",
            "It is a PostgreSQL's: name an empty one by --database."
            if dump.exists()
            else "It is a SQLite's: leave out --database.",
        )
    if dump.exists():
        _restore_dump(dump, make_url(database))
        dump.unlink()


def _restore_dump(dump: Path, url: URL) -> None:
    command = ["pg_restore", "--no-owner", "--no-privileges", "--single-transaction"]
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        want_role(connection)  # policies name it
    _postgres([*command, "--exit-on-error", f"--dbname={url.database}", str(dump)], url)
    with engine.begin() as connection:
        give_again(connection)  # else no device is known: what gathers sees no row


async def _keep_chunk(ground: Ground, name: str, content: bytes) -> bool:
    """Keep a chunk, unless it is rotten: earlier backups took all there was. Return whether."""
    found = CHUNK.fullmatch(name)
    if found is None:
        raise Malformed("backup", "There is something in it that no backup of ours has.")
    if blake3(content).hexdigest() != found[2]:
        return False
    await ground.objects.keep(bytes.fromhex(found[1]).decode(), found[2], content)
    return True
