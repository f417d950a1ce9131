"""Keeping files: chunks first, by their hash; then the file, once all its chunks are here."""

from typing import Final

import blake3
import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.partage import FileAnswer, FileOffered, Manifest
from central_mdm.partage.model import chunks, documents, files
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.ground import Ground
from central_mdm.roster.reading import classes_of, is_pupil_of

_manifest: Final = msgspec.msgpack.Decoder(Manifest)
HASHES_A_STATEMENT: Final = 500


class Kept(msgspec.Struct, frozen=True):
    """A file as it can be read back."""

    name: str
    size: int
    chunks: tuple[str, ...]


async def keep_chunk(ground: Ground, caller: Caller, name: str, content: bytes) -> None:
    """Keep a chunk of this school, once. Raises Malformed where it is not what its name says."""
    if blake3.blake3(content).hexdigest() != name:
        raise Malformed("wrong-hash", "The bytes are not those that the name promises.")
    # The object first: a row without its object would promise what is not there.
    await ground.objects.keep(caller.school, name, content)
    row = {"school": caller.school, "hash": name, "size": len(content)}
    async with ground.database.writing(caller.school) as connection:
        added = upsert(connection, chunks).values(row)
        await connection.execute(added.on_conflict_do_nothing())
        # The same one may have been forgotten while it came: then its bytes went with the old row.
        await ground.objects.keep(caller.school, name, content)


async def offer(ground: Ground, caller: Caller, offered: FileOffered) -> FileAnswer:
    """Say which chunks are missing, or keep the file; the same offer twice is one file."""
    manifest = read_manifest(offered.manifest)
    if manifest is None or "\0" in offered.name + offered.lesson + offered.pupil:
        return FileAnswer(offered.id, "refused", reason="bad-manifest")
    document = blake3.blake3(offered.manifest).hexdigest()
    async with ground.database.writing(caller.school) as connection:
        if why := await _objection(connection, caller, offered, document):
            return FileAnswer(offered.id, "refused", reason=why)
        sizes = await _held(connection, caller.school, manifest)
        wanted = dict.fromkeys(chunk.hash.hex() for chunk in manifest.chunks)
        if missing := tuple(name for name in wanted if name not in sizes):
            return FileAnswer(offered.id, "missing", missing)
        if any(sizes[chunk.hash.hex()] != chunk.size for chunk in manifest.chunks):
            return FileAnswer(offered.id, "refused", reason="wrong-size")
        await _keep(connection, caller, offered, document, manifest.size, ground.clock())
    return FileAnswer(offered.id, "kept", document=document)


def read_manifest(encoded: bytes) -> Manifest | None:
    """Read a manifest; None for one that cannot be, or whose sizes do not add up."""
    try:
        manifest = _manifest.decode(encoded)
    except (ValueError, RecursionError):
        return None
    return manifest if sum(c.size for c in manifest.chunks) == manifest.size else None


async def find(connection: AsyncConnection, caller: Caller, file: str) -> Kept:
    """Find a kept file of one of the caller's classes. Raises Missing for any other."""
    wanted = (
        select(files.c.name, files.c.class_id, documents.c.size, documents.c.manifest)
        .join(
            documents,
            (documents.c.school == files.c.school) & (documents.c.id == files.c.document),
        )
        .where(files.c.school == caller.school, files.c.id == file)
    )
    row = (await connection.execute(wanted)).first()
    if row is None or row.class_id not in await classes_of(connection, caller.school, caller.id):
        raise Missing("no-file")
    manifest = _manifest.decode(row.manifest)
    return Kept(row.name, row.size, tuple(chunk.hash.hex() for chunk in manifest.chunks))


async def _objection(
    connection: AsyncConnection, caller: Caller, offered: FileOffered, document: str
) -> str:
    if offered.class_id not in await classes_of(connection, caller.school, caller.id):
        return "foreign-class"
    if offered.pupil and not await is_pupil_of(
        connection, caller.school, offered.class_id, offered.pupil
    ):
        return "foreign-pupil"
    wanted = select(files.c.document, files.c.class_id, files.c.pupil).where(
        files.c.school == caller.school, files.c.id == offered.id
    )
    known = (await connection.execute(wanted)).first()
    mine = (document, offered.class_id, offered.pupil)
    return "id-taken" if known is not None and tuple(known) != mine else ""


async def _held(connection: AsyncConnection, school: str, manifest: Manifest) -> dict[str, int]:
    names = sorted({chunk.hash.hex() for chunk in manifest.chunks})
    held: dict[str, int] = {}
    for start in range(0, len(names), HASHES_A_STATEMENT):
        some = names[start : start + HASHES_A_STATEMENT]
        wanted = select(chunks.c.hash, chunks.c.size).where(
            chunks.c.school == school, chunks.c.hash.in_(some)
        )
        held |= {row.hash: row.size for row in (await connection.execute(wanted)).all()}
    return held


async def _keep(
    connection: AsyncConnection,
    caller: Caller,
    offered: FileOffered,
    document: str,
    size: int,
    now: int,
) -> None:
    school = caller.school
    whole = {"school": school, "id": document, "size": size, "manifest": offered.manifest}
    added = upsert(connection, documents).values(whole)
    await connection.execute(added.on_conflict_do_nothing())
    known = select(files.c.id).where(files.c.school == school, files.c.id == offered.id)
    if (await connection.execute(known)).first():
        return
    row = {"id": offered.id, "lesson": offered.lesson, "class_id": offered.class_id}
    row |= {"pupil": offered.pupil, "name": offered.name, "document": document}
    owner = {"school": school, "teacher": caller.id, "kept_at": now}
    await connection.execute(insert(files).values(owner | row))
