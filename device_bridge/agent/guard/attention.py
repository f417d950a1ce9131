"""What holds of the lock: the machine of `protocol.attention`, joined to seat and links."""

from collections.abc import Callable

from msgspec.structs import replace

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
from device_bridge.protocol.fields import NAME_MAX


class AttentionGuard:
    def __init__(self, voice: Voice, now: Callable[[], float], held: Attention) -> None:
        self._voice = voice
        self._now = now
        self.held = held

    def told(self, link: Link, declared: LockDeclared) -> None:
        author = author_of(link)
        # The curtain says the name that the school has signed, whatever an app writes.
        declared = replace(declared, teacher_name=author.teacher[:NAME_MAX])
        self.hear(LockTold(declared, author))

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
