"""Whom the school ends wants nothing erased or let go any more, also where they are let in again.

Nor does who is given another role, also where they have the old one again: nobody expects it. So
nobody is ended or made another but with the wipes of which they are one of the two, and with the
releases that they have asked for, in one transaction.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet import acts
from central_mdm.fleet.groups import raise_wanted
from central_mdm.fleet.urgent import ASKED, CONFIRMED, cancel
from central_mdm.fleet.wanted_model import urgent
from central_mdm.identity.model import teachers
from central_mdm.identity.people import Person, hashed_of, taken, write_person
from central_mdm.identity.revocation import end_again, end_teachers, read_ours
from central_mdm.identity.roles import give_role
from central_mdm.identity.rules import one_by_one
from central_mdm.platform.acting import about, several
from central_mdm.platform.errors import Missing
from central_mdm.platform.ground import Ground
from central_mdm.roster.rules import end_by_hand

ROOM = 400


async def end_person(ground: Ground, school: str, person: str) -> int:
    """End a person's sign-in, tokens, keys and wipes; return the new list's number.

    Raises Missing.
    """
    async with ground.database.writing(school) as connection:
        mine = (teachers.c.school == school, teachers.c.id == person)
        # The person first, as all do who change one: the school's row is held by each act after it.
        held = select(teachers.c.id).where(*mine).with_for_update()
        if (await connection.execute(held)).first() is None:
            raise Missing("no-teacher")
        await _take_back_of(connection, ground, school, person)
        await end_by_hand(connection, school, person)
        return await end_teachers(connection, ground, school, [person])


async def choose_role(ground: Ground, school: str, person: str, role: str) -> None:
    """Give a person a role; with another one go their wipes. Raises Missing or Malformed."""
    async with ground.database.writing(school) as connection:
        if await give_role(connection, school, person, role):
            await _take_back_of(connection, ground, school, person, f"role={role} ")


async def keep_person(ground: Ground, school: str, person: Person, password: str) -> None:
    """Add a person, or change the one of this id; no `password`: only the account signs in.

    It ends all their sign-ins, with another role their wipes, and takes back who was ended. Raises
    Malformed, Missing, or Refused where another has this login.
    """
    hashed = await hashed_of(ground, password) if password else ""
    with taken():
        async with ground.database.writing(school) as connection:
            if await write_person(connection, school, person, hashed):
                await _take_back_of(connection, ground, school, person.id, f"role={person.role} ")


async def take_back(ground: Ground, school: str, token: str) -> None:
    """End again whom a list of ours ends that this database has forgotten. Raises NotAllowed."""
    told = read_ours(ground, school, token)
    async with ground.database.writing(school) as connection:
        if people := await end_again(connection, ground, school, told, token):
            await take_back_wipes(connection, ground, school, people)


async def cancel_wipes(ground: Ground, school: str) -> list[str]:
    """Cancel all that no device has done, of a database that was set back; return the ids.

    It knows nothing of who took one back since, and their time is over.
    """
    async with ground.database.writing(school) as connection:
        return await _cancel(connection, ground, school, None)


async def take_back_wipes(
    connection: AsyncConnection, ground: Ground, school: str, people: Collection[str]
) -> list[str]:
    """Cancel what these have asked for or confirmed and no device has done; return the ids.

    With them go the releases they have asked for.
    """
    cancelled = await _cancel(connection, ground, school, set(people))
    await acts.withdraw(connection, school, people)
    return cancelled


async def _take_back_of(
    connection: AsyncConnection, ground: Ground, school: str, person: str, told: str = ""
) -> None:
    """Do so of one person, and have the act that it is a part of say which; `told` goes before."""
    if wipes := await take_back_wipes(connection, ground, school, [person]):
        about(person, f"{told}cancelled wipes={several(wipes, ROOM)}")


async def _cancel(
    connection: AsyncConnection, ground: Ground, school: str, people: set[str] | None
) -> list[str]:
    await one_by_one(connection, school)
    open_ = select(urgent.c.id, urgent.c.device, urgent.c.asked_by, urgent.c.confirmed_by).where(
        urgent.c.school == school,
        urgent.c.kind == "wipe",
        urgent.c.state.in_([ASKED, CONFIRMED]),
    )
    rows = (await connection.execute(open_.order_by(urgent.c.asked_at, urgent.c.id))).all()
    theirs = [row for row in rows if people is None or {row.asked_by, row.confirmed_by} & people]
    await raise_wanted(connection, school, {row.device for row in theirs}, ground.clock())
    done = set(await cancel(connection, school, [row.id for row in theirs]))
    return [row.id for row in theirs if row.id in done]
