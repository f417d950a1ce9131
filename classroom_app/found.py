"""When each device of the open class was found: the report's `discovered` and `discover_seconds`.

A device is found once mDNS has named its place *and* it answers on a link of its own. Neither is
enough alone: a record is unsigned, and who is dialled at yesterday's address was not discovered.

The clock starts as soon as the app could look for this class and no sooner: when its window is
shown and its loop runs, or where a teacher opens the class later, at that click, before the roster
is read. The browser listens from the sign-in on, so after a click the record is often there and
what remains is dialling, TLS and the first answer; an app that goes on with a lesson starts cold.
"""

from dataclasses import dataclass, field


@dataclass
class Found:
    """`seconds`: each device that is found -> when, after `began`, a second of the room's clock."""

    began: float
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def look(self, device: str, now: float, *, heard: bool, answers: bool) -> None:
        """Note a device at its first moment of being both heard of and linked."""
        if heard and answers:
            self.seconds.setdefault(device, now - self.began)
