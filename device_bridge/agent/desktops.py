"""Which file of `platform` sees a desktop and acts on it, on this system. No Qt.

What was never run on its system is joined here as well: docs/platforms.md says what is what.
"""

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

from device_bridge.agent.capabilities import Capture, Input, Unseen
from device_bridge.protocol.control import ControlEvent

NOT_HERE: Final = "not on this system"


class Eyes(Capture, Protocol):
    """A capture that holds something of the system until it is closed."""

    def close(self) -> None: ...


class NoHands:
    """The `Input` of a system on which nothing is driven: it says so."""

    def begin(self, screen: int) -> str:
        del screen
        return NOT_HERE

    def do(self, event: ControlEvent) -> str:
        del event
        return NOT_HERE

    def release(self) -> str:
        return ""

    def tidy(self) -> None:
        """Nothing is ever borrowed."""


def eyes(platform: str, clock: Callable[[], float], hidden: Callable[[], Unseen | None]) -> Eyes:
    """Return what sees the screens of `sys.platform`'s desktop; it says by itself when it cannot.

    `clock`: monotonic seconds. `hidden`: why an X11 desktop is not to be seen, as its session says.
    """
    match platform:
        case "win32":
            from device_bridge.agent.platform.windows_capture import (  # noqa: PLC0415 - a system's own
                WindowsCapture,
            )

            return WindowsCapture()
        case "darwin":
            from device_bridge.agent.platform.mac_capture import MacCapture  # noqa: PLC0415 - as above

            return MacCapture(clock)
        case _:
            from device_bridge.agent.platform.x11_capture import X11Capture  # noqa: PLC0415 - as above
            from device_bridge.agent.platform.x11_damage import X11Damage  # noqa: PLC0415 - as above

            return X11Capture(clock, drawn=X11Damage, hidden=hidden)


def hands(platform: str, clock: Callable[[], float], window: int) -> Input:
    """Return what presses keys and buttons on `sys.platform`'s desktop.

    `window`: one of ours, by which X11 knows them all. Raises `OSError` on a Windows without them.
    """
    match platform:
        case "win32":
            from device_bridge.agent.platform.windows_input import (  # noqa: PLC0415 - a system's own
                windows_input,
            )

            return windows_input(ctypes.CDLL("user32"))
        case "darwin":
            return NoHands()
        case _:
            from device_bridge.agent.platform.x11_input import X11Input  # noqa: PLC0415 - as above

            return X11Input(clock, window)
