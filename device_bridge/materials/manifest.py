"""A document's manifest: its chunks in order, by size and BLAKE3.

The document's id is the BLAKE3 of the manifest's encoded bytes, so the same file cut in the same
way has one id everywhere. Parameters belong to format 1 and never change within it: other cut
points would mean that nothing is found again.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO, Final, Literal, cast

import fastcdc  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from blake3 import blake3

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, Manifest
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.fields import PIECE_BYTES_MAX

Chunking = Literal["fixed-4m", "fastcdc-1m"]

MANIFEST_BYTES_MAX: Final = PIECE_BYTES_MAX
CHUNKS_MAX: Final = 5000
CDC_LEAST: Final = 256 * 1024
CDC_USUAL: Final = 1024 * 1024
# At 1 MiB a chunk, what is larger would near the 5000 chunks a manifest holds.
CDC_DOCUMENT_MAX: Final = 2 * 1024**3
# A change in them moves bytes about; in media, PDF and zip (so in .odt and .docx) it changes all.
EDITED: Final = frozenset(
    f".{suffix}"
    for group in (
        ("bmp", "css", "csv", "htm", "html", "json", "md", "rtf", "svg", "tex", "tsv", "txt"),
        ("c", "cpp", "ipynb", "java", "js", "py", "sql", "xml", "yaml", "yml"),
        ("db", "fodp", "fods", "fodt", "sqlite", "vmdk", "wav"),
    )
    for suffix in group
)

_cut: Final = cast("Any", fastcdc).fastcdc
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Manifest)


def chunking_of(name: str, size: int) -> Chunking:
    """Choose how to cut a file: where its bytes move when it is edited, by content."""
    edited = PurePath(name).suffix.lower() in EDITED and size <= CDC_DOCUMENT_MAX
    return "fastcdc-1m" if edited else "fixed-4m"


def chunks_of(file: BinaryIO, chunking: Chunking) -> Iterator[memoryview]:
    """Yield the chunks of `file`, which is unbuffered, from where it stands.

    Each is valid until the next is asked for: one buffer serves all.
    """
    buffer = bytearray(CHUNK_BYTES_MAX)
    view = memoryview(buffer)
    filled = 0
    while filled := filled + _fill(file, view[filled:]):
        size = filled if chunking == "fixed-4m" else _first_cut(view[:filled])
        yield view[:size]
        view[: filled - size] = bytes(view[size:filled])
        filled -= size


def read_manifest(file: BinaryIO, chunking: Chunking) -> Manifest:
    """Cut and hash `file` (unbuffered) from its start. Blocks: call it in a worker thread."""
    return _read(file, chunking, lambda _: None)


def read_whole(file: BinaryIO, chunking: Chunking) -> tuple[Manifest, bytes]:
    """Do the same, and return the BLAKE3 of the whole file beside it, read once for both."""
    hasher = blake3()
    return _read(file, chunking, hasher.update), hasher.digest()


def _read(file: BinaryIO, chunking: Chunking, also: Callable[[memoryview], object]) -> Manifest:
    file.seek(0)
    chunks: list[ChunkRef] = []
    for chunk in islice(chunks_of(file, chunking), CHUNKS_MAX + 1):
        chunks.append(ChunkRef(len(chunk), blake3(chunk).digest()))
        also(chunk)
    if len(chunks) > CHUNKS_MAX:
        raise Malformed("larger than a manifest can say")
    return Manifest(1, chunking, sum(chunk.size for chunk in chunks), tuple(chunks))


def encode(manifest: Manifest) -> bytes:
    return _encoder.encode(manifest)


def decode(raw: bytes) -> Manifest:
    """Read a manifest from anyone; raises `Malformed` for all that cannot be a document."""
    if len(raw) > MANIFEST_BYTES_MAX:
        raise Malformed("a manifest too large")
    try:
        manifest = _decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from error
    if manifest.size != sum(chunk.size for chunk in manifest.chunks):
        raise Malformed("sizes that do not add up")
    sizes: dict[bytes, int] = {}
    if any(sizes.setdefault(chunk.hash, chunk.size) != chunk.size for chunk in manifest.chunks):
        raise Malformed("one chunk with two sizes")
    return manifest


def document_of(raw: bytes) -> bytes:
    """Return the id of the document whose encoded manifest is `raw`."""
    return blake3(raw).digest()


def hash_of_file(file: BinaryIO) -> bytes:
    """Return the BLAKE3 of `file` (unbuffered) from its start, whatever its chunks."""
    file.seek(0)
    hasher = blake3()
    buffer = bytearray(CHUNK_BYTES_MAX)
    view = memoryview(buffer)
    while filled := _fill(file, view):
        hasher.update(view[:filled])
    return hasher.digest()


def _fill(file: BinaryIO, into: memoryview) -> int:
    """Read until `into` is full or the file ends; a raw read may give less than asked."""
    filled = 0
    while filled < len(into) and (got := cast("Any", file).readinto(into[filled:])):
        filled += got
    return filled


def _first_cut(window: memoryview) -> int:
    chunk = next(iter(_cut(window, CDC_LEAST, CDC_USUAL, CHUNK_BYTES_MAX)))
    return int(chunk.length)
