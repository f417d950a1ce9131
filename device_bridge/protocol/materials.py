"""Hand-outs to pupils and hand-ins back: what is declared, asked for, offered and moved."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import (
    PIECE_BYTES_MAX,
    Bytes,
    DeadlineSeconds,
    FileName,
    Hash,
    Id,
    Sentence,
    Version,
)


class Document(Struct, frozen=True):
    """A hand-out. `document` is the BLAKE3 hash of its encoded manifest."""

    handout: Id
    document: Hash
    name: FileName
    size: Bytes
    open: bool = True


class MaterialsDeclared(Struct, frozen=True, tag="materials-declared"):
    """All documents of the lesson. What is missing is fetched; what is gone was withdrawn.

    `withdrawn` names the hand-outs whose copies are taken back where nobody has opened them, also
    of the same teacher's earlier lessons: the device may have been away then. An
    app that leaves it out has the copies stay; a device that does not know it leaves them, too.
    """

    version: Version
    lesson: Id
    documents: Annotated[tuple[Document, ...], Meta(max_length=100)] = ()
    withdrawn: Annotated[tuple[Id, ...], Meta(max_length=100)] = ()


class MaterialReport(Struct, frozen=True, tag="material-report"):
    """How far one hand-out is on this device; `have` counts verified bytes.

    "wanted": the app should dial `/bulk`; with the reason "no-seat" it has come and waits for a
    login. "arrived": whole, verified and in the pupil's folder; `hash` is the BLAKE3 of the file as
    it lies on the disk. "opened": shown to the pupil. Once withdrawn it is "withdrawn" where no
    copy of ours lies there any more, and "opened" where the pupil has it, with the reason "changed"
    if it was moved or written to in the folder.
    "failed": `reason` is one of "disk-full", "not-whole", "refused", "unreadable", "cannot-open";
    with "disk-full" `free_bytes` is what may be written there.
    """

    handout: Id
    version: Version
    state: Literal["wanted", "fetching", "arrived", "opened", "withdrawn", "failed"]
    have: Bytes = 0
    hash: Annotated[bytes, Meta(max_length=32)] = b""
    reason: Sentence = ""
    free_bytes: Bytes = 0


class HandInAsked(Struct, frozen=True, tag="hand-in-asked"):
    """A ticket to collect: the device offers at most so much, from its hand-in folder only."""

    id: Id
    deadline_seconds: DeadlineSeconds
    lesson: Id
    quota_bytes: Bytes = 200 * 1024 * 1024
    quota_files: Annotated[int, Meta(ge=1, le=50)] = 50


class OfferedFile(Struct, frozen=True):
    """One file of a hand-in; `document` hashes its manifest, `changing`: it is being written."""

    name: FileName
    size: Bytes
    document: Hash
    changing: bool = False


class HandInOffered(Struct, frozen=True, tag="hand-in-offered"):
    """What the device has for the ticket `id`; the app then fetches over `/bulk`."""

    id: Id
    files: Annotated[tuple[OfferedFile, ...], Meta(max_length=50)] = ()
    left_out: Annotated[int, Meta(ge=0)] = 0


class HandInTaken(Struct, frozen=True, tag="hand-in-taken"):
    """The app holds these documents on its disk, verified: the pupil is told so."""

    id: Id
    documents: Annotated[tuple[Hash, ...], Meta(max_length=50)] = ()


# On `/bulk`, either end may want and either end may supply.


class ManifestWanted(Struct, frozen=True, tag="manifest-wanted"):
    """Ask for a document's manifest."""

    document: Hash


class ManifestSent(Struct, frozen=True, tag="manifest-sent"):
    """`raw` hashes to `document`; decode it with `device_bridge.materials.manifest`."""

    document: Hash
    raw: Annotated[bytes, Meta(max_length=PIECE_BYTES_MAX)]


class ChunkWanted(Struct, frozen=True, tag="chunk-wanted"):
    """Ask for a chunk of `document` from byte `offset` of the chunk on."""

    document: Hash
    chunk: Hash
    offset: Bytes = 0


class ChunkPiece(Struct, frozen=True, tag="chunk-piece"):
    """Bytes of a chunk; pieces of one chunk come in order."""

    chunk: Hash
    offset: Bytes
    piece: Annotated[bytes, Meta(max_length=PIECE_BYTES_MAX)]


class NotHeld(Struct, frozen=True, tag="not-held"):
    """The supplier has no such manifest or chunk, or may not give it on this link."""

    hash: Hash
