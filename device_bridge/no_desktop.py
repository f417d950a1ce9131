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
    from Xlib.display import Display  # noqa: PLC0415 - Linux only
    from Xlib.error import DisplayError  # noqa: PLC0415 - as above

    try:
        Display().close()
    except (DisplayError, OSError, OverflowError) as error:  # the last: of its number
        return f"No window can be shown here: {error}"
    return ""
