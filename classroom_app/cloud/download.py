"""Bringing collected work to another computer of the same teacher, several chunks at once.

No window asks for it yet: what runs it is the tests, also against the real server. One chunk has
the line to itself until that is known to be fast, as in `files`. Each is written in its own place
when it comes, so what was brought before the program was killed is not brought again.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec
from blake3 import blake3
from msgspec import Struct

from central_mdm.contract.partage import ChunkRef, FileKept, Manifest
from classroom_app.cloud.errors import CloudError, NotAServer
from classroom_app.cloud.line import Line
from device_bridge.materials.part import sync_folder

CHUNKS_BESIDE: Final = 5
"""So many are in memory at once, of 4 MiB at most."""
_manifest: Final = msgspec.msgpack.Decoder(Manifest)


class Serves(Protocol):
    """The part of `Cloud` that a download needs."""

    async def manifest(self, file: str) -> FileKept: ...
    async def get_chunk(self, name: str, file: str, address: str = "") -> bytes:
        """Return the chunk of that name, its hash verified."""
        ...


class Piece(Struct, frozen=True):
    """A chunk that is lacking: where it lies in the file, once or more often."""

    name: str
    size: int
    address: str
    places: list[int]


async def download(
    cloud: Serves, file: str, document: str, into: Path, line: Line | None = None
) -> None:
    """Bring a file to `into`, whole and on the disk, or raise a CloudError or an OSError.

    `document` is the id that it has in the list: another one is refused. What an interrupted
    download had brought lies in `<into>.part`; it is verified and gone on from. `line`: what is
    known of how fast it is.
    """
    kept = await cloud.manifest(file)
    if blake3(kept.manifest).hexdigest() != document:
        raise NotAServer("another-document")
    try:
        chunks = _manifest.decode(kept.manifest).chunks
    except (ValueError, RecursionError):
        raise NotAServer("malformed") from None
    part = into.with_name(f"{into.name}.part")
    lacking = await asyncio.to_thread(_lacking, part, chunks, kept.addresses)
    await _Download(cloud, file, part, line or Line()).bring(lacking)
    await asyncio.to_thread(_finish, part, into)


class _Download:
    """Brings what is lacking; each reader takes the next piece until there is none."""

    def __init__(self, cloud: Serves, file: str, part: Path, line: Line) -> None:
        self._cloud, self._file, self._part, self._line = cloud, file, part, line
        self._failed: CloudError | OSError | None = None
        self._readers = 1

    async def bring(self, lacking: list[Piece]) -> None:
        """Bring all of it. What fails lets those under way come to their end, and is raised."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(iter(lacking), tasks), name="download")
        if self._failed is not None:
            raise self._failed

    async def _read(self, left: Iterator[Piece], tasks: asyncio.TaskGroup) -> None:
        for piece in left:
            try:
                await self._piece(piece)
            except (CloudError, OSError) as error:
                self._failed = self._failed or error
            if self._failed is not None:
                return
            while self._line.fast and self._readers < CHUNKS_BESIDE:
                self._readers += 1
                tasks.create_task(self._read(left, tasks), name="download")

    async def _piece(self, piece: Piece) -> None:
        began = asyncio.get_running_loop().time()
        content = await self._cloud.get_chunk(piece.name, self._file, piece.address)
        self._line.took(len(content), began, asyncio.get_running_loop().time())
        if len(content) != piece.size:
            raise NotAServer("malformed")
        await asyncio.to_thread(_write, self._part, piece.places, content)


def _lacking(part: Path, chunks: tuple[ChunkRef, ...], addresses: tuple[str, ...]) -> list[Piece]:
    """Return what does not lie there as it should, in the file's order; cut off what is beyond."""
    found: dict[ChunkRef, Piece] = {}
    at = 0
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        for number, chunk in enumerate(chunks):
            if blake3(file.read(chunk.size)).digest() != chunk.hash:
                address = addresses[number] if number < len(addresses) else ""
                piece = Piece(chunk.hash.hex(), chunk.size, address, [])
                found.setdefault(chunk, piece).places.append(at)
            at += chunk.size
            file.seek(at)
        file.truncate(at)
    return list(found.values())


def _write(part: Path, places: list[int], content: bytes) -> None:
    """Lay a chunk where it belongs. Opened anew: who is cancelled leaves this thread behind."""
    with part.open("r+b", buffering=0) as file:
        for place in places:
            file.seek(place)
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]


def _finish(part: Path, into: Path) -> None:
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    part.replace(into)
    sync_folder(into.parent)
