"""A wire in memory that counts what it carries, and can be cut at any byte or told to lie."""

import asyncio
from collections import deque
from collections.abc import Callable

UNDER_WAY = 2


def true(raw: bytes) -> bytes:
    return raw


class Cable:
    """Both ends of one wire. After `after_bytes` to the right end, it is cut for good."""

    def __init__(
        self, after_bytes: int | None = None, twist: Callable[[bytes], bytes] = true
    ) -> None:
        self.left, self.right = MemoryWire(self), MemoryWire(self)
        self.carried: list[bytes] = []
        self.is_cut = False
        self._after_bytes, self._twist = after_bytes, twist

    def carry(self, raw: bytes, to: "MemoryWire") -> None:
        if to is self.right:
            raw = self._twist(raw)
            self.carried.append(raw)
            if self._after_bytes is not None and self.carried_bytes() > self._after_bytes:
                self.cut()
                return
        to.messages.append(raw)
        self.wake()

    def carried_bytes(self) -> int:
        return sum(map(len, self.carried))

    def cut(self) -> None:
        self.is_cut = True
        self.wake()

    def wake(self) -> None:
        self.left.woken.set()
        self.right.woken.set()


class MemoryWire:
    """One end: `receive` gives what the other sent; two messages are under way at most."""

    def __init__(self, cable: Cable) -> None:
        self.messages: deque[bytes] = deque()
        self.woken = asyncio.Event()
        self._cable = cable

    async def receive(self) -> bytes:
        await self._until(lambda: bool(self.messages))
        raw = self.messages.popleft()
        self._cable.wake()
        return raw

    async def send(self, raw: bytes) -> None:
        other = self._cable.right if self is self._cable.left else self._cable.left
        await self._until(lambda: len(other.messages) < UNDER_WAY)
        self._cable.carry(raw, other)

    async def close(self) -> None:
        self._cable.cut()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready() or self._cable.is_cut:
            if self._cable.is_cut:
                raise ConnectionResetError
            self.woken.clear()
            await self.woken.wait()
