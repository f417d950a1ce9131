"""Three bugs as people really write them, put into the programs: the checker has to find each."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

from msgspec.structs import replace
from sqlalchemy import case, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlcipher3 import dbapi2

from central_mdm.contract.journal import Event, Outcome, Pushed
from central_mdm.platform.database import Database
from central_mdm.roster import feed
from central_mdm.roster.model import changes, scopes
from classroom_app.cloud.client import Cloud
from classroom_app.storage import writer
from tests.histories.actors import Acts
from tests.histories.stage import Earth

DAWDLES_SECONDS: Final = 5.0
OFFICE_DAWDLES_SECONDS: Final = 180.0
"""So long an administrator's act lasts at most: something is to be pulled meanwhile."""
STEP: Final = 100
"""More than any act changes rows."""


class Ground(Earth, Protocol):
    """Where a bug is put in; `undo`: what is to be undone at the end."""

    @property
    def undo(self) -> ExitStack: ...


@contextmanager
def planted(name: str, world: Ground) -> Generator[None]:
    """Have the bug of this name in the programs until the end of the block."""
    place, attribute, bug = PLANTS[name](world)
    before = getattr(place, attribute)
    setattr(place, attribute, bug)
    try:
        yield
    finally:
        setattr(place, attribute, before)


Plant = tuple[Any, str, Any]


def acknowledge_before_commit(world: Ground) -> Plant:
    """Let the store answer at once and commit when the next work comes: it is so much faster."""
    del world

    @contextmanager
    def lazily(driver: dbapi2.Connection) -> Generator[None]:
        if driver.in_transaction:
            driver.execute("COMMIT")
        driver.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise

    return writer, "transaction", lazily


def cursor_by_autoincrement(world: Ground) -> Plant:
    """Have changes numbered as a database's own counter does: at the insert, whoever commits first.

    On SQLite, with one writer at a time, the number is drawn before its turn comes.
    """
    real, publish = Database.writing, feed._publish  # pyright: ignore[reportPrivateUsage]
    drawn: ContextVar[int] = ContextVar("drawn", default=0)
    last = feed.STRETCH  # the template's rows lie below

    @asynccontextmanager
    async def drawing(self: Database, school: str) -> AsyncGenerator[AsyncConnection]:
        nonlocal last
        last += STEP
        number = last
        await asyncio.sleep(_dawdles(world.chance.random()))
        async with real(self, school) as connection:
            token = drawn.set(number)
            yield connection
            drawn.reset(token)

    async def numbered(
        connection: AsyncConnection, school: str, news: dict[str, tuple[feed.Told, ...]]
    ) -> None:
        await publish(connection, school, news)
        first = drawn.get()
        for scope, told in news.items():
            whose = (changes.c.school == school, changes.c.scope == scope)
            for number, each in enumerate(told):
                mine = (*whose, changes.c.entity == each.entity, changes.c.id == each.id)
                await connection.execute(
                    update(changes).where(*mine).values(sequence=first + number)
                )
            reached = update(scopes).where(scopes.c.school == school, scopes.c.scope == scope)
            before = scopes.c.sequence - feed.STRETCH
            newest = case((before < first + STEP, first + len(told)), else_=before)
            await connection.execute(reached.values(sequence=newest))

    feed._publish = numbered  # pyright: ignore[reportPrivateUsage]
    world.undo.callback(setattr, feed, "_publish", publish)
    return Database, "writing", drawing


def _dawdles(drawn: float) -> float:
    task = asyncio.current_task()
    office = task is not None and f"{Acts.__name__}." in repr(task.get_coro())
    return drawn * OFFICE_DAWDLES_SECONDS if office else drawn**4 * DAWDLES_SECONDS


def retry_without_id(world: Ground) -> Plant:
    """Give each event an id when it is sent, and another when it is sent again."""
    real = Cloud.push

    async def anew(self: Cloud, events: tuple[Event, ...], after: int = 0) -> Pushed:
        named = tuple(replace(one, id=world.new_id()) for one in events)
        told = {outcome.id: outcome for outcome in (await real(self, named, after)).outcomes}
        return Pushed(
            tuple(
                Outcome(one.id, told[other.id].state, told[other.id].reason)
                for one, other in zip(events, named, strict=True)
            )
        )

    return Cloud, "push", anew


PLANTS: Final = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "cursor-by-autoincrement": cursor_by_autoincrement,
    "retry-without-id": retry_without_id,
}
PROOFS: Final = {
    "acknowledge-before-commit": ("acknowledged event ", "acknowledged work "),
    "cursor-by-autoincrement": ("a cursor missed something", ": class:"),
    "retry-without-id": (" times", " was never written"),
}
"""What in a fault tells that it is this bug that was found, and nothing else."""
BROKE: Final = "it broke: "


def finds(plant: str, faults: Sequence[str]) -> bool:
    """Tell whether a history has found this planted bug; one that broke by itself finds none."""
    broken = any(fault.startswith(BROKE) for fault in faults)
    proofs = PROOFS.get(plant, ("",))
    return not broken and any(proof in fault for fault in faults for proof in proofs)
