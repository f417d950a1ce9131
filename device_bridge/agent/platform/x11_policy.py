"""A declared policy on an X11 desktop: after how long the screen goes dark. Blocks, shortly."""

from typing import Final

from Xlib.display import Display
from Xlib.error import DisplayError, XError
from Xlib.X import DefaultBlanking, DefaultExposures

NO_DESKTOP: Final = "no desktop"
NO_WALLPAPER: Final = "wallpaper is not applied on this system"
_AS_THE_SYSTEM_HAS_IT: Final = -1
_SECONDS_MAX: Final = 32767  # the protocol's INT16 (X11 protocol, SetScreenSaver)


def apply_to_x11(screen_timeout_seconds: int, wallpaper: str) -> str:
    """Set the screen's time-out, 0: as the system has it; return what was not applied, or ""."""
    try:
        display = Display()
    except (DisplayError, XError, OSError):
        return NO_DESKTOP
    try:
        seconds = min(screen_timeout_seconds, _SECONDS_MAX) or _AS_THE_SYSTEM_HAS_IT
        display.set_screen_saver(seconds, _AS_THE_SYSTEM_HAS_IT, DefaultBlanking, DefaultExposures)
        display.sync()
    finally:
        display.close()
    return NO_WALLPAPER if wallpaper else ""
