"""What a guard is made of besides its folder: time, chance, threads, room on the disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, TypeVar, TypeVarTuple

from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.folders import PupilsFolders

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


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
    """Two to four threads for what is small and waited for; many guards may share them."""
    bulk: Executor
    """As `off_loop.bulk_threads`: for documents, which may be long; many guards may share them."""
    library: LibraryOptions = field(default_factory=LibraryOptions)
    folders: PupilsFolders | None = None
    """Where the pupil's files lie, if not with the guard."""

    async def off_loop(self, work: Callable[[*Ts], R], *args: *Ts) -> R:
        """Run what waits for the disk for a moment in a worker."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, work, *args)

    async def in_bulk(self, work: Callable[[*Ts], R], *args: *Ts) -> R:
        """Run what reads, hashes or writes a document."""
        return await asyncio.get_running_loop().run_in_executor(self.bulk, work, *args)
