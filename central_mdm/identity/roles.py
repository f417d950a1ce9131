"""What each role may do in class, as the school has it."""

from typing import Final, get_args

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.grants import Verb
from central_mdm.identity.model import role_verbs, schools, teachers
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.ground import Ground

ALL: Final[tuple[Verb, ...]] = get_args(Verb)
DEFAULTS: Final[dict[str, tuple[Verb, ...]]] = {
    "teacher": ALL,
    "substitute": ("watch", "lock", "handout", "collect", "message", "launch"),
    "technician": ("message", "launch", "power"),
    "administrator": (),
    "region": (),
}
"""A substitute takes no device over; a technician sees no screen and locks nobody. Who
administrates and has a class of their own is its teacher; without one they have no grant at all."""
TEACHES_AS: Final = {"administrator": "teacher"}
"""Whose verbs a role has where the school says nothing of its own: a head who teaches as well."""


async def verbs_of(connection: AsyncConnection, school: str, role: str) -> tuple[Verb, ...]:
    """Return what the school lets this role do in classes of one's own; empty: nothing."""
    roles = [role, *filter(None, [TEACHES_AS.get(role)])]
    wanted = select(role_verbs.c.role, role_verbs.c.verbs).where(
        role_verbs.c.school == school, role_verbs.c.role.in_(roles)
    )
    chosen = {row.role: row.verbs for row in await connection.execute(wanted)}
    kept = next((chosen[each] for each in roles if each in chosen), None)
    if kept is None:
        return DEFAULTS.get(roles[-1], ())
    return tuple(verb for verb in ALL if verb in kept.split())


async def choose_verbs(ground: Ground, school: str, role: str, verbs: tuple[str, ...]) -> None:
    """Say what a role may do from each one's next grant on. Raises Malformed for no such verb."""
    if role not in DEFAULTS or not set(verbs) <= set(ALL):
        raise Malformed("no-such-verb", f"Roles: {' '.join(DEFAULTS)}. Verbs: {' '.join(ALL)}.")
    facts = {"verbs": " ".join(verbs)}
    async with ground.database.writing(school) as connection:
        await connection.execute(
            upsert(connection, role_verbs)
            .values(school=school, role=role, **facts)
            .on_conflict_do_update(index_elements=["school", "role"], set_=facts)
        )


async def give_role(connection: AsyncConnection, school: str, teacher: str, role: str) -> bool:
    """Give a person a role; say whether they had another. Raises Missing or Malformed.

    What they wanted erased is for `fleet.ended` to take back.
    """
    await want_role(connection, school, role)
    before = await role_of(connection, school, teacher)
    if not before:
        raise Missing("no-teacher")
    mine = (teachers.c.school == school, teachers.c.id == teacher)
    await connection.execute(update(teachers).where(*mine).values(role=role))
    return before != role


async def role_of(connection: AsyncConnection, school: str, person: str) -> str:
    """Return the role a person has until this transaction ends; "": there is no such person."""
    mine = (teachers.c.school == school, teachers.c.id == person)
    held = select(teachers.c.role).where(*mine).with_for_update()
    return (await connection.execute(held)).scalar() or ""


async def want_role(connection: AsyncConnection, school: str, role: str) -> None:
    """Raise Malformed for no role, or one of a region in a school and the other way."""
    if role not in DEFAULTS:
        raise Malformed("no-such-role", f"Roles: {' '.join(DEFAULTS)}.")
    kind = select(schools.c.kind).where(schools.c.school == school)
    if (role == "region") != ((await connection.execute(kind)).scalar() == "region"):
        raise Malformed("no-such-role", "A region's people have the role region, and only they.")


async def want_teacher(connection: AsyncConnection, school: str, teacher: str) -> None:
    """Raise Missing for who is no teacher of this school, or has been ended."""
    mine = (teachers.c.school == school, teachers.c.id == teacher, teachers.c.ended.is_(False))
    if (await connection.execute(select(teachers.c.id).where(*mine))).first() is None:
        raise Missing("no-teacher", f"There is no person {teacher}.")
