"""Facts of this machine for the MDM; they change seldom, so their hash is what is compared."""

import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from central_mdm.contract.fleet import NETWORKS_MAX, Inventory
from device_bridge.discovery.interfaces import OwnAddress, own_addresses

_STEP_BYTES: Final = 10 * 1024**3
"""Free space is told in steps: each byte written would else be a new inventory."""
_MODEL: Final = Path("/sys/class/dmi/id/product_name")


def inventory_of(folder: Path, kind: str, agent: str) -> Inventory:
    """Look at the machine. Blocks, shortly."""
    free = shutil.disk_usage(folder).free
    return Inventory(
        kind=kind,
        system=platform.platform()[:120],
        model=_read(_MODEL)[:120],
        agent=agent[:40],
        disk_free_bytes=free // _STEP_BYTES * _STEP_BYTES,
        memory_bytes=_memory_bytes(),
        networks=networks_of(own_addresses()),
    )


def networks_of(own: Iterable[OwnAddress]) -> str:
    """Return the ranges this machine is on, IPv4 first; no names: a Wi-Fi's tells who lives there.

    Without what every machine has (loopback, link-local), which tells nothing.
    """
    ranges = [one.network for one in own if not one.loopback]
    told = sorted(
        {(each.version, str(each)) for each in ranges if not each.is_link_local and each.prefixlen}
    )
    return " ".join(text for _, text in told[:NETWORKS_MAX])


def hash_of_inventory(inventory: Inventory) -> str:
    return blake3(msgspec.json.encode(inventory, order="deterministic")).hexdigest()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
