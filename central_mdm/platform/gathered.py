"""Work of many requests done in one statement: who comes while one is on its way shares the next.

So a statement carries one request in a small school and dozens where a region wakes up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import perf_counter
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from central_mdm.platform.counts import SECONDS, SIZES, Spread
from central_mdm.platform.errors import Busy
from central_mdm.platform.spans import Spans, untraced

AT_ONCE: Final = 64
WAITING_MAX: Final = 512
BUSY_SECONDS: Final = 30
Asked = TypeVar("Asked")
Found = TypeVar("Found")


class Gathered(Generic[Asked, Found]):
    """What waits, and `run`, which has `work` done for at most 64 of it at a time.

    `work` returns what it found in the order in which it was asked.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Awaitable[Sequence[Found]]],
        name: str = "work",
        spans: Spans = untraced,
    ) -> None:
        self._work = work
        self._name = f"gathered {name}"
        self._spans = spans
        self.sizes, self.seconds = Spread(SIZES), Spread(SECONDS)
        self._waiting: list[tuple[Asked, asyncio.Future[Found]]] = []
        self._came = asyncio.Event()

    async def ask(self, one: Asked) -> Found:
        """Have it done and return what was found. Raises what the database raises.

        Raises Busy where so much waits that it would take too long.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise Busy("busy", BUSY_SECONDS)
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        self._came.set()
        return await answer

    @property
    def waiting(self) -> int:
        """How many have asked and are not yet being worked for."""
        return len(self._waiting)

    async def run(self) -> None:
        """Work until cancelled, with one statement on its way at a time."""
        while True:
            await self._came.wait()
            taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            if not self._waiting:
                self._came.clear()
            try:
                found = await self._timed([one for one, _ in taken])
            except (SQLAlchemyError, OSError) as error:
                _refuse((answer for _, answer in taken), error)
            except asyncio.CancelledError:
                waiting = [*taken, *self._waiting]
                _refuse((answer for _, answer in waiting), Busy("ending", BUSY_SECONDS))
                raise
            else:
                for (_, answer), each in zip(taken, found, strict=True):
                    if not answer.done():  # whoever asked may have gone
                        answer.set_result(each)

    async def _timed(self, asked: Sequence[Asked]) -> Sequence[Found]:
        self.sizes.add(len(asked))
        began = perf_counter()
        try:
            with self._spans(self._name, size=len(asked)):
                return await self._work(asked)
        finally:
            self.seconds.add(perf_counter() - began)


def _refuse(answers: Iterable[asyncio.Future[Found]], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
