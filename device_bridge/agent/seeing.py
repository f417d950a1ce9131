"""`pupitre-agent doctor`: how this device's screens are seen, and what of them is not."""

import time
from collections.abc import Mapping
from typing import Final

from device_bridge.agent.capabilities import Picture
from device_bridge.soundness import Finding

_LACKS: Final = {
    "MIT-SHM": "pictures come without shared memory, which costs more",
    "DAMAGE": "what changes is not told, so each picture is compared",
    "RANDR": "several monitors are seen as one",
    "DPMS": "a monitor that is switched off is not told",
    "MIT-SCREEN-SAVER": "a screen saver is not told",
}


def seeing(platform: str, environment: Mapping[str, str]) -> list[Finding]:
    """Look at this desktop as a seat would, in a moment. `platform` as `sys.platform` says it."""
    if platform != "linux":
        return [Finding("failed", "No screen is seen on this system yet (docs/platforms.md).")]
    if environment.get("WAYLAND_DISPLAY"):
        words = (
            "A Wayland desktop: of its screens only what X11 programs draw could be seen, so none "
            "is shown. Choose “Xorg” at the login (docs/platforms.md)."
        )
        return [Finding("failed", words)]
    if not environment.get("DISPLAY"):
        words = "Whether screens can be seen is told in the pupil's desktop: run this there."
        return [Finding("ok", words)]
    return _of_x11()


def _of_x11() -> list[Finding]:
    from device_bridge.agent.platform.linux_session import (  # noqa: PLC0415 - Linux only
        LinuxSession,
    )
    from device_bridge.agent.platform.x11_capture import X11Capture  # noqa: PLC0415 - as above

    session = LinuxSession(time.monotonic)
    capture = X11Capture(time.monotonic)
    try:
        seen, lacks, screens = capture.grab(0), capture.lacks(), capture.screens()
        if not screens:
            return [Finding("failed", "This X11 desktop cannot be seen: no X server answers.")]
        if not isinstance(seen, Picture):
            return [Finding("soon", f"X11: nothing is seen just now ({seen.reason}).")]
        sizes = ", ".join(f"{one.width}×{one.height}" for one in screens)  # noqa: RUF001 - a size
        missing = [_LACKS[name] for name in lacks]
        if not session.is_told():
            missing.append("a locked session or another user is not told (no logind)")
    finally:
        capture.close()
        session.close()
    told = [Finding("ok", f"Screens are captured from X11: {sizes}.")]
    return [*told, Finding("soon", f"Here {'; '.join(missing)}.")] if missing else told
