"""The name of the Wi-Fi that an interface is on, as far as this system tells it without rights.

Linux only: by the kernel (wireless extensions, where a driver still has them), else by
NetworkManager, else by `iw`. Tried against stand-ins for those programs, not yet on a real radio;
on Windows and macOS the name is not known.
"""

import array
import asyncio
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_SIOCGIWESSID: Final = 0x8B1B  # linux/wireless.h
_NAME_BYTES_MAX: Final = 32  # IEEE 802.11, 9.4.2.2
_ANSWER_SECONDS: Final = 2.0
_ESCAPED: Final = re.compile(rb"\\x([0-9a-f]{2})")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


async def wifi_names() -> Mapping[str, str]:
    """Return by interface what its Wi-Fi is called; whatever is not known is left out."""
    found = radios()
    return await asyncio.to_thread(names_of, found) if found else {}


def radios(root: Path = Path("/sys/class/net")) -> tuple[str, ...]:
    """Return the interfaces that are radios; a machine on a cable is asked nothing more."""
    if not sys.platform.startswith("linux"):
        return ()
    try:
        found = [one.name for one in root.iterdir() if (one / "phy80211").exists()]
    except OSError:
        return ()
    return tuple(sorted(found))


def names_of(radios: Sequence[str]) -> dict[str, str]:
    """Ask for each radio's name. Blocks, for some seconds at the worst."""
    found = {radio: _by_kernel(radio) for radio in radios}
    if not all(found.values()):
        found |= {radio: name for radio, name in _by_manager().items() if radio in found}
    found |= {radio: _by_iw(radio) for radio, name in found.items() if not name}
    return {radio: name for radio, name in found.items() if name}


def _by_kernel(radio: str) -> str:
    import fcntl  # noqa: PLC0415 - not there on Windows

    room = array.array("B", bytes(_NAME_BYTES_MAX + 1))
    where, _ = room.buffer_info()
    asked = struct.pack("16sPHH", radio.encode()[:15], where, _NAME_BYTES_MAX + 1, 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            answer = fcntl.ioctl(any_socket, _SIOCGIWESSID, asked.ljust(32, b"\0"))
    except OSError:
        return ""
    length: int = struct.unpack_from("16sPH", answer)[2]
    return plain(room.tobytes()[: min(length, _NAME_BYTES_MAX)])


def _by_manager() -> dict[str, str]:
    """Ask NetworkManager. Lines are `yes:wlan0:School`, with a backslash before a name's colon."""
    fields = ("--terse", "--fields", "ACTIVE,DEVICE,SSID")
    said = _ask("nmcli", *fields, "device", "wifi", "list", "--rescan", "no")
    lines = (re.split(rb"(?<!\\):", line, maxsplit=2) for line in said.splitlines())
    return {
        line[1].decode(errors="replace"): plain(re.sub(rb"\\(.)", rb"\1", line[2]))
        for line in lines
        if len(line) == 3 and line[0] == b"yes"  # noqa: PLR2004 - the three fields
    }


def _by_iw(radio: str) -> str:
    found = re.search(rb"^\s*SSID: (.*)$", _ask("iw", "dev", radio, "link"), re.MULTILINE)
    return (
        plain(_ESCAPED.sub(lambda byte: bytes.fromhex(byte[1].decode()), found[1])) if found else ""
    )


def _ask(*command: str) -> bytes:
    program = shutil.which(command[0])
    if program is None:
        return b""
    try:
        return subprocess.run(  # noqa: S603 - a program of the system, fixed words
            [program, *command[1:]],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=True,
            env={**os.environ, "LC_ALL": "C"},  # "yes", not "oui"
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return b""


def plain(raw: bytes) -> str:
    """Return a name as text. Anybody may call a Wi-Fi what they like."""
    return _UNPRINTABLE.sub("", raw[:_NAME_BYTES_MAX].decode(errors="replace")).strip()
