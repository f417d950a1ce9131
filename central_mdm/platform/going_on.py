"""A read transaction that goes on from who is asking to what is asked.

Half of a small request's turns to the database begin and end the transaction that its token is
looked up in. So a request that only reads has one: the handler's first reading takes it over. It
ends with that, and where there is none, before anything else is opened or answered: a slow line
never holds a connection.
"""

from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection


class GoingOn:
    """One request's place for such a transaction."""

    def __init__(self) -> None:
        self._school = ""
        self._held: tuple[AsyncConnection, AsyncExitStack] | None = None

    def keep(self, school: str, connection: AsyncConnection, ends: AsyncExitStack) -> None:
        """Take over a transaction of this school; `ends` ends it."""
        self._school, self._held = school, (connection, ends)

    async def take(self, school: str) -> tuple[AsyncConnection, AsyncExitStack] | None:
        """Give it, once, to who reads the same school; for another it ends here."""
        if school != self._school:
            await self.end()
        held, self._held = self._held, None
        return held

    async def end(self) -> None:
        """End what nobody took."""
        held, self._held = self._held, None
        if held is not None:
            await held[1].aclose()


going_on: Final[ContextVar[GoingOn | None]] = ContextVar("going_on", default=None)
