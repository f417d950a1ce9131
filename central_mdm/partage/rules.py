"""Keeping files: chunks first, by their hash; then the file, once all its chunks are here."""

import asyncio
from collections.abc import Iterable
from typing import Final

import blake3
import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from central_mdm.contract.partage import FileAnswer, FileOffered, Manifest
from central_mdm.partage.model import chunks, documents, files
from central_mdm.partage.quota import Lent
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.roster.model import pupils
from central_mdm.roster.reading import classes_of, is_pupil_of

_manifest: Final = msgspec.msgpack.Decoder(Manifest)
HASHES_A_STATEMENT: Final = 500
# Much less than the grace of what nothing is made of, so that a retry writes nothing.
TOUCH_SECONDS: Final = 24 * 3600
# An upload asks by these for each chunk: made once, they cost half.
_KNOWN: Final = select(chunks.c.kept_at, chunks.c.leaving, chunks.c.lost).where(
    chunks.c.school == bindparam("school"), chunks.c.hash == bindparam("hash")
)
_HERE: Final = (
    chunks.c.school == bindparam("of_school"),
    chunks.c.hash.in_(bindparam("names", expanding=True)),
    chunks.c.leaving.is_(False),
)
_TOUCH: Final = (
    update(chunks)
    .where(*_HERE, chunks.c.kept_at < bindparam("before"))
    .values(kept_at=bindparam("now"))
)
_HELD: Final = select(chunks.c.hash, chunks.c.size, chunks.c.lost).where(*_HERE)


def _stays(added: sqlite.Insert | postgresql.Insert) -> Executable:
    told = {name: added.excluded[name] for name in ("kept_at", "leaving", "lost")}
    return added.on_conflict_do_update(index_elements=["school", "hash"], set_=told)


_KEEP: Final = {
    "sqlite": _stays(sqlite.insert(chunks)),
    "postgresql": _stays(postgresql.insert(chunks)),
}


async def keep_chunk(ground: Ground, lent: Lent, caller: Caller, name: str, content: bytes) -> None:
    """Keep a chunk of this school, once. Raises Malformed where it is not what its name says.

    What the register says is here is written as well where it is not: it may be lost, or rotten.
    Raises TooLarge("quota") where the school, or who brings it, has no room for it.
    """
    digest = await asyncio.to_thread(lambda: blake3.blake3(content).hexdigest())
    if digest != name:
        raise Malformed("wrong-hash", "The bytes are not those that the name promises.")
    school, now = caller.school, ground.clock()
    async with ground.database.reading(school) as connection:
        known = (await connection.execute(_KNOWN, {"school": school, "hash": name})).first()
        if known is None:
            full = await lent.lacking(connection, caller, len(content), takes=True)
            if full:
                raise full.refusal()
    # The object first: a row without its object would promise what is not there.
    await ground.objects.keep(school, name, content)
    if known and not (known.leaving or known.lost) and known.kept_at >= now - TOUCH_SECONDS:
        return
    row = {"school": school, "hash": name, "size": len(content), "brought_by": caller.id}
    row |= {"kept_at": now, "leaving": False, "lost": False}
    async with ground.database.writing(school) as connection:
        await connection.execute(_KEEP[connection.dialect.name], row)
        if known:
            # It may have been removed while it came, and our bytes with the old ones.
            await ground.objects.keep(school, name, content)


async def offer(ground: Ground, lent: Lent, caller: Caller, offered: FileOffered) -> FileAnswer:
    """Say which chunks are missing, or keep the file; the same offer twice is one file."""
    manifest = read_manifest(offered.manifest)
    if manifest is None or "\0" in offered.name + offered.lesson + offered.pupil:
        return FileAnswer(offered.id, "refused", reason="bad-manifest")
    document = blake3.blake3(offered.manifest).hexdigest()
    wanted = {chunk.hash.hex(): chunk.size for chunk in manifest.chunks}
    # Of a bucket it would be a turn for each: there whoever reads finds what is lost.
    near = ground.objects.is_near
    absent = await ground.objects.absent(caller.school, list(wanted)) if near else set[str]()
    async with ground.database.writing(caller.school) as connection:
        if why := await _objection(connection, caller, offered, document):
            return FileAnswer(offered.id, "refused", reason=why)
        sizes, lost = await _hold(connection, caller.school, wanted, ground.clock())
        lost |= absent
        if missing := tuple(name for name in wanted if name not in sizes or name in lost):
            new = sum(wanted[name] for name in missing if name not in sizes)
            if full := await lent.lacking(connection, caller, new, takes=False):
                return full.answer(offered.id)
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


async def _objection(
    connection: AsyncConnection, caller: Caller, offered: FileOffered, document: str
) -> str:
    if offered.pupil:
        # Who erases the pupil waits until this work is here, or it comes after and finds nobody.
        held = select(pupils.c.id).where(
            pupils.c.school == caller.school, pupils.c.id == offered.pupil
        )
        await connection.execute(held.with_for_update(read=True, key_share=True))
    wanted = select(files).where(files.c.school == caller.school, files.c.id == offered.id)
    known = (await connection.execute(wanted)).first()
    mine = (document, offered.class_id, offered.pupil)
    same = known is not None and (known.document, known.class_id, known.pupil) == mine
    if known is not None and same and known.teacher == caller.id:
        return ""  # kept, wherever the pupil is by now
    if offered.class_id not in await classes_of(connection, caller.school, caller.id):
        return "foreign-class"
    if offered.pupil and not await is_pupil_of(
        connection, caller.school, offered.class_id, offered.pupil
    ):
        return "foreign-pupil"
    return "" if known is None or same else "id-taken"


async def _hold(
    connection: AsyncConnection, school: str, names: Iterable[str], now: int
) -> tuple[dict[str, int], set[str]]:
    """Return the sizes of those chunks that were kept, and which of these are lost.

    None of them goes for days.
    """
    wanted = sorted(set(names))
    held, lost = dict[str, int](), set[str]()
    for start in range(0, len(wanted), HASHES_A_STATEMENT):
        asked = {"of_school": school, "names": wanted[start : start + HASHES_A_STATEMENT]}
        touched = {"before": now - TOUCH_SECONDS, "now": now}
        await connection.execute(_TOUCH, asked | touched)
        found = (await connection.execute(_HELD, asked)).all()
        held |= {row.hash: row.size for row in found}
        lost |= {row.hash for row in found if row.lost}
    return held, lost


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
    # Held by it also where it is here: else it may go before the file that names it is seen.
    await connection.execute(
        added.on_conflict_do_update(index_elements=["school", "id"], set_={"size": size})
    )
    known = select(files.c.id).where(files.c.school == school, files.c.id == offered.id)
    if (await connection.execute(known)).first():
        return
    row = {"id": offered.id, "lesson": offered.lesson, "class_id": offered.class_id}
    row |= {"pupil": offered.pupil, "name": offered.name, "document": document}
    owner = {"school": school, "teacher": caller.id, "kept_at": now}
    await connection.execute(insert(files).values(owner | row))
