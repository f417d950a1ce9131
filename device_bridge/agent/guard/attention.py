"""What holds of the lock: the machine of `protocol.attention`, joined to seat and links."""

from collections.abc import Callable

from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.attention import (
    Attention,
    Event,
    LockDeclared,
    LockTold,
    advance,
    proof,
)


class AttentionGuard:
    def __init__(self, voice: Voice, now: Callable[[], float], held: Attention) -> None:
        self._voice = voice
        self._now = now
        self.held = held

    def told(self, link: Link, declared: LockDeclared) -> None:
        self.hear(LockTold(declared, author_of(link)))

    def hear(self, event: Event) -> None:
        before = self.held
        self.held, effects = advance(before, event, self._now())
        if (before.version, before.ends_at, before.locked) != (
            self.held.version,
            self.held.ends_at,
            self.held.locked,
        ):
            self._voice.changed()
        self._voice.act("attention", effects, self.held.author)

    def proof(self) -> tuple[int, int]:
        return proof(self.held, self._now())
