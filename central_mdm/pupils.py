"""What the server has of one pupil: told to who asks (GDPR art. 15), or forgotten (art. 17).

A journal's event is of a pupil where its body names the pupil. What it says of other pupils is
theirs, and is left out of what is told.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import blake3
from msgspec import Struct, json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import inventories, seen
from central_mdm.identity.model import audit_acts
from central_mdm.journal.forgetting import FORGOTTEN
from central_mdm.journal.model import WORDED, events
from central_mdm.partage.forgetting import drop_documents
from central_mdm.partage.holding import read_chunk
from central_mdm.partage.model import files
from central_mdm.partage.reading import FILES
from central_mdm.partage.rules import read_manifest
from central_mdm.platform.acting import about
from central_mdm.platform.database import ID
from central_mdm.platform.errors import Missing
from central_mdm.platform.ground import Ground
from central_mdm.roster import feed
from central_mdm.roster.forgetting import PUPIL
from central_mdm.roster.model import (
    classes,
    devices,
    memberships,
    past,
    placements,
    pupils,
    sources,
    teaching,
)
from central_mdm.roster.rules import remove_pupil

ABOUT, JOURNAL, WORK = "pupil.json", "journal.jsonl", "work"
EVENTS_A_STATEMENT: Final = 500
NOBODY: Final = "This school has nothing of such a pupil: admin list pupils tells their ids."
_row_number: Final = literal_column(f"{events.name}.rowid", BigInteger)
_plain_school: Final = literal_column(f"+{events.name}.school", ID)
_body: Final = json.Decoder(dict[str, Any])


class Told(Struct, frozen=True):
    """How much was written."""

    classes: int
    devices: int
    events: int
    files: int


class Forgotten(Struct, frozen=True):
    """What went: out of so many classes, of so many events the words, so many files."""

    classes: int
    events: int
    files: int


async def tell(ground: Ground, school: str, pupil: str, folder: Path) -> Told:
    """Write all that is here of a pupil into a new folder, for its owner alone.

    `pupil.json` has roster, devices and acts, `journal.jsonl` a line an event, `work/` what was
    collected. Raises Missing where there is nothing, and `OSError`, FileExistsError among them;
    then nothing lies there.
    """
    async with ground.database.reading(school) as connection:
        known = await _about(connection, school, pupil)
        kept = [_line(row, pupil) async for row in _events(connection, school, pupil)]
        work = (await connection.execute(_work(school, pupil))).all()
    if not (known["pupil"] or known["was_in"] or kept or work):
        raise Missing("no-pupil", NOBODY)
    about(pupil)
    await asyncio.to_thread(folder.mkdir, mode=0o700)
    try:
        async with ground.database.writing(school):
            pass  # who asked for it is an act, before any of it is told
        known["work"] = [await _write_work(ground, school, folder / WORK, row) for row in work]
        await asyncio.to_thread(_write, folder / ABOUT, json.format(json.encode(known)))
        await asyncio.to_thread(_write, folder / JOURNAL, b"".join(kept))
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, folder)
        raise
    return Told(len(known["classes"]), len(known["devices"]), len(kept), len(work))


async def want_pupil(ground: Ground, school: str, pupil: str) -> None:
    """Raise Missing where nothing is here that `forget` would let go."""
    mine = (
        select(memberships.c.pupil).where(
            memberships.c.school == school, memberships.c.pupil == pupil
        ),
        select(pupils.c.id).where(pupils.c.school == school, pupils.c.id == pupil),
        select(past.c.pupil).where(past.c.school == school, past.c.pupil == pupil),
        select(files.c.id).where(files.c.school == school, files.c.pupil == pupil),
    )
    async with ground.database.reading(school) as connection:
        for wanted in mine:
            if (await connection.execute(wanted.limit(1))).first():
                return
        async for _ in _events(connection, school, pupil):
            return
    raise Missing("no-pupil", NOBODY)


async def forget(ground: Ground, school: str, pupil: str) -> Forgotten:
    """Let a pupil's names go, their work, and what events say that name them. Raises Missing.

    All apps of the pupil's classes hear of it, and those of teachers who have the pupil in their
    journals; that something happened, and its hash, stay. Bytes of work go with the next tidying.
    """
    looked = await _look(ground, school, pupil)
    async with ground.database.writing(school) as connection:
        about(pupil)
        # Who moves them meanwhile has done so, or finds nobody.
        held = select(pupils.c.id).where(pupils.c.school == school, pupils.c.id == pupil)
        await connection.execute(held.with_for_update())
        mine = memberships.c.school == school, memberships.c.pupil == pupil
        found = await connection.execute(select(memberships.c.class_id).where(*mine))
        left = found.scalars().all()
        news = [told for one in left for told in await remove_pupil(connection, school, one, pupil)]
        found_in = looked.found
        async for row in _events(connection, school, pupil, looked.last):
            found_in[row.id] = row.teacher
        named, whose = list(found_in), set(found_in.values())
        whose |= await _teachers_of(connection, school, pupil, left)
        news += [feed.Told(f"teacher:{one}", PUPIL, pupil, None) for one in sorted(whose)]
        for start in range(0, len(named), EVENTS_A_STATEMENT):
            some = events.c.id.in_(named[start : start + EVENTS_A_STATEMENT])
            gone = update(events).where(events.c.school == school, some)
            await connection.execute(gone.values(body=FORGOTTEN))
        owned = delete(files).where(files.c.school == school, files.c.pupil == pupil)
        made_of = (await connection.execute(owned.returning(files.c.document))).scalars().all()
        work = len(made_of)
        await drop_documents(connection, school, made_of)
        known = work
        source = delete(sources).where(
            sources.c.school == school, sources.c.what == PUPIL, sources.c.id == pupil
        )
        await connection.execute(source)
        for table, column in ((pupils, pupils.c.id), (past, past.c.pupil)):
            whole = delete(table).where(table.c.school == school, column == pupil)
            known += (await connection.execute(whole)).rowcount
        if not (known or left or named):
            raise Missing("no-pupil", NOBODY)
        await feed.publish(connection, school, news)
    return Forgotten(len(left), len(named), work)


class _Looked(Struct):
    """Events that name a pupil, each with its teacher, among those up to row `last` of SQLite."""

    found: dict[str, str]
    last: int = 0


async def _look(ground: Ground, school: str, pupil: str) -> _Looked:
    """Look for the events that name a pupil before anything is held.

    SQLite has one writer, and a large journal takes longer than others wait for it. No event is
    ever removed, so whatever comes after this has a higher row. On PostgreSQL rows are not in the
    order of their commits, and nobody waits: there they are looked for while it is done.
    """
    if not ground.database.is_sqlite:
        return _Looked({})
    async with ground.database.reading(school) as connection:
        last = await connection.scalar(select(func.max(_row_number)).select_from(events))
        found = {row.id: row.teacher async for row in _events(connection, school, pupil)}
    return _Looked(found, last or 0)


async def _teachers_of(
    connection: AsyncConnection, school: str, pupil: str, left: Sequence[str]
) -> set[str]:
    """Name whoever collected the pupil's work, or teaches a class that the pupil is or was in."""
    was = select(past.c.class_id).where(past.c.school == school, past.c.pupil == pupil)
    classes_ = teaching.c.class_id.in_([*left, *(await connection.execute(was)).scalars()])
    collected = select(files.c.teacher).where(files.c.school == school, files.c.pupil == pupil)
    teach = select(teaching.c.teacher).where(teaching.c.school == school, classes_)
    return {
        one for query in (collected, teach) for one in (await connection.execute(query)).scalars()
    }


async def _about(connection: AsyncConnection, school: str, pupil: str) -> dict[str, Any]:
    async def rows(wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a statement's type counts its columns
        found = await connection.execute(wanted)
        return [dict(row) for row in found.mappings()]

    name = select(pupils.c.id, pupils.c.given_name, pupils.c.family_name)
    here = pupils.c.school == school, pupils.c.id == pupil
    member = memberships.c.school == school, memberships.c.pupil == pupil
    seat = (memberships.c.class_id, classes.c.name, memberships.c.display, memberships.c.seat)
    same = (classes.c.school == memberships.c.school) & (classes.c.id == memberships.c.class_id)
    was = past.c.school == school, past.c.pupil == pupil
    on = audit_acts.c.school == school, or_(*_acts_on(pupil))
    source = sources.c.school == school, sources.c.what == PUPIL, sources.c.id == pupil
    act = (audit_acts.c.at, audit_acts.c.who, audit_acts.c.act, audit_acts.c.object)
    return {
        "school": school,
        "pupil": await rows(name.where(*here)),
        "register": await rows(select(sources.c.source).where(*source)),
        "classes": await rows(select(*seat).join(classes, same).where(*member)),
        "was_in": await rows(select(past.c.class_id, past.c.left_at).where(*was)),
        "devices": await _devices(connection, school, pupil),
        "acts": await rows(select(*act).where(*on).order_by(audit_acts.c.number)),
    }


def _acts_on(pupil: str) -> Iterator[ColumnElement[bool]]:
    """Tell how an act names a pupil: alone, or with the class that it is about.

    LIKE would find other pupils: SQLite's knows no capitals, and an id may have an underscore.
    """
    yield audit_acts.c.object == pupil
    for begins in (f"{pupil} in ", f"{pupil}: "):
        yield func.substr(audit_acts.c.object, 1, len(begins)) == begins


async def _devices(connection: AsyncConnection, school: str, pupil: str) -> list[dict[str, Any]]:
    """Return the devices that are the pupil's own, and what they told of themselves last."""
    told = (devices.c.id, devices.c.name, devices.c.kind, seen.c.seen_at, inventories.c.body)
    own = (placements.c.school == devices.c.school) & (placements.c.device == devices.c.id)
    came = (seen.c.school == devices.c.school) & (seen.c.device == devices.c.id)
    says = (inventories.c.school == devices.c.school) & (inventories.c.device == devices.c.id)
    wanted = select(*told).join(placements, own).outerjoin(seen, came).outerjoin(inventories, says)
    mine = wanted.where(placements.c.school == school, placements.c.pupil == pupil)
    return [
        {"id": row.id, "name": row.name, "kind": row.kind, "seen_at": row.seen_at}
        | {"inventory": _body.decode(row.body) if row.body else {}}
        for row in await connection.execute(mine)
    ]


async def _events(
    connection: AsyncConnection, school: str, pupil: str, after: int = 0
) -> AsyncIterator[Any]:
    """Yield the events that name a pupil; after row `after`, which is for SQLite alone."""
    if after:
        # The plus keeps it from the index by school, in which all that came before lie as well.
        wanted = (
            select(events)
            .where(_row_number > after, _plain_school == school, WORDED)
            .order_by(_row_number)
        )
    else:
        wanted = select(events).where(events.c.school == school, WORDED)
        wanted = wanted.order_by(events.c.origin, events.c.sequence)
    needle = json.encode(pupil)
    async for row in await connection.stream(wanted):
        if needle in row.body and _names(_body.decode(row.body), pupil):
            yield row


def _names(body: dict[str, Any], pupil: str) -> bool:
    several = body.get("pupils")
    return body.get("pupil") == pupil or (isinstance(several, list) and pupil in several)


def _line(row: Any, pupil: str) -> bytes:  # noqa: ANN401 - a row of `events`
    body = _body.decode(row.body)
    if isinstance(body.get("pupils"), list):
        body["pupils"] = [pupil]
    told = {"id": row.id, "lesson": row.lesson, "kind": row.kind, "at": row.happened_at}
    return json.encode({**told, "teacher": row.teacher, "says": body}) + b"\n"


def _work(school: str, pupil: str) -> Any:  # noqa: ANN401 - as above
    mine = FILES.where(files.c.school == school, files.c.pupil == pupil)
    return mine.order_by(files.c.kept_at)


async def _write_work(ground: Ground, school: str, folder: Path, row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of `_work`
    """Write one work under a name of ours: its own is the pupil's words, and is told beside it."""
    place = folder / blake3.blake3(row.id.encode()).hexdigest()[:16]
    await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
    read, size = read_manifest(row.manifest), 0
    for chunk in read.chunks if read else ():
        try:
            content = await read_chunk(ground, school, chunk.hash.hex())
        except Missing:
            break
        await asyncio.to_thread(_write, place, content)
        size += chunk.size
    told = {"file": f"{folder.name}/{place.name}", "name": row.name, "size": row.size}
    where = {"lesson": row.lesson, "class_id": row.class_id, "kept_at": row.kept_at}
    return told | where | {"whole": size == row.size}


def _write(path: Path, content: bytes) -> None:
    """Add to a file that is for its owner alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        file.write(content)
