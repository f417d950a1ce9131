"""The hardware address of an interface's router, as the kernel has it (proc(5), arp(7))."""

import re
import sys
from pathlib import Path
from typing import Final

_NET: Final = Path("/proc/net")
_MAC: Final = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_NOBODY: Final = "00:00:00:00:00:00"


def gateway_of(interface: str, net: Path = _NET) -> str:
    """Return it in lower case; "" where there is no default route, or it was never spoken to."""
    router = _router(interface, net / "route")
    try:
        lines = (net / "arp").read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) >= 6 and (fields[0], fields[5]) == (router, interface):  # noqa: PLR2004
            mac = fields[3].lower()
            return mac if _MAC.fullmatch(mac) and mac != _NOBODY else ""
    return ""


def _router(interface: str, routes: Path) -> str:
    """Return the gateway of the default route; "" for none."""
    try:
        lines = routes.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) > 2 and fields[0] == interface and fields[1] == "00000000":  # noqa: PLR2004
            return ".".join(map(str, int(fields[2], 16).to_bytes(4, sys.byteorder)))
    return ""
