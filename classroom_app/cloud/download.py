"""Bringing collected work to another computer of the same teacher, chunk by chunk."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from blake3 import blake3

from central_mdm.contract.partage import ChunkRef, FileKept, Manifest
from classroom_app.cloud.errors import NotAServer

_manifest = msgspec.msgpack.Decoder(Manifest)


class Serves(Protocol):
    """The part of `Cloud` that a download needs."""

    async def manifest(self, file: str) -> FileKept: ...
    async def get_chunk(self, name: str, file: str, address: str = "") -> bytes:
        """Return the chunk of that name, its hash verified."""
        ...


async def download(cloud: Serves, file: str, document: str, into: Path) -> None:
    """Bring a file to `into`, whole and on the disk, or raise a CloudError or an OSError.

    `document` is the id that it has in the list: another one is refused. What an interrupted
    download had brought lies in `<into>.part`; it is verified and gone on from.
    """
    kept = await cloud.manifest(file)
    if blake3(kept.manifest).hexdigest() != document:
        raise NotAServer("another-document")
    try:
        chunks = _manifest.decode(kept.manifest).chunks
    except (ValueError, RecursionError):
        raise NotAServer("malformed") from None
    part = into.with_name(f"{into.name}.part")
    with await asyncio.to_thread(_open, part) as writing:
        here = await asyncio.to_thread(_verified, writing, chunks)
        places = dict(enumerate(kept.addresses))
        for number, chunk in enumerate(chunks[here:], here):
            content = await cloud.get_chunk(chunk.hash.hex(), file, places.get(number, ""))
            await asyncio.to_thread(writing.write, content)
        await asyncio.to_thread(_finish, writing)
    await asyncio.to_thread(part.replace, into)


def _open(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)


def _verified(file: BinaryIO, chunks: tuple[ChunkRef, ...]) -> int:
    """Return how many chunks lie there as they should, and cut off what follows them."""
    good = 0
    for number, chunk in enumerate(chunks):
        if blake3(file.read(chunk.size)).digest() != chunk.hash:
            break
        good = number + 1
    end = sum(chunk.size for chunk in chunks[:good])
    file.truncate(end)
    file.seek(end)
    return good


def _finish(file: BinaryIO) -> None:
    os.fsync(file.fileno())
