"""Pages opened on the pupil's screen, each by a command that the seat answers."""

from collections.abc import Callable

from device_bridge.agent.guard.commands import Commands
from device_bridge.agent.guard.ports import Link
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.seat import Opened, OpenPage


class LaunchingGuard:
    def __init__(self, voice: Voice, now: Callable[[], float], commands: Commands) -> None:
        self._voice = voice
        self._now = now
        self._commands = commands

    def page(self, link: Link, asked: PageOpened) -> None:
        if not self._commands.begin(link, asked.id, self._now() + asked.deadline_seconds):
            return
        self._voice.note("page", {"id": asked.id, "address": asked.address})
        if not self._voice.seat(OpenPage(asked.id, asked.address)):
            self._commands.end(asked.id, "failed", NO_SEAT)

    def opened(self, opened: Opened) -> bool:
        """Take the seat's answer; False when it was not about a page."""
        return self._commands.end(opened.id, "failed" if opened.reason else "done", opened.reason)
