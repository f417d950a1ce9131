"""Requests offered at their own moments, whatever becomes of those before, and what became of them.

How long one took is counted from when it should have been sent: what a slow server, or a slow
generator, lets wait is in the figure.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from central_mdm.load.wire import Answer

IN_FLIGHT_MAX: Final = 500
"""More than a server's process takes in at once; what is due beyond waits here, and that counts."""
REFUSED: Final = frozenset({429, 503})
OK: Final = 200
Ask = Callable[[int], Awaitable[Answer]]


class Figures(Struct, frozen=True):
    """`rate`: answers a second. `refused`: told to come back. `unsent`: due when time was up.

    `…_ms`: so long half, 95 and 99 in a hundred of the accepted took at the most. `errors` by kind:
    a status, or what the connection came to.
    """

    sent: int
    accepted: int
    refused: int
    unsent: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: dict[str, int]


@dataclass
class Tally:
    """What became of requests; seconds of those accepted, and by how many each was sent late."""

    sent: int = 0
    refused: int = 0
    unsent: int = 0
    seconds: list[float] = field(default_factory=list[float])
    late: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])

    async def ask(self, one: Awaitable[Answer], due: float) -> None:
        """Ask what was due at `due` on `time.perf_counter`: a loop's clock may go by whole ms."""
        self.sent += 1
        self.late.append(time.perf_counter() - due)
        try:
            answer = await one
        except OSError as error:
            self.errors[type(error).__name__] += 1
            return
        if answer.status == OK:
            self.seconds.append(time.perf_counter() - due)
        elif answer.status in REFUSED:
            self.refused += 1
        else:
            self.errors[str(answer.status)] += 1

    def figures(self, seconds: float) -> Figures:
        ordered = sorted(self.seconds)
        return Figures(
            sent=self.sent,
            accepted=len(ordered),
            refused=self.refused,
            unsent=self.unsent,
            rate=round(len(ordered) / seconds, 2),
            p50_ms=milliseconds(ordered, 0.5),
            p95_ms=milliseconds(ordered, 0.95),
            p99_ms=milliseconds(ordered, 0.99),
            errors=dict(self.errors),
        )


async def offer(rate: float, seconds: float, ask: Ask) -> Tally:
    """Ask `rate` times a second, evenly, for so long; then wait for what is under way."""
    tally = Tally()
    room = asyncio.Semaphore(IN_FLIGHT_MAX)
    begun, total = time.perf_counter(), round(rate * seconds)

    async def one(number: int, due: float) -> None:
        try:
            await tally.ask(ask(number), due)
        finally:
            room.release()

    async with asyncio.TaskGroup() as tasks:
        for number in range(total):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await room.acquire()
            if time.perf_counter() > begun + seconds:
                tally.unsent = total - number
                room.release()
                break
            tasks.create_task(one(number, due))
    return tally


def milliseconds(ordered: Sequence[float], share: float) -> float:
    """Return the least that so large a share does not exceed; 0 for none at all."""
    if not ordered:
        return 0.0
    return round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3)
