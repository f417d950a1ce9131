"""Screens of real X servers: plugged, turned, asleep, killed under the eye that looks at them."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any, TypeVar, cast

import pytest
from Xlib.protocol.display import Display as BaseDisplay
from Xlib.protocol.event import event_class

from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.agent.platform.x11_capture import X11Capture, asleep
from device_bridge.agent.platform.x11_damage import X11Damage
from device_bridge.protocol.hello import Screen
from tests.desktop import image_of
from tests.x_servers import on, xorg, xvfb

WITHIN_SECONDS = 60.0
Seen = TypeVar("Seen")
PAINTS = """
import sys
from Xlib import display
opened = display.Display()
screen = opened.screen()
for word in sys.argv[1:]:
    x, y, width, height, colour = map(int, word.split(","))
    window = screen.root.create_window(
        x, y, width, height, 0, screen.root_depth, background_pixel=colour, override_redirect=True
    )
    window.map()
opened.sync()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let python-xlib forget which numbers the last server gave to its extensions' events."""
    monkeypatch.setattr(BaseDisplay, "event_classes", event_class.copy())


@contextmanager
def eye(display: str, hidden: Callable[[], Unseen | None] = lambda: None) -> Generator[X11Capture]:
    capture = X11Capture(time.monotonic, display, drawn=X11Damage, hidden=hidden)
    try:
        yield capture
    finally:
        capture.close()


@contextmanager
def painted(display: str, *boxes: str) -> Generator[None]:
    """Show windows: "x,y,width,height,colour"."""
    with subprocess.Popen(
        [sys.executable, "-c", PAINTS, *boxes],
        env={**os.environ, "DISPLAY": display},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        yield
        program.kill()


def until(look: Callable[[], Seen], wanted: Callable[[Seen], bool]) -> Seen:
    """Look again and again, as a seat does, until it is as wanted."""
    ends_at = time.monotonic() + WITHIN_SECONDS
    while not wanted(seen := look()):
        assert time.monotonic() < ends_at, seen
        threading.Event().wait(0.01)  # leaves the server its turn
    return seen


def colour(seen: Picture | Unseen) -> object:
    return image_of(seen).getpixel((5, 5))


def test_only_what_was_drawn_on_is_told_and_only_once() -> None:
    with xvfb() as display, eye(display) as capture:
        assert capture.changed(0) is None, "nobody has looked before"
        assert isinstance(capture.grab(0), Picture)
        assert capture.changed(0) == ()
        with painted(display, "40,60,100,50,255"):
            told = until(lambda: capture.changed(0), bool)
            assert told == (Area(40, 60, 100, 50),)
            assert capture.changed(0) == ()
            assert colour(capture.grab(0)) == (0, 0, 0)
            assert image_of(capture.grab(0)).getpixel((45, 65)) == (0, 0, 255)


def test_the_server_says_when_something_is_drawn() -> None:
    with xvfb() as display, eye(display) as capture:
        assert capture.descriptor() is None, "nobody has looked"
        until(lambda: capture.changed(0), lambda told: told == ())
        told = capture.descriptor()
        assert told is not None
        assert not select([told], [], [], 0)[0]
        with painted(display, "40,60,100,50,255"):
            assert select([told], [], [], WITHIN_SECONDS)[0]
            assert until(lambda: capture.changed(0), bool) == (Area(40, 60, 100, 50),)
            until(
                lambda: (capture.changed(0), select([told], [], [], 0)[0]),
                lambda is_: is_ == ((), []),
            )


def test_a_screen_saver_is_told_and_ends_with_the_next_key() -> None:
    with xvfb() as display, eye(display) as capture:
        assert isinstance(capture.grab(0), Picture)
        until(lambda: capture.changed(0), lambda told: told == ())
        on(display, "xset", "s", "activate")
        until(lambda: capture.changed(0), lambda told: told is None)
        until(lambda: capture.grab(0), lambda seen: seen == unseen("screen-saver"))
        until(lambda: capture.changed(0), lambda told: told is not None)
        on(display, "xset", "s", "reset")
        until(lambda: capture.changed(0), lambda told: told is None)
        until(lambda: capture.grab(0), lambda seen: isinstance(seen, Picture))


def test_a_monitor_that_sleeps_is_told() -> None:
    """Neither server here has DPMS: one that has it is put in its place for this question."""

    class Sleeps:
        power_level, state = 3, 1

        def has_extension(self, name: str) -> bool:
            return name == "DPMS"

        def dpms_info(self) -> "Sleeps":
            return self

    assert asleep(cast("Any", Sleeps())) == unseen("screen-off")


def test_what_the_system_says_comes_before_any_picture() -> None:
    why: list[Unseen] = [unseen("os-locked")]
    with xvfb() as display, eye(display, lambda: why[0] if why else None) as capture:
        assert capture.grab(0) == unseen("os-locked")
        why.clear()
        assert isinstance(capture.grab(0), Picture)


def test_a_server_that_is_killed_is_told_in_words_and_seen_again_when_it_is_back() -> None:
    with eye(":999") as nowhere:
        assert (nowhere.screens(), nowhere.grab(0)) == ((), unseen("cannot-see"))
    with xvfb() as display:
        capture = X11Capture(time.monotonic, display, drawn=X11Damage)
        assert isinstance(capture.grab(0), Picture)
    assert capture.changed(0) is None
    assert capture.grab(0) == unseen("cannot-see")
    assert capture.screens() == ()
    with xvfb(number=display):
        seen = until(lambda: capture.grab(0), lambda seen: isinstance(seen, Picture))
        assert image_of(seen).size == (640, 480)
        assert capture.changed(0) is None, "what was drawn meanwhile nobody knows"
        assert capture.changed(0) == ()
        capture.close()


@pytest.mark.parametrize("extension", ["MIT-SHM", "DAMAGE", "RANDR", "MIT-SCREEN-SAVER"])
def test_a_server_without_an_extension_is_seen_all_the_same(extension: str) -> None:
    with xvfb("-extension", extension) as display, eye(display) as capture:
        assert capture.screens() == (Screen(640, 480),)
        assert image_of(capture.grab(0)).size == (640, 480)
        assert capture.changed(0) is None
        assert (capture.changed(0) is None) == (extension == "DAMAGE")


@pytest.mark.skipif(not shutil.which("Xorg") or os.geteuid() != 0, reason="Xorg wants root")
def test_each_of_many_monitors_is_seen_as_it_is_plugged_turned_and_pulled(tmp_path: Path) -> None:
    """A turned monitor is one whose width and height are the other way round: so RandR tells it."""
    with xorg(tmp_path) as display, eye(display) as capture:
        assert capture.screens() == (Screen(1280, 720),)

        def xrandr(output: str, *how: str) -> None:
            on(display, "xrandr", "--output", output, *how)

        for output in ("DUMMY1", "DUMMY2"):
            for mode in ("1280x720", "720x1280"):
                on(display, "xrandr", "--addmode", output, mode)
        xrandr("DUMMY1", "--mode", "1280x720", "--right-of", "DUMMY0")
        assert len(capture.screens()) == 2
        xrandr("DUMMY2", "--mode", "720x1280", "--below", "DUMMY0", "--primary")
        until(capture.screens, lambda seen: seen[:1] == (Screen(720, 1280),))
        assert capture.screens()[1:] == (Screen(1280, 720), Screen(1280, 720))
        boxes = ("0,0,1280,720,255", "1280,0,1280,720,65280", "0,720,720,1280,16711680")
        with painted(display, *boxes):
            seen = [colour(capture.grab(screen)) for screen in range(3)]
            assert seen == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
            assert [capture.changed(screen) for screen in range(3)] == [None] * 3
            with painted(display, "1380,20,30,40,0"):
                told = until(lambda: capture.changed(2), bool)
                assert told == (Area(100, 20, 30, 40),)
                assert (capture.changed(0), capture.changed(1)) == ((), ())
            xrandr("DUMMY0", "--mode", "1920x1080")
            until(lambda: image_of(capture.grab(1)).size, lambda size: size == (1920, 1080))
            assert capture.changed(1) is None
        xrandr("DUMMY1", "--off")
        assert capture.grab(2) == unseen("screen-gone")
        assert isinstance(capture.grab(0), Picture)
