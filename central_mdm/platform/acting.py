"""On whose word something is changed: the audit is told in each transaction that is written."""

from collections.abc import Awaitable, Callable
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


acting: Final[ContextVar[Acting | None]] = ContextVar("acting", default=None)


def about(what: str) -> None:
    """Say what this request acts on: ids, no names of pupils."""
    if (now := acting.get()) is not None:
        now.object = what
