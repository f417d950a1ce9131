"""Say in a sentence that there can be no window; Qt would end the program with a core dump."""

import os
import sys

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def no_desktop() -> str:
    """Say why there can be no window here; "" where nothing speaks against it."""
    if sys.platform != "linux":
        return ""
    if not any(map(os.environ.get, SCREENS)):
        return "There is no desktop here to show a window on."
    if any(map(os.environ.get, SCREENS[1:])):
        return ""
    why = _refusal(None)
    return f"No window can be shown here: {why}" if why else ""


def no_x11(display: str) -> str:
    """Say why nobody can sit at this X11 display; "" where nothing speaks against it."""
    if sys.platform != "linux":
        return ""
    if not display:
        return "No desktop here: screens and locks need the pupil's, or a --display of it."
    why = _refusal(display)
    return f"No X11 desktop to sit at: {why}" if why else ""


def _refusal(display: str | None) -> str:
    from Xlib.display import Display  # noqa: PLC0415 - Linux only
    from Xlib.error import DisplayError  # noqa: PLC0415 - as above

    try:
        Display(display).close()
    except (DisplayError, OSError, OverflowError) as error:  # the last: of its number
        return str(error) or type(error).__name__
    return ""
