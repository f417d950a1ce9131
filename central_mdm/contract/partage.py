"""Partage: files as manifests and chunks, kept once a school.

A manifest's encoded bytes are as `device_bridge.materials.manifest` makes them; the server treats
them as msgpack of `Manifest` and verifies hash, sizes and presence before it commits.
Chunks go by PUT /api/chunks/<hex>, body is the chunk; idempotent. They come by
GET /api/chunks/<hex>?file=<id>, which may send on to the object store with an address of its own.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from central_mdm.contract.names import TEXT, Id

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
CHUNK_BYTES_MAX = 4 * 1024 * 1024
FILES_ASKED_MAX = 500


class ChunkRef(Struct, frozen=True, array_like=True):
    size: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    hash: Digest


class Manifest(Struct, frozen=True):
    """A document: its chunks in order. The document's id is the BLAKE3 of these encoded bytes."""

    format: Literal[1]
    chunking: Literal["fixed-4m", "fastcdc-1m"]
    size: Annotated[int, Meta(ge=0)]
    chunks: Annotated[tuple[ChunkRef, ...], Meta(max_length=5000)]


class FileOffered(Struct, frozen=True):
    """POST /api/files: what the app would keep there; `manifest` encoded. `id` made by the app."""

    id: Id
    lesson: Annotated[str, Meta(max_length=64, pattern=TEXT)]
    class_id: Id
    pupil: Annotated[str, Meta(max_length=64, pattern=TEXT)]
    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=TEXT)]
    manifest: Annotated[bytes, Meta(max_length=256 * 1024)]


class FileAnswer(Struct, frozen=True):
    """`missing`: chunks (hex) to PUT before POST /api/files again; empty: kept, with `document`.

    Refused with the reason "quota": of `allowed_bytes` there is room for `left_bytes` more, and
    this is larger. `quota_of` says whose they are: the school's, or this person's.
    """

    id: Id
    state: Literal["missing", "kept", "refused"]
    missing: tuple[str, ...] = ()
    document: str = ""
    reason: Annotated[str, Meta(max_length=200)] = ""
    left_bytes: Annotated[int, Meta(ge=0)] = 0
    allowed_bytes: Annotated[int, Meta(ge=0)] = 0
    quota_of: Literal["", "school", "person"] = ""


class FilesAsked(Struct, frozen=True):
    """POST /api/files/lacking: works that this teacher's app was told are kept."""

    ids: Annotated[tuple[Id, ...], Meta(max_length=FILES_ASKED_MAX)]


class FilesLacking(Struct, frozen=True):
    """Those of them that are not here, in the order in which they were named."""

    ids: tuple[Id, ...]


class FileKept(Struct, frozen=True):
    """GET /api/files/<id>/manifest: what is kept under an id.

    `addresses`: where each chunk may be read for some minutes, by GET without any token; none, or
    one that is good no more: by GET /api/chunks/<hex>.
    """

    id: Id
    lesson: str
    class_id: str
    pupil: str
    name: str
    manifest: bytes
    addresses: tuple[str, ...] = ()


class FileNamed(Struct, frozen=True):
    """A file of a list: all but what it is made of."""

    id: Id
    lesson: str
    pupil: str
    name: str
    size: int
    document: str


class FilesListed(Struct, frozen=True):
    """GET /api/files?class=&after=: a class's files by id; `has_more`: ask again after the last."""

    files: tuple[FileNamed, ...]
    has_more: bool
