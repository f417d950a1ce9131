"""What the school itself tells the pupil on the screen: words, and that the device is missing.

Each is answered by what the seat has really shown.
"""

import asyncio
from typing import Final

from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.fields import SchoolAct
from device_bridge.protocol.seat import LostShown, NoticeShown, ShowLost, ShowNotice

SHOWN_SECONDS: Final = 10.0
NO_ANSWER: Final = "the seat does not answer"


class Notices:
    """Waits for the seat's answers. `lost`: what the whole screen says; "": nothing."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._lost_shown: asyncio.Future[str] | None = None
        self.lost = ""

    async def show(self, id_: str, about: SchoolAct, text: str, who: str) -> str:
        """Show a notice; return "" once it is on the screen, else why not."""
        answer = self._waiting[id_] = asyncio.get_running_loop().create_future()
        try:
            if not self._voice.seat(ShowNotice(id_, text, who[:64], about)):
                return NO_SEAT
            return await _within(answer)
        finally:
            del self._waiting[id_]

    def shown(self, shown: NoticeShown) -> bool:
        """Take the seat's answer; False for a notice that is not from here."""
        answer = self._waiting.get(shown.id)
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(shown.reason)
        return True

    async def show_lost(self, text: str) -> str:
        """Let the whole screen say that the device is missing, "": no more; "" once it does."""
        self.lost = text
        answer = self._lost_shown = asyncio.get_running_loop().create_future()
        if not self._voice.seat(ShowLost(text)):
            return NO_SEAT
        return await _within(answer)

    def lost_shown(self, shown: LostShown) -> None:
        if self._lost_shown is not None and not self._lost_shown.done():
            self._lost_shown.set_result(shown.reason)

    def seat_came(self) -> None:
        """Show it to who logs in."""
        if self.lost:
            self._voice.seat(ShowLost(self.lost))


async def _within(answer: asyncio.Future[str]) -> str:
    try:
        async with asyncio.timeout(SHOWN_SECONDS):
            return await answer
    except TimeoutError:
        return NO_ANSWER
