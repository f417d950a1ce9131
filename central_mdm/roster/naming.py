"""A class by what people call it, where they do not know its id."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.platform.errors import Missing, Refused
from central_mdm.roster.model import classes

NAMED_MAX: Final = 20


async def class_named(connection: AsyncConnection, school: str, named: str) -> str:
    """Return the id of the class that has this id, or alone has this name and is taught.

    Raises Missing, or Refused where several are called so; the detail says which there are.
    """
    wanted = select(classes).where(classes.c.school == school).order_by(classes.c.name)
    rows = (await connection.execute(wanted)).all()
    if any(row.id == named for row in rows):
        return named
    taught = {row.id: row.name for row in rows if not row.archived_at}
    called = {id_: name for id_, name in taught.items() if name.casefold() == named.casefold()}
    if len(called) > 1:
        raise Refused("several-classes", f"Several classes are called so: {_told(called)}.")
    if not called:
        there = (
            f"There are: {_told(taught)}."
            if taught
            else "It has no class yet: admin import brings them."
        )
        raise Missing("no-class", f"This school has no class {named}. {there}")
    return next(iter(called))


def _told(some: dict[str, str]) -> str:
    named = [f"{name} ({id_})" for id_, name in list(some.items())[:NAMED_MAX]]
    more = len(some) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
