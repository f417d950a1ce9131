"""How long a connection may take to ask, and to read: who does next to nothing is let go.

uvicorn itself only ends connections that rest between two requests. Here all are looked at each
second, so that a request costs no timer of its own; what was sent since tells fast from slow. Our
own slowness is nobody's fault: while we do not read, no time passes.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Final, Literal

from msgspec import Struct, json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from central_mdm.contract.identity import Problem

Awaited = Literal["", "head", "body"]
LOOK_SECONDS: Final = 1
_SLOW: Final = json.encode(Problem("too-slow", "The body came too slowly.", 408, "Request Timeout"))
_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/problem+json"
    b"\r\ncontent-length: %d\r\n\r\n%b" % (len(_SLOW), _SLOW)
)


class Patience(Struct, frozen=True):
    """`head_seconds`: for all headers, and for a first one on a new connection.

    `body_seconds`: for a body, and a second more for each `bytes_a_second` that came of it. The
    slowest honest line has 32 kbit/s for each request (a village's 512 kbit/s, shared by 16): a
    chunk of 4 MiB may take it 17 minutes, a sign-in 11 seconds.

    `unread_seconds`: for an answer of which nothing more leaves us. The kernel takes the next of it
    when a third of what it holds, 4 MiB at the most, is read: on that line every 5 minutes.
    """

    head_seconds: float = 10
    body_seconds: float = 10
    bytes_a_second: int = 4096
    unread_seconds: float = 360

    def allows(self, awaited: Awaited, came_bytes: int) -> float:
        """Return how many seconds all that came may have taken."""
        if awaited == "head":
            return self.head_seconds
        return self.body_seconds + came_bytes / self.bytes_a_second


class Connection(HttpToolsProtocol):
    """uvicorn's own, which counts what it is sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self.received_bytes = 0
        self._asking: object = None
        self._awaited: Awaited = ""
        self._since, self._received_then = 0.0, 0
        self._received_before = 0
        self._unsent_bytes, self._moved_at = 0, 0.0

    def data_received(self, data: bytes) -> None:
        before, cycle = self.received_bytes, self.cycle
        self.received_bytes += len(data)
        super().data_received(data)
        if self.cycle is not cycle:  # its head ends in these bytes, and its body may begin in them
            self._received_before = before

    def look(self, patience: Patience, now: float) -> None:
        """End it where it sends, or reads, too slowly at `now`, seconds of the loop."""
        self._look_at_reading(patience, now)
        awaited = self._awaits()
        if not awaited or awaited != self._awaited or self._asking is not self.cycle:
            self._awaited, self._asking = awaited, self.cycle
            # What came of a body before this look was as honest as what comes after it.
            came = self._received_before if awaited == "body" else self.received_bytes
            self._since, self._received_then = now, came
        elif now - self._since > patience.allows(
            awaited, self.received_bytes - self._received_then
        ):
            self._end(awaited)

    def _look_at_reading(self, patience: Patience, now: float) -> None:
        """End it where nothing is read: its answer keeps a place, and lies in memory."""
        unsent = self.transport.get_write_buffer_size()
        # More of it is a sign of reading as well: the rest of an answer is written after that.
        if not unsent or unsent != self._unsent_bytes:
            self._unsent_bytes, self._moved_at = unsent, now
        elif now - self._moved_at > patience.unread_seconds:
            self.transport.abort()

    def _awaits(self) -> Awaited:
        cycle = self.cycle
        if not cycle or cycle.response_complete:  # none: nothing was asked here yet
            # Between two requests uvicorn's own timer runs, until a byte of the next one is here.
            return "" if self.timeout_keep_alive_task else "head"
        return "body" if cycle.more_body and not self.flow.read_paused else ""

    def _end(self, awaited: Awaited) -> None:
        if awaited == "body" and not self.cycle.response_started:
            self.transport.write(_TOO_SLOW)
            self.cycle.disconnected = True  # whoever reads it hears that no more will come
            self.cycle.message_event.set()
        self.transport.close()


async def keep_looking(connections: Collection[object], patience: Patience) -> None:
    """Look at all that are open, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, patience.head_seconds))
        for each in tuple(connections):
            if isinstance(each, Connection):
                each.look(patience, loop.time())
