"""Each system's own eyes and hands are chosen, and say what they cannot."""

import pytest

from device_bridge.agent.capabilities import unseen
from device_bridge.agent.desktops import NOT_HERE, eyes, hands
from device_bridge.agent.platform.mac_capture import MacCapture
from device_bridge.agent.platform.windows_capture import WindowsCapture
from device_bridge.agent.platform.x11_capture import X11Capture
from device_bridge.agent.platform.x11_input import X11Input
from device_bridge.protocol.control import TextTyped


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("linux", X11Capture), ("win32", WindowsCapture), ("darwin", MacCapture)],
)
def test_each_system_is_seen_in_its_own_way(platform: str, kind: type) -> None:
    chosen = eyes(platform, lambda: 0.0, lambda: unseen("os-locked"))
    assert type(chosen) is kind
    chosen.close()


def test_each_system_is_driven_in_its_own_way_or_says_that_it_is_not() -> None:
    assert type(hands("linux", lambda: 0.0, 7)) is X11Input
    with pytest.raises(OSError, match="user32"):
        hands("win32", lambda: 0.0, 7)  # it asks for Windows' own library
    none = hands("darwin", lambda: 0.0, 7)
    assert (none.begin(0), none.do(TextTyped("x")), none.release()) == (NOT_HERE, NOT_HERE, "")
    none.tidy()
