"""What the agent has no word for: sound, the session's end, and keeping a machine awake."""

import re
from pathlib import Path

AGENT = Path(__file__).resolve().parents[2] / "device_bridge/agent"
HOLDS = re.compile(
    r"inhibit|sessionmanager|commitdata|login1\.manager"
    r"|pulseaudio|pactl|pipewire|alsa|qtmultimedia|qsound|at-spi|orca",
    re.IGNORECASE,
)
"""What a program says that stops a shutdown or a sleep, mutes sound or meets a screen reader."""


def test_nothing_of_the_agent_holds_sound_shutdown_or_a_screen_reader() -> None:
    said = {
        (path.name, found.group().lower())
        for path in AGENT.rglob("*.py")
        for found in HOLDS.finditer(path.read_text(encoding="utf-8"))
    }
    # What carries sound carries screens, too, on Wayland: of its streams only a screen's is read.
    # An order of the school's rings by a sound of its own, or asks logind once to restart.
    assert said == {
        ("wayland_capture.py", "pipewire"),
        ("linux_restart.py", "login1.manager"),
        ("linux_ring.py", "alsa"),
    }
    assert HOLDS.search("org.freedesktop.login1.Manager.Inhibit"), "it finds what it looks for"
