"""On whose word something is changed, and whether once: told in each transaction written."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass
class Acting:
    """`write` gets the transaction, the school, and what is acted on.

    Set for a request of an administrator, or for all of a command.
    """

    write: Callable[[AsyncConnection, str, str], Awaitable[None]]
    object: str = ""


@dataclass
class Intent:
    """What is done once, however often it is asked: its answer is kept with what it did.

    So all that the request writes in its `school` is one transaction: `begin` gets it before
    anything is done, and it ends with `ends`, when the answer is known.
    """

    school: str
    begin: Callable[[AsyncConnection], Awaitable[None]]
    ends: AsyncExitStack
    connection: AsyncConnection | None = None


acting: Final[ContextVar[Acting | None]] = ContextVar("acting", default=None)
intent: Final[ContextVar[Intent | None]] = ContextVar("intent", default=None)


def about(what: str) -> None:
    """Say what this request acts on: ids, no names of pupils."""
    if (now := acting.get()) is not None:
        now.object = what
