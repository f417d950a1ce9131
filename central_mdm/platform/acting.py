"""On whose word a request changes something: the audit is told in each transaction it writes."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass
class Acting:
    """`write` gets the transaction, the school, and what was acted on, as the handler said."""

    write: Callable[[AsyncConnection, str, str], Awaitable[None]]
    object: str = ""


acting: Final[ContextVar[Acting | None]] = ContextVar("acting", default=None)


def about(what: str) -> None:
    """Say what this request acts on: ids, no names of pupils."""
    if (now := acting.get()) is not None:
        now.object = what
