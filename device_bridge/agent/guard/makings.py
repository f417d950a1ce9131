"""What a guard is made of besides its folder: time, chance, threads, room on the disk."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from device_bridge.agent.guard.clock import Clock


class LibraryOptions(TypedDict, total=False):
    """What a library may be told about its disk; a simulator says that it is full."""

    reserve_bytes: int
    free: Callable[[Path], int]


@dataclass(frozen=True)
class Makings:
    clock: Clock
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    workers: Executor
    """Two to four threads for the disk; many guards may share them."""
    library: LibraryOptions = field(default_factory=LibraryOptions)
