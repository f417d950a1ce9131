"""Whom the school ends: the keys of teachers who left and of devices that are lost, as one list.

Each list is whole, signed, and numbered above the last; devices and apps never go back.
"""

import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.grants import DENIED_MAX, DENY_TYPE, DenyList
from central_mdm.contract.names import Role
from central_mdm.identity.certificates import LEAF
from central_mdm.identity.model import (
    certificates,
    deny_lists,
    revocations,
    schools,
    teachers,
)
from central_mdm.identity.statements import read, sign
from central_mdm.identity.tokens import revoke_person
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing, NotAllowed
from central_mdm.platform.ground import Ground
from central_mdm.platform.numbers import number_after, numbers_after

log = logging.getLogger(__name__)
CERTIFICATE_SECONDS_MAX: Final = int(LEAF.total_seconds())


class Newest(Struct, frozen=True):
    """The list that holds; `number` 0 and an empty `statement`: there was never one."""

    number: int = 0
    statement: str = ""


async def newest(connection: AsyncConnection, school: str) -> Newest:
    wanted = select(deny_lists.c.number, deny_lists.c.statement)
    wanted = wanted.where(deny_lists.c.school == school).order_by(deny_lists.c.number.desc())
    row = (await connection.execute(wanted.limit(1))).first()
    return Newest(row.number, row.statement.decode("ascii")) if row else Newest()


async def newer(connection: AsyncConnection, school: str, number: int) -> str:
    """Return the list that holds where it is newer than that of `number`, else ""."""
    held = await newest(connection, school)
    return held.statement if held.number > number else ""


async def is_lost(connection: AsyncConnection, school: str, number: int) -> bool:
    """Say whether a list of that number was published after the copy that this database was."""
    known = select(deny_lists.c.number).where(
        deny_lists.c.school == school, deny_lists.c.number == number
    )
    return number > 0 and (await connection.execute(known)).first() is None


async def is_ended(connection: AsyncConnection, school: str, thumbprint: str) -> bool:
    """Say whether the school has ended this key, or the device that had it has left."""
    wanted = select(revocations.c.thumbprint).where(
        revocations.c.school == school, revocations.c.thumbprint == thumbprint
    )
    return (await connection.execute(wanted)).first() is not None


def read_ours(ground: Ground, school: str, token: str) -> DenyList:
    """Read a list that somebody brings. Raises NotAllowed where the school has not signed it."""
    told = read(token, DENY_TYPE, DenyList, ground.keys.key(school).public_key())
    if told is None or told.school != school:
        raise NotAllowed("foreign-list", "This school has not signed that list.")
    return told


async def end_again(
    connection: AsyncConnection, ground: Ground, school: str, told: DenyList, token: str
) -> list[str]:
    """End whom a list of ours ends that this database has forgotten; return these people.

    Whoever brings it can end nobody by it whom the school had not ended. Who was ended as a person
    is so again where the certificate is known here; else the key alone is.
    """
    above = told.number > (await newest(connection, school)).number
    row = {"school": school, "number": told.number, "statement": token.encode("ascii")}
    added = upsert(connection, deny_lists).values(row).on_conflict_do_nothing()
    if not (await connection.execute(added)).rowcount:
        return []
    mine = revocations.c.school == school, revocations.c.thumbprint.in_(told.keys)
    here = (await connection.execute(select(revocations.c.thumbprint).where(*mine))).scalars()
    forgotten = sorted(set(told.keys) - set(here))
    known = await _certified(connection, school, forgotten)
    people = sorted({row.party for row in known.values() if row.role == "teacher"})
    # The people first, as all do who change one.
    theirs = select(teachers.c.id).where(teachers.c.school == school, teachers.c.id.in_(people))
    await connection.execute(theirs.order_by(teachers.c.id).with_for_update())
    held = select(schools.c.generation).where(schools.c.school == school)
    generation = int(await connection.scalar(held.with_for_update()) or 0)
    # One that is above ours would hold from now on, and need not name whom ours has ended since.
    if not above and not forgotten and told.generation <= generation:
        return []
    raised = update(schools).where(schools.c.school == school)
    await connection.execute(raised.values(generation=max(generation, told.generation)))
    left = await _left_out(connection, school, ground.clock())
    for key in forgotten:
        # Of several certificates of one key, what ends last.
        ends_at = known[key].ends_at if key in known else ground.clock() + CERTIFICATE_SECONDS_MAX
        again = upsert(connection, revocations)
        again = again.values(school=school, thumbprint=key, ends_at=ends_at)
        await connection.execute(again.on_conflict_do_nothing())
    await _end(connection, school, people)
    number = await publish_list(connection, ground, school, left)
    log.warning("ended again", extra={"keys": len(forgotten), "list": number})
    return people


async def _certified(
    connection: AsyncConnection, school: str, keys: Sequence[str]
) -> dict[str, Row[Any]]:
    """Return by its key the certificate that ends last, as far as these are known."""
    wanted = select(certificates).where(
        certificates.c.school == school, certificates.c.thumbprint.in_(keys)
    )
    rows = await connection.execute(wanted.order_by(certificates.c.ends_at))
    return {row.thumbprint: row for row in rows}


async def end_teachers(
    connection: AsyncConnection, ground: Ground, school: str, ended: Sequence[str]
) -> int:
    """End several in the caller's transaction, by one list; return its number."""
    left = await _left_out(connection, school, ground.clock())
    await _end(connection, school, ended)
    return await publish_list(connection, ground, school, left)


async def _end(connection: AsyncConnection, school: str, people: Sequence[str]) -> None:
    for teacher in people:
        mine = (teachers.c.school == school, teachers.c.id == teacher)
        await connection.execute(update(teachers).where(*mine).values(ended=True))
        await revoke_person(connection, school, teacher)
        await _revoke(connection, school, "teacher", teacher)


async def end_device(ground: Ground, school: str, device: str) -> int:
    """Trust a device's keys no more, one that was stolen say. Raises Missing."""
    async with ground.database.writing(school) as connection:
        left = await _left_out(connection, school, ground.clock())
        if not await _revoke(connection, school, "device", device):
            raise Missing("no-device")
        return await publish_list(connection, ground, school, left)


async def end_grants(ground: Ground, school: str) -> int:
    """End all grants given so far: each app needs a new one from the school."""
    async with ground.database.writing(school) as connection:
        await connection.execute(
            update(schools)
            .where(schools.c.school == school)
            .values(generation=numbers_after(schools.c.generation, ground.clock()))
        )
        return await publish_list(connection, ground, school)


async def _revoke(connection: AsyncConnection, school: str, role: Role, party: str) -> int:
    """Revoke every key ever certified for this party; return how many.

    Also one whose certificate has ended: it could be renewed.
    """
    wanted = select(certificates.c.thumbprint, func.max(certificates.c.ends_at).label("ends_at"))
    wanted = wanted.where(
        certificates.c.school == school,
        certificates.c.role == role,
        certificates.c.party == party,
    )
    rows = (await connection.execute(wanted.group_by(certificates.c.thumbprint))).all()
    for row in rows:
        facts = {"ends_at": row.ends_at}
        await connection.execute(
            upsert(connection, revocations)
            .values(school=school, thumbprint=row.thumbprint, **facts)
            .on_conflict_do_update(index_elements=["school", "thumbprint"], set_=facts)
        )
    return len(rows)


async def publish_list(
    connection: AsyncConnection,
    ground: Ground,
    school: str,
    left_out: Collection[str] | None = None,
) -> int:
    """Sign the next list, by the school's key of now; return its number.

    Who cannot connect any more, for the certificate ended, is left out. Where there are more than
    a list holds, devices are: they command nobody, and the MDM itself refuses them. Teachers that
    it cannot hold lose their grants with all others, who are given new ones: once, not with each
    list that cannot hold them either. `left_out`: whom it could not hold before the caller revoked
    somebody; None: nobody was revoked.
    """
    now = ground.clock()
    # The row is held, so that two administrators make two lists and not one number twice.
    row = (
        await connection.execute(
            select(schools.c.generation).where(schools.c.school == school).with_for_update()
        )
    ).first()
    if row is None:
        raise Missing("no-school")
    ended, generation = await _ended(connection, school, now), row.generation
    if left := ended[DENIED_MAX:]:
        log.error("deny list is full", extra={"school": school, "left": len(left)})
        if left_out is not None and _people(left) - set(left_out):
            generation = number_after(generation, now)
            raised = update(schools).where(schools.c.school == school)
            await connection.execute(raised.values(generation=generation))
    keys = tuple(key for key, _ in ended[:DENIED_MAX])
    # By the clock, so that a database restored from a copy never gives a number that devices have
    # seen already: they would not take that list.
    number = number_after((await newest(connection, school)).number, now)
    told = DenyList(school, number, now, generation, keys)
    statement = sign(ground.keys.key(school), DENY_TYPE, told).encode("ascii")
    await connection.execute(
        insert(deny_lists).values(school=school, number=number, statement=statement)
    )
    return number


async def _left_out(connection: AsyncConnection, school: str, now: int) -> set[str]:
    """Return the people's keys that a list made now could not hold."""
    return _people((await _ended(connection, school, now))[DENIED_MAX:])


def _people(keys: Sequence[tuple[str, bool]]) -> set[str]:
    return {key for key, commands in keys if commands}


async def _ended(connection: AsyncConnection, school: str, now: int) -> list[tuple[str, bool]]:
    """Return the keys that a list is to name, people's (True) first, then by their ends."""
    of_key = (
        certificates.c.school == school,
        certificates.c.thumbprint == revocations.c.thumbprint,
    )
    # Of a key that this database has forgotten nobody knows whose it is.
    device = exists().where(*of_key, certificates.c.role == "device")
    commands = ~device | exists().where(*of_key, certificates.c.role == "teacher")
    wanted = select(revocations.c.thumbprint, commands.label("commands")).where(
        revocations.c.school == school, revocations.c.ends_at > now
    )
    ordered = wanted.order_by(
        commands.desc(), revocations.c.ends_at.desc(), revocations.c.thumbprint
    )
    return [(row.thumbprint, row.commands) for row in await connection.execute(ordered)]
