"""Real X servers that a test starts, stops and starts again, one of them with many outputs."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

COMES_SECONDS: Final = 60
_MODES: Final = """
 Modeline "1920x1080" 148.50 1920 2008 2052 2200 1080 1084 1089 1125
 Modeline "1280x720" 74.25 1280 1390 1430 1650 720 725 730 750
 Modeline "720x1280" 74.25 720 830 870 1090 1280 1285 1290 1310"""
MONITORS: Final = f"""
Section "ServerFlags"
 Option "AutoAddDevices" "false"
EndSection
Section "Monitor"
 Identifier "monitor"
 HorizSync 5-1000
 VertRefresh 5-200{_MODES}
EndSection
Section "Device"
 Identifier "dummy"
 Driver "dummy"
 VideoRam 64000
EndSection
Section "Screen"
 Identifier "screen"
 Device "dummy"
 Monitor "monitor"
 DefaultDepth 24
 SubSection "Display"
  Depth 24
  Modes "1280x720" "720x1280" "1920x1080"
  Virtual 3840 2160
 EndSubSection
EndSection
"""
"""Source: xorg.conf(5); the driver is Debian's xserver-xorg-video-dummy."""


@contextmanager
def xvfb(*more: str, number: str = "") -> Generator[str]:
    """Run Xvfb and yield its display: a free one, or `number` once more."""
    size = ("-screen", "0", "640x480x24")
    with _running("Xvfb", *([number] if number else []), *size, *more) as display:
        yield display


@contextmanager
def xorg(folder: Path) -> Generator[str]:
    """Run Xorg with monitors that xrandr plugs in and out; yield its display."""
    (folder / "xorg.conf").write_text(MONITORS)
    files = ("-config", str(folder / "xorg.conf"), "-logfile", str(folder / "xorg.log"))
    with _running("Xorg", *files, "-novtswitch", "-sharevts") as display:
        yield display


def on(display: str, *command: str) -> None:
    """Run a program on `display` to its end."""
    environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}
    subprocess.run(command, env=environment, check=True, capture_output=True)


@contextmanager
def _running(*command: str) -> Generator[str]:
    always = ("-displayfd", "1", "-nolisten", "tcp", "-noreset")
    with subprocess.Popen(
        [*command, *always], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield f":{server.stdout.readline().strip()}"
        finally:
            server.kill()
