"""A school's people: added, changed, given a new password."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.identity import Login
from central_mdm.contract.names import TEXT, Id, Name
from central_mdm.identity.model import teachers
from central_mdm.identity.openid import link
from central_mdm.identity.passwords import hash_password
from central_mdm.identity.roles import want_role
from central_mdm.identity.tokens import revoke_person
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.platform.ground import Ground

PASSWORD_MIN = 8


class Person(Struct, frozen=True):
    """`subject`: whose account of the school's provider is this person's; empty: none is named."""

    id: Id
    login: Login
    name: Name
    role: str
    subject: Annotated[str, Meta(max_length=200, pattern=TEXT)] = ""


async def add_person(ground: Ground, school: str, person: Person, password: str) -> None:
    """Add a person. Raises Malformed, or Refused where one of this id or login is there already."""
    row = {"id": person.id, "login": person.login, "name": person.name, "role": person.role}
    row["password_hash"] = await _hashed(ground, password)
    with _taken():
        async with ground.database.writing(school) as connection:
            await connection.execute(insert(teachers).values(school=school, **row))


async def keep_person(ground: Ground, school: str, person: Person, password: str) -> None:
    """Add a person, or change the one of this id; no `password`: only the account signs in.

    A changed role or password ends all their sign-ins. Raises Malformed, Missing, or Refused where
    another has this login.
    """
    hashed = await _hashed(ground, password) if password else ""
    facts: dict[str, Any] = {"login": person.login, "name": person.name, "role": person.role}
    if hashed:
        facts["password_hash"] = hashed
    with _taken():
        await _keep(ground, school, person, hashed, facts)


async def _keep(
    ground: Ground, school: str, person: Person, hashed: str, facts: dict[str, Any]
) -> None:
    async with ground.database.writing(school) as connection:
        await want_role(connection, school, person.role)
        row = {"school": school, "id": person.id, "password_hash": hashed} | facts
        await connection.execute(
            upsert(connection, teachers)
            .values(row)
            .on_conflict_do_update(index_elements=["school", "id"], set_=facts)
        )
        await revoke_person(connection, school, person.id)
        if person.subject:
            await link(connection, school, person.id, person.subject)


async def choose_password(ground: Ground, school: str, login: str, password: str) -> str:
    """Give a person a new password and end all their sign-ins; return whose it is."""
    hashed = await _hashed(ground, password)
    async with ground.database.writing(school) as connection:
        person = await person_of(connection, school, login)
        mine = (teachers.c.school == school, teachers.c.id == person)
        await connection.execute(update(teachers).where(*mine).values(password_hash=hashed))
        await revoke_person(connection, school, person)
    return person


async def person_of(connection: AsyncConnection, school: str, login: str) -> str:
    """Return the id of who has this login. Raises Missing."""
    wanted = select(teachers.c.id).where(teachers.c.school == school, teachers.c.login == login)
    found = (await connection.execute(wanted)).scalar()
    if found is None:
        raise Missing("no-person")
    return str(found)


@contextmanager
def _taken() -> Generator[None]:
    """Say in a sentence what the database says by all that it was told."""
    try:
        yield
    except IntegrityError:
        told = "Somebody of this school has that id or that login already."
        raise Refused("person-taken", told) from None


async def _hashed(ground: Ground, password: str) -> str:
    if len(password) < PASSWORD_MIN:
        raise Malformed("password", f"A password has {PASSWORD_MIN} characters or more.")
    return await ground.passwords.run(hash_password, password)
