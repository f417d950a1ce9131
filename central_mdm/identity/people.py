"""A school's people: added, changed, given a new password."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.identity import Login
from central_mdm.contract.names import TEXT, Id, Name
from central_mdm.identity.attempts import forget
from central_mdm.identity.model import teachers
from central_mdm.identity.openid import link
from central_mdm.identity.passwords import hash_password
from central_mdm.identity.roles import role_of, want_role
from central_mdm.identity.tokens import revoke_person
from central_mdm.platform.acting import about
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
    row["password_hash"] = await hashed_of(ground, password)
    with taken():
        async with ground.database.writing(school) as connection:
            await connection.execute(insert(teachers).values(school=school, **row))


async def write_person(
    connection: AsyncConnection, school: str, person: Person, hashed: str
) -> bool:
    """Add a person, or change the one of this id; say whether they had another role.

    It ends all their sign-ins, and takes back who was ended. What they wanted erased is for
    `fleet.ended` to take back. Raises Malformed or Missing, or what the database does.
    """
    facts = {"login": person.login, "name": person.name, "role": person.role}
    facts["password_hash"] = hashed
    await want_role(connection, school, person.role)
    before = await role_of(connection, school, person.id)
    if await _let_in_again(connection, school, person.id):
        about(person.id, f"role={person.role} taken-back")
    await connection.execute(
        upsert(connection, teachers)
        .values({"school": school, "id": person.id} | facts)
        .on_conflict_do_update(index_elements=["school", "id"], set_=facts)
    )
    await revoke_person(connection, school, person.id)
    await forget(connection, school, person.login)
    if person.subject:
        await link(connection, school, person.id, person.subject)
    return before not in {"", person.role}


async def let_in_again(ground: Ground, school: str, person: str) -> None:
    """Take back who was ended: they sign in anew. Who was not stays as they are.

    Raises Missing, or Refused where the register took their login.
    """
    async with ground.database.writing(school) as connection:
        mine = (teachers.c.school == school, teachers.c.id == person)
        login = (await connection.execute(select(teachers.c.login).where(*mine))).scalar()
        if login is None:
            raise Missing("no-teacher", f"There is no person {person}.")
        if login == login_after(person):
            raise Refused("no-login", "They have no login any more: pupitre-mdm admin person.")
        await _let_in_again(connection, school, person)


def login_after(person: str) -> str:
    """Return what stands in the place of the login of who has left: another may have that."""
    return f"~{person}"


async def _let_in_again(connection: AsyncConnection, school: str, person: str) -> bool:
    """Return whether they were ended. Their keys stay revoked, so they need a new certificate."""
    ended = (teachers.c.school == school, teachers.c.id == person, teachers.c.ended.is_(True))
    done = update(teachers).where(*ended).values(ended=False, thumbprint="")
    return bool((await connection.execute(done)).rowcount)


async def choose_password(ground: Ground, school: str, login: str, password: str) -> str:
    """Give a person a new password and end all their sign-ins; return whose it is.

    Raises Malformed, Missing, or Refused for who was ended.
    """
    hashed = await hashed_of(ground, password)
    async with ground.database.writing(school) as connection:
        person = await person_of(connection, school, login)
        mine = (teachers.c.school == school, teachers.c.id == person)
        here = update(teachers).where(*mine, teachers.c.ended.is_(False))
        if not (await connection.execute(here.values(password_hash=hashed))).rowcount:
            raise Refused("ended", f"{person} was ended: pupitre-mdm admin person takes them back.")
        await revoke_person(connection, school, person)
        await forget(connection, school, login)
    return person


async def person_of(connection: AsyncConnection, school: str, login: str) -> str:
    """Return the id of who has this login. Raises Missing."""
    wanted = select(teachers.c.id).where(teachers.c.school == school, teachers.c.login == login)
    found = (await connection.execute(wanted)).scalar()
    if found is None:
        raise Missing("no-person")
    return str(found)


@contextmanager
def taken() -> Generator[None]:
    """Say in a sentence what the database says by all that it was told."""
    try:
        yield
    except IntegrityError:
        told = "Somebody of this school has that id or that login already."
        raise Refused("person-taken", told) from None


async def hashed_of(ground: Ground, password: str) -> str:
    if len(password) < PASSWORD_MIN:
        raise Malformed("password", f"A password has {PASSWORD_MIN} characters or more.")
    return await ground.passwords.run(hash_password, password)
