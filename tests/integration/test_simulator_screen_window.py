"""The backdrop of a real desktop, seen as the agent's capture sees it."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from device_bridge.agent.platform.x11_capture import X11Capture
from device_bridge.simulator import code
from tests.desktop import desktop, image_of

pytestmark = pytest.mark.real_loop


async def test_the_code_of_a_real_screen_is_seen_behind_its_terminal(
    tmp_path: Path,
) -> None:
    async with desktop(tmp_path) as pupil:
        await pupil.start(
            sys.executable, "-m", "device_bridge.agent", "screen", "--device", "dev-9"
        )
        capture = X11Capture(time.monotonic, pupil.display)
        seen = set[int]()
        async with asyncio.timeout(60):
            while len(seen) < 2:
                if found := code.read(image_of(capture.grab(0))):
                    assert found[0] == code.hash_of("dev-9")
                    assert code.age_seconds(found[1], time.time()) < 5
                    seen.add(found[1])
                await asyncio.sleep(0.1)
        capture.close()
