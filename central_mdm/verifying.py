"""Looking through all that a server has for what does not fit: journals, feeds, collected work."""

from collections.abc import Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct, json, msgpack
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import HEAD_TYPE, Head
from central_mdm.contract.partage import Manifest
from central_mdm.contract.roster import Row
from central_mdm.identity.rules import schools_here
from central_mdm.identity.statements import read
from central_mdm.journal.chains import follow_chains
from central_mdm.journal.model import events, heads
from central_mdm.journal.rules import gaps
from central_mdm.partage.holding import look_at, mark, registered
from central_mdm.partage.model import documents
from central_mdm.platform.ground import Ground
from central_mdm.roster.model import changes, scopes
from central_mdm.roster.reading import sum_of

_row: Final = json.Decoder(Row)
_manifest: Final = msgpack.Decoder(Manifest)
_SAYS: Final = {"lost": "is not there", "rotten": "is not what its name says"}


class Looked(Struct, frozen=True):
    """What was looked at in one school, and what is wrong, each by what and which.

    `gaps`: events that have not come yet, which is no fault. `sums`: the checksum a scope, as an
    app that is in step has it.
    """

    events: int
    heads: int
    gaps: int
    chunks: int
    sums: dict[str, str]
    faults: list[str]


async def look_through(ground: Ground) -> dict[str, Looked]:
    """Look through each school here; it reads every chunk, and marks those that are lost."""
    return {school: await _look(ground, school) for school in await schools_here(ground)}


async def _look(ground: Ground, school: str) -> Looked:
    async with ground.database.reading(school) as connection:
        counted = select(func.count()).select_from(events).where(events.c.school == school)
        come = int(await connection.scalar(counted) or 0)
        signed = (await connection.execute(select(heads).where(heads.c.school == school))).all()
        faults = [
            f"head {one.journal}: {why}"
            for one in signed
            if (why := await _head_fault(connection, school, one))
        ]
        faults += await follow_chains(connection, school)
        lacking = sum(gap.missing for gap in await gaps(connection, school))
        sums, unfed = await _feeds(connection, school)
        held = await registered(connection, school)
        faults += unfed
        torn = await _torn(connection, school, {row.hash for row in held})
        faults += [f"document {name}: lacks a chunk" for name in torn]
    faults += await _chunk_faults(ground, school, held)
    return Looked(come, len(signed), lacking, len(held), sums, faults)


async def _chunk_faults(ground: Ground, school: str, held: Sequence[Any]) -> list[str]:
    """Read each chunk; what is lost is asked for from now on, and what was found again no more."""
    faults, lost, again = list[str](), list[str](), list[str]()
    for row in held:
        found = await look_at(ground, school, row.hash)
        if found.fault:
            lost.append(row.hash)
            faults.append(f"chunk {row.hash}: {_SAYS[found.fault]}")
            continue
        if len(found.content) != row.size:
            faults.append(f"chunk {row.hash}: is not as long as is noted")
        if row.lost:
            again.append(row.hash)
    await mark(ground, school, lost, lost=True)
    await mark(ground, school, again, lost=False)
    return faults


async def _head_fault(connection: AsyncConnection, school: str, signed: Any) -> str:  # noqa: ANN401 - a row of `heads`
    """Hold a head to its signature, and to the event at which it ends, where that has come."""
    key = x509.load_der_x509_certificate(signed.certificate).public_key()
    if not isinstance(key, Ed25519PublicKey):
        return "is not signed"
    head = read(signed.token, HEAD_TYPE, Head, key)
    if head is None or json.encode(head) != signed.body:
        return "is not what was signed"
    wanted = select(events.c.hash).where(
        events.c.school == school,
        events.c.origin == signed.journal,
        events.c.sequence == head.newest.count,
    )
    told = await connection.scalar(wanted)
    return "differs from the events" if told not in {None, "", head.newest.hash} else ""


async def _feeds(connection: AsyncConnection, school: str) -> tuple[dict[str, str], list[str]]:
    """Return each scope's checksum, and which scopes no app could follow."""
    wanted = select(scopes.c.scope, scopes.c.sequence).where(scopes.c.school == school)
    highest = {row.scope: row.sequence for row in await connection.execute(wanted)}
    told: dict[str, list[Any]] = {scope: [] for scope in highest}
    for row in await connection.execute(select(changes).where(changes.c.school == school)):
        told.setdefault(row.scope, []).append(row)
    sums: dict[str, str] = {}
    faults: list[str] = []
    for scope, rows in sorted(told.items()):
        sequences = [row.sequence for row in rows]
        if max(sequences, default=0) > highest.get(scope, 0):
            faults.append(f"scope {scope}: its counter is behind")
        if len(set(sequences)) < len(sequences):
            faults.append(f"scope {scope}: two changes bear one number")
        live = [row for row in rows if row.row is not None]
        faults += [f"scope {scope}: {row.id} cannot be read" for row in live if not _reads(row.row)]
        sums[scope] = sum_of((row.entity, row.id, row.sequence) for row in live)
    return sums, faults


def _reads(raw: bytes) -> bool:
    try:
        _row.decode(raw)
    except (ValueError, RecursionError):
        return False
    return True


async def _torn(connection: AsyncConnection, school: str, held: set[str]) -> list[str]:
    """Return the documents that name a chunk which is not in the register."""
    wanted = select(documents.c.id, documents.c.manifest).where(documents.c.school == school)
    return [
        row.id
        for row in await connection.execute(wanted)
        if any(chunk.hash.hex() not in held for chunk in _manifest.decode(row.manifest).chunks)
    ]
