"""On whose word something is changed, and whether once: told in each transaction written."""

from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from blake3 import blake3
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass
class Acting:
    """An act: set for a request of an administrator, or for all of a command.

    `write` gets the transaction, the school, this, and why it was refused, "" where it is done.
    `object`: what is acted on, `detail`: how. `who`: the person who has proved to be the one; "":
    who asks by the token, or runs the command. `by_itself`: what is done is written by the one who
    does it, and only a refusal here.
    """

    write: Callable[[AsyncConnection, str, "Acting", str], Awaitable[None]]
    object: str = ""
    detail: str = ""
    who: str = ""
    by_itself: bool = False


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


def about(what: str, detail: str = "", who: str = "") -> None:
    """Say what this request acts on, and how: ids, no names of pupils, no password.

    No `detail` or `who`: they stay as they are.
    """
    if (now := acting.get()) is not None:
        now.object = what
        now.detail = detail or now.detail
        now.who = who or now.who


def several(words: Iterable[str], room: int) -> str:
    """Say ids with a space between; in place of those that have no room, of how many, and a hash.

    Who knows what was asked can prove by the hash that it was this.
    """
    all_ = tuple(words)
    text = " ".join(all_)
    if len(text) <= room:
        return text
    end = f" … {len(all_)} in all, blake3 {blake3(text.encode(errors='replace')).hexdigest()[:32]}"
    kept = text[: room - len(end)]
    return (kept.rpartition(" ")[0] or kept) + end


def by_itself() -> None:
    """Say that who does this act writes it down, once it is done."""
    if (now := acting.get()) is not None:
        now.by_itself = True


@contextmanager
def no_act() -> Generator[None]:
    """Have what is written meanwhile be no part of the act: a password that is looked at."""
    token = acting.set(None)
    try:
        yield
    finally:
        acting.reset(token)
