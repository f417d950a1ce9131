"""Keyrings that keep, refuse or hang as real ones do (classroom_app.storage.keys.Ring)."""

import threading

from keyring.errors import KeyringLocked, NoKeyringError


class NoRing:
    """What `keyring` gives where the system has none (its backend `fail`)."""

    priority = 0.0

    def get_password(self, service: str, username: str) -> str | None:
        raise NoKeyringError(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NoKeyringError(service, username, len(password))


class MemoryRing:
    """Keeps what it is given for as long as it lives; `locked`: until it is unlocked again."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._look()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._look()
        self.kept[service, username] = password

    def _look(self) -> None:
        if self.locked:
            raise KeyringLocked


class ForgetfulRing(MemoryRing):
    """Takes everything and keeps nothing (`keyring`'s backend `null`, with a good word for it)."""

    def set_password(self, service: str, username: str, password: str) -> None:
        del service, username, password


class HangingRing(MemoryRing):
    """Waits for a password that nobody types, until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def _look(self) -> None:
        self.let_go.wait()
