"""What the school may declare of a Linux desktop, as far as the guard's own user can set it.

The screen's time-out over X11; wallpaper and proxy in the settings of this user's desktop
(GSettings). Where the pupil is another user than the guard, that user's settings are not ours.
"""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError
from Xlib.Xatom import CARDINAL

from central_mdm.contract.wanted import Body
from device_bridge.agent.settings import (
    Failed,
    NotHere,
    Settings,
    Unsupported,
    number,
    text,
)

NO_DESKTOP: Final = "no desktop of this user's"
WAYLAND: Final = "a Wayland desktop: no X server has its screens"
NO_GSETTINGS: Final = "this desktop has no GSettings"
NEEDS_ROOT: Final = "needs rights that the agent does not have"
GONE: Final = "the X server has gone"
NOT_WRITTEN: Final = "not applied by the agent on Linux"
BACKGROUND: Final = "org.gnome.desktop.background"
PICTURES: Final = Path("/usr/share/backgrounds")
ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".svg")
_AS_THE_SERVER_HAS_IT: Final = -1
BEFORE: Final = "_PUPITRE_TIMEOUT_BEFORE"
_BITS: Final = 32
_SECONDS_MAX: Final = 32767  # the protocol's INT16 (X11 protocol, SetScreenSaver)
_SECONDS: Final = 5


class X11Timeout:
    """After how long the screen goes dark, in the X server; asked back of it.

    What the server had before is kept in the server itself, in a property of its root window: it
    outlives the agent, and ends with the server, as what was set does. 0 seconds give it back.
    """

    def set(self, body: Body) -> None:
        seconds = min(number(body, "seconds"), _SECONDS_MAX)
        with _Desk() as display:
            before = _before(display)
            if seconds:
                if before is None:  # noted first: whoever is killed between has changed nothing
                    _note_before(display, int(display.get_screen_saver().timeout))
                _dark_after(display, seconds)
            elif before is not None:
                _dark_after(display, before)
                _note_before(display, None)

    def read(self, body: Body) -> tuple[bool, str]:
        wanted = min(number(body, "seconds"), _SECONDS_MAX)
        with _Desk() as display:
            seconds = int(display.get_screen_saver().timeout)
            is_so = seconds == wanted if wanted else _before(display) is None
        return is_so, f"{seconds} s"


def _dark_after(display: Display, seconds: int) -> None:
    """Set the time-out, and leave how the screen goes dark as it is."""
    now = display.get_screen_saver()
    display.set_screen_saver(seconds, now.interval, now.prefer_blanking, now.allow_exposures)
    display.sync()


def _before(display: Display) -> int | None:
    """Return the time-out from before ours, in seconds; None: none of ours is set."""
    root = display.screen().root
    noted = root.get_full_property(display.intern_atom(BEFORE), CARDINAL)
    if noted is None:
        return None
    # Any program of the desktop may have written there, and in another way.
    if noted.format != _BITS or not noted.value or noted.value[0] > _SECONDS_MAX:
        return _AS_THE_SERVER_HAS_IT
    return noted.value[0]


def _note_before(display: Display, seconds: int | None) -> None:
    root, name = display.screen().root, display.intern_atom(BEFORE)
    if seconds is None:
        root.delete_property(name)
    else:
        root.change_property(name, CARDINAL, _BITS, [seconds])
    display.sync()


class _Desk:
    """A connection for one question. Raises Unsupported where no X server has the screens.

    Raises Failed where it ends in the midst, as with the pupil's login.
    """

    def __enter__(self) -> Display:
        if os.environ.get("WAYLAND_DISPLAY"):
            raise Unsupported(WAYLAND)  # an X server for old programs may be beside it
        try:
            self._display = Display()
        except (DisplayError, XError, OSError):
            raise Unsupported(NO_DESKTOP) from None
        return self._display

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with suppress(ConnectionClosedError, OSError):
            self._display.close()
        if isinstance(error, (ConnectionClosedError, XError)):
            raise Failed(GONE) from error


class Wallpaper:
    """A picture of this machine's, by its name, in the settings of a GNOME-like desktop."""

    def __init__(self, pictures: Path = PICTURES) -> None:
        self._pictures = pictures

    def set(self, body: Body) -> None:
        for key in _pictures():
            _put(BACKGROUND, key, self._uri(body))

    def read(self, body: Body) -> tuple[bool, str]:
        found = [_ask(BACKGROUND, key) for key in _pictures()]
        if not text(body, "name"):
            return True, " ".join(dict.fromkeys(found))
        others = [one for one in found if one != self._uri(body)]
        return not others, " ".join(dict.fromkeys(others or found))

    def _uri(self, body: Body) -> str:
        name = text(body, "name")
        if "/" in name or name.startswith("."):
            raise Failed("it is no picture's name")
        for ending in ENDINGS:
            if (picture := self._pictures / f"{name}{ending}").is_file():
                return picture.as_uri()
        raise Failed(f"no picture {name} in {self._pictures}")


class Proxy:
    """The way to the web, in the settings of a GNOME-like desktop."""

    def set(self, body: Body) -> None:
        host, port = text(body, "host"), _port(body)
        if host:
            for part in ("http", "https"):
                _put(f"org.gnome.system.proxy.{part}", "host", host)
                _put(f"org.gnome.system.proxy.{part}", "port", str(port))
        _put("org.gnome.system.proxy", "mode", "manual" if host else "none")

    def read(self, body: Body) -> tuple[bool, str]:
        mode = _ask("org.gnome.system.proxy", "mode")
        if mode != "manual":
            return not text(body, "host") and mode == "none", mode
        ways = {
            f"{_ask(part, 'host')}:{_ask(part, 'port')}"
            for part in ("org.gnome.system.proxy.http", "org.gnome.system.proxy.https")
        }
        wanted = {f"{text(body, 'host')}:{_port(body)}"}
        return bool(text(body, "host")) and ways == wanted, " ".join(sorted(ways))


def linux_settings(*, own_desktop: bool) -> Settings:
    """Name each feature's way on Linux, or why it has none.

    `own_desktop`: the guard runs in the pupil's own login. In a service of its own user it would
    set, and read back, what no pupil ever sees.
    """
    another = NotHere(NO_DESKTOP)
    return {
        "screen_timeout": X11Timeout(),
        "wallpaper": Wallpaper() if own_desktop else another,
        "proxy": Proxy() if own_desktop else another,
        "printers": NotHere(NEEDS_ROOT),
        "usb_storage": NotHere(NEEDS_ROOT),
        "wifi": NotHere(NEEDS_ROOT),
        "updates_window": NotHere(NEEDS_ROOT),
        "exam_freeze": NotHere(NOT_WRITTEN),
    }


def _pictures() -> list[str]:
    """Return whose picture there is to set: GNOME before 42 had none for dark windows."""
    there = _gsettings("list-keys", BACKGROUND).split()
    return [key for key in ("picture-uri", "picture-uri-dark") if key in there]


def _port(body: Body) -> int:
    return number(body, "port") if "port" in body else 0


def _ask(schema: str, key: str) -> str:
    return _gsettings("get", schema, key).strip().strip("'")


def _put(schema: str, key: str, value: str) -> None:
    _gsettings("set", schema, key, value)


def _gsettings(verb: str, schema: str, *words: str) -> str:
    program = shutil.which("gsettings")
    if program is None:
        raise Unsupported(NO_GSETTINGS)
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system; no shell reads the value
            [program, verb, schema, *words],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed("gsettings does not answer") from error
    if "No such schema" in done.stderr or "No such key" in done.stderr:
        raise Unsupported(NO_GSETTINGS)
    if done.returncode:
        raise Failed(done.stderr.strip()[:120])
    return done.stdout
