"""A sound by which a device is found, on the sound card of a Linux machine (ALSA's `aplay`)."""

import io
import math
import shutil
import struct
import subprocess
import wave
from pathlib import Path
from typing import Final

from device_bridge.agent.settings import Failed, Unsupported

CARDS: Final = Path("/proc/asound/cards")
DEVICES: Final = Path("/dev/snd")
"""Not there for a service with `PrivateDevices=yes`, as the packaged guard is one."""
NO_SOUND: Final = "no sound device"
NO_PLAYER: Final = "no program that plays a sound: aplay"
_RATE: Final = 22_050
_TONES: Final = (880.0, 660.0) * 4
_TONE_SECONDS: Final = 0.4
_SECONDS: Final = 15


def ring(cards: Path = CARDS, devices: Path = DEVICES) -> None:
    """Play the sound to its end. Raises Unsupported without a sound device, Failed by its word."""
    try:
        there = cards.read_text(encoding="utf-8", errors="replace")
    except OSError:
        there = ""
    if not there.strip() or "no soundcards" in there or not devices.is_dir():
        raise Unsupported(NO_SOUND)
    program = shutil.which("aplay")
    if program is None:
        raise Unsupported(NO_PLAYER)
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, fixed words
            [program, "-q", "-"],
            input=tones(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed("the sound device does not take it") from error
    if done.returncode:
        raise Failed(done.stderr.decode("utf-8", "replace").strip()[:120])


def tones() -> bytes:
    """Make the sound, as a WAV file of one channel."""
    raw, frames = io.BytesIO(), round(_RATE * _TONE_SECONDS)
    with wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for hertz in _TONES:
            turn = 2 * math.pi * hertz / _RATE
            samples = (round(24_000 * math.sin(turn * at)) for at in range(frames))
            file.writeframes(struct.pack(f"<{frames}h", *samples))
    return raw.getvalue()
