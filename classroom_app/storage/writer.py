"""The one thread that has the file; what waits for it together is committed together."""

import asyncio
import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from classroom_app.domain.errors import NotKept, StoreBroken, StoreFull, StoreReadOnly
from classroom_app.storage.engine import driver_of, shut, spare, transaction
from classroom_app.storage.refusals import as_not_kept

log = logging.getLogger(__name__)
T = TypeVar("T")
# A commit waits for the disk once, however many it holds; more would only make the first wait.
GROUP_MAX: Final = 256


class Asked(Struct, frozen=True, eq=False):
    """Work, and who waits for its answer; nobody does for a choice of colours."""

    work: Callable[[Connection], Any]
    waiting: asyncio.Future[Any] | None = None


class Ended(Struct, frozen=True, eq=False):
    """How work ended: an answer that is on the disk, or an error and nothing written."""

    asked: Asked
    answer: Any = None
    error: Exception | None = None


class Writer:
    """Runs work on the connection, in the order of asking. `undone` hears of each rollback.

    `more_room` is asked where the disk is full; True: it has freed some. `at_end` is called before
    the file is closed, in the writer's thread.

    Work that fails in a group has the whole group undone and run again, each alone, so that one
    cannot spoil another: work does nothing that a rollback does not undo. It belongs to the loop
    that is running when it is made.
    """

    def __init__(
        self,
        connection: Connection,
        undone: Callable[[], None],
        more_room: Callable[[], bool] = lambda: False,
        at_end: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._driver = driver_of(connection)
        self._loop = asyncio.get_running_loop()
        self._undone = undone
        self._more_room = more_room
        self._at_end = at_end
        self._broken = ""
        self._closing = False
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        # A program that ends without closing loses nothing: what was answered is on the disk.
        self._thread = Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; what is returned is durable, what raises left nothing.

        Raises `NotKept`. Whoever is cancelled while waiting does not know; the work is done.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._ask(Asked(work, answer))
        return await answer

    def post(self, work: Callable[[Connection], object]) -> None:
        """Run `work` some time soon; nobody waits, a refusal is logged."""
        self._ask(Asked(work))

    async def close(self) -> None:
        """Finish what was asked, then close the file."""
        self._closing = True
        self._asked.put(None)
        await asyncio.to_thread(self._thread.join)

    def _ask(self, asked: Asked) -> None:
        if self._closing:
            raise RuntimeError("the store is closed")
        self._asked.put(asked)

    def _run(self) -> None:
        going = True
        while going:
            group = self._next_group()
            going = None not in group
            # One wake of the loop for all of them.
            self._loop.call_soon_threadsafe(_tell, self._end([asked for asked in group if asked]))
        try:
            self._at_end(self._connection)
        finally:
            shut(self._connection)

    def _next_group(self) -> list[Asked | None]:
        """Wait for one, then take all that came meanwhile."""
        group = [self._asked.get()]
        try:
            while len(group) < GROUP_MAX:
                group.append(self._asked.get_nowait())
        except Empty:
            pass
        return group

    def _end(self, group: list[Asked], *, again: bool = False) -> list[Ended]:
        """Commit all of a group in one transaction, or where that fails each in its own."""
        try:
            with transaction(self._driver):
                return [Ended(asked, asked.work(self._connection)) for asked in group]
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer hears it
            self._undone()
            if len(group) > 1:
                return [ended for asked in group for ended in self._end([asked])]
            named = self._named(error)
            if isinstance(named, StoreFull) and not again and self._finds_room():
                return self._end(group, again=True)
            return [Ended(group[0], error=named)]

    def _finds_room(self) -> bool:
        given = self._more_room()
        return spare(self._driver) or given

    def _named(self, error: Exception) -> Exception:
        named = as_not_kept(error)
        if isinstance(named, StoreBroken):
            self._broken = self._broken or named.where
        # SQLCipher refuses to write on after it has met a damaged page.
        if self._broken and isinstance(named, StoreReadOnly):
            return StoreBroken(self._broken)
        return named or error


def _tell(group: list[Ended]) -> None:
    for ended in group:
        future = ended.asked.waiting
        if future is None:
            _log(ended)
        elif future.done():
            continue  # whoever waited was cancelled
        elif ended.error:
            future.set_exception(ended.error)
        else:
            future.set_result(ended.answer)


def _log(ended: Ended) -> None:
    if isinstance(ended.error, NotKept):
        log.info("not kept", extra={"why": type(ended.error).__name__})
    elif ended.error:
        log.error("work failed", exc_info=ended.error)
