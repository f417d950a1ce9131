"""Facts of this machine for the MDM; they change seldom, so their hash is what is compared."""

import os
import platform
import shutil
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from central_mdm.contract.fleet import Inventory

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
    )


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
