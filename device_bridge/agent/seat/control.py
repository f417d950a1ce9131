"""A teacher's keys and pointer in the seat: done in order, let go at every end. No Qt.

It trusts nobody with an end: the pupil, a bar that no longer says so, a lease that is over and a
guard that is gone each end it here, at once, whatever the others say.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Final, Literal

from device_bridge.agent.capabilities import Input
from device_bridge.protocol.attention import LEASE_ENDED
from device_bridge.protocol.control import (
    TOO_FAST,
    ControlAnswered,
    ControlEvent,
    ControlInput,
    ControlOrdered,
    TextTyped,
)
from device_bridge.protocol.seat import FromSeat

WAITING_MAX: Final = 2000
"""Events and characters; a teacher whose keys wait longer than that no longer sees what they do."""
NOT_TOLD: Final = "the bar does not say who drives"


class Control:
    """`hands` is one thread, in which alone `input_` is called."""

    def __init__(self, input_: Input, hands: Executor, say: Callable[[FromSeat], None]) -> None:
        self._input, self._hands, self._say = input_, hands, say
        self._told = False
        self._version = 0  # of the order that holds; read in the thread as well
        self._order: ControlOrdered | None = None
        self._begun = False
        self._lease_ends_at = 0.0
        self._queue = deque[ControlEvent]()
        self._ends: list[ControlAnswered] = []
        self._changed = asyncio.Event()

    def told_on_bar(self, *, told: bool) -> None:
        """Note whether the bar is proved to name who drives."""
        self._told = told
        if not told:
            self._stop("failed", NOT_TOLD)

    def ordered(self, order: ControlOrdered) -> None:
        """Begin, go on for a fresh lease, or stop."""
        if not order.on:
            if order.version == self._version:
                self._stop("off")
        elif order.version == self._version:
            self._renew(order)
        elif not self._told:
            self._say(ControlAnswered(order.version, "failed", NOT_TOLD))
        elif order.version > self._version:
            self._stop("off")
            self._version, self._order, self._begun = order.version, order, False
            self._renew(order)

    def take(self, message: ControlInput) -> None:
        """Do what the teacher did, after what waits."""
        if message.version != self._version:
            return
        self._queue.extend(_pieces(message.events))
        if len(self._queue) > WAITING_MAX:
            self._stop("failed", TOO_FAST)
        self._changed.set()

    def take_back(self) -> None:
        """Give the pupil keyboard and pointer back now; nobody is asked."""
        self._stop("taken-back")

    def stop(self) -> None:
        """Stop: the guard is gone."""
        self._stop("off")

    async def run(self) -> None:
        """Work until cancelled, then let go. What an earlier seat's end left down goes up first."""
        try:
            await self._in_hands(self._input.release)
            while True:
                self._changed.clear()
                await self._turn()
        finally:
            self._version = 0
            await self._in_hands(self._input.release)

    async def _turn(self) -> None:
        if self._ends:
            ends, self._ends = self._ends, []
            reason = await self._in_hands(self._input.release)
            for answer in ends:
                self._say(
                    answer
                    if not reason
                    else ControlAnswered(answer.version, "failed", reason[:200])
                )
            if not self._version:
                await self._in_hands(self._input.tidy)
        elif self._order is not None and not self._begun:
            await self._begin(self._order)
        elif self._queue:
            batch = tuple(self._queue)
            self._queue.clear()
            await asyncio.get_running_loop().run_in_executor(
                self._hands, self._do, self._version, batch
            )
        else:
            await self._wait()

    async def _begin(self, order: ControlOrdered) -> None:
        self._begun = True
        reason = await asyncio.get_running_loop().run_in_executor(
            self._hands, self._input.begin, order.screen
        )
        if order.version != self._version:
            return
        if reason:
            self._stop("failed", reason)
        else:
            self._say(ControlAnswered(order.version, "on"))

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._lease_ends_at - loop.time() if self._version else None
        try:
            async with asyncio.timeout(left):
                await self._changed.wait()
        except TimeoutError:
            if self._version and self._lease_ends_at <= loop.time():
                self._stop("off", LEASE_ENDED)

    def _do(self, version: int, events: tuple[ControlEvent, ...]) -> None:
        for event in events:
            if version != self._version:
                return  # ended in the middle: nothing more is pressed
            self._input.do(event)

    def _renew(self, order: ControlOrdered) -> None:
        self._lease_ends_at = asyncio.get_running_loop().time() + order.lease_seconds
        self._changed.set()

    def _stop(self, state: Literal["off", "taken-back", "failed"], reason: str = "") -> None:
        if not self._version:
            return
        self._ends.append(ControlAnswered(self._version, state, reason[:200]))
        self._version, self._order = 0, None
        self._queue.clear()
        self._changed.set()

    async def _in_hands(self, work: Callable[[], str | None]) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._hands, work) or ""


def _pieces(events: tuple[ControlEvent, ...]) -> Iterator[ControlEvent]:
    """Take text apart: it can be stopped after each character."""
    for event in events:
        if isinstance(event, TextTyped):
            yield from map(TextTyped, event.text)
        else:
            yield event
