"""One-off commands on the device: each done once, each answered, told again or late.

An id that comes again is not done again: it gets the answer that it had, or waits for the same
end. A command without an answer at its deadline ends "late", whatever the seat says afterwards.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from device_bridge.agent.guard.ports import Link
from device_bridge.protocol.hello import Answer

_REMEMBERED: Final = 500
_OPEN_MAX: Final = 50
BUSY: Final = "busy"


@dataclass
class _Open:
    links: list[Link]
    ends_at: float


class Commands:
    """Which commands are open, and how the last ones ended."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def begin(self, link: Link, id_: str, ends_at: float) -> bool:
        """Return whether the command is new and is to be done now."""
        if id_ in self._answers:
            link.send(self._answers[id_])
            return False
        if id_ in self._open:
            if link not in self._open[id_].links:
                self._open[id_].links.append(link)
            return False
        if len(self._open) >= _OPEN_MAX:
            link.send(Answer(id_, "refused", BUSY))
            return False
        self._open[id_] = _Open([link], ends_at)
        return True

    def is_done(self, id_: str) -> bool:
        """Return whether the command has ended, and well."""
        return id_ in self._answers and self._answers[id_].state == "done"

    def end(
        self, id_: str, state: Literal["done", "refused", "failed", "late"], reason: str = ""
    ) -> bool:
        """Answer the command, once; return whether it was open."""
        opened = self._open.pop(id_, None)
        if opened is None:
            return False
        answer = self._answers[id_] = Answer(id_, state, reason)
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        for link in opened.links:
            link.send(answer)
        return True

    def lost(self, link: Link) -> None:
        """Forget whom to answer; the answer is kept for when the command comes again."""
        for opened in self._open.values():
            if link in opened.links:
                opened.links.remove(link)

    def look_at_the_clock(self, now: float) -> None:
        for id_ in [id_ for id_, opened in self._open.items() if opened.ends_at <= now]:
            self.end(id_, "late")
