"""Whether the pupil's session is locked or another user's is on the screen, asked over D-Bus.

Sources: org.freedesktop.login1 (systemd's logind), org.freedesktop.ScreenSaver where that is not.
"""

from collections.abc import Callable
from typing import Any, Final

from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    Message,
    MessageFlag,
    Properties,
    new_method_call,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from device_bridge.agent.capabilities import Unseen, unseen

ASK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 30.0
"""How long nobody is asked where there is no logind and no screen saver to ask."""
ANSWER_SECONDS: Final = 0.5
"""Longer than this no picture waits for a daemon that hangs."""
LOGIND: Final = "org.freedesktop.login1"
SESSION_PATH: Final = "/org/freedesktop/login1/session/auto"
"""The caller's session; of a user unit, which is in none, the one with the user's display."""
SAVER: Final = DBusAddress(
    "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver", "org.freedesktop.ScreenSaver"
)
# KeyError, RuntimeError: jeepney knows no address of that bus; ValueError: it was refused there.
_AWAY: Final = (OSError, DBusErrorResponse, KeyError, RuntimeError, ValueError)


class LinuxSession:
    """For one thread. `clock`: monotonic seconds. `system`, `session`: addresses of the buses."""

    def __init__(
        self, clock: Callable[[], float], system: str = "SYSTEM", session: str = "SESSION"
    ) -> None:
        self._clock = clock
        self._system, self._session = _Bus(system), _Bus(session)
        self._again_at = float("-inf")
        self._told: Unseen | None = None

    def hidden(self) -> Unseen | None:
        """Return why this desktop is not on the screen now; None: it is, or nobody knows."""
        if self._clock() >= self._again_at:
            self._told, rest = self._asked()
            self._again_at = self._clock() + rest
        return self._told

    def is_told(self) -> bool:
        """Whether logind or a screen saver answers at all."""
        return self._asked()[1] == ASK_SECONDS

    def close(self) -> None:
        self._system.close()
        self._session.close()

    def _asked(self) -> tuple[Unseen | None, float]:
        try:
            return self._by_logind(), ASK_SECONDS
        except _AWAY:
            self._system.close()
        try:
            (on,) = self._session.ask(new_method_call(SAVER, "GetActive"))
        except _AWAY:
            self._session.close()
            return None, AGAIN_SECONDS
        return unseen("screen-saver") if on else None, ASK_SECONDS

    def _by_logind(self) -> Unseen | None:
        own = self._properties(SESSION_PATH, "Session")
        if not own.get("Active", True):
            return unseen("login-screen" if self._greeted(own) else "user-switched")
        return unseen("os-locked") if own.get("LockedHint") else None

    def _greeted(self, own: dict[str, Any]) -> bool:
        """Whether the login screen has the monitor that this session had."""
        _, seat = own.get("Seat", ("", "/"))
        _, active = self._properties(seat, "Seat").get("ActiveSession", ("", "/"))
        return self._properties(active, "Session").get("Class") == "greeter"

    def _properties(self, path: str, interface: str) -> dict[str, Any]:
        if path == "/":  # logind's word for none
            return {}
        asked = Properties(DBusAddress(path, LOGIND, f"{LOGIND}.{interface}")).get_all()
        (told,) = self._system.ask(asked)
        return {name: value for name, (_, value) in told.items()}


class _Bus:
    """A connection that is made when it is needed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open: DBusConnection | None = None

    def ask(self, message: Message) -> tuple[Any, ...]:
        """Return the answer's body. Raises one of `_AWAY`. Starts no service that is not there."""
        if self._open is None:
            self._open = open_dbus_connection(self._address, auth_timeout=ANSWER_SECONDS)
        message.header.flags |= MessageFlag.no_auto_start
        return unwrap_msg(self._open.send_and_get_reply(message, timeout=ANSWER_SECONDS))

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
