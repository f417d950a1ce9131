"""A file is cut, hashed and named; a manifest from anyone is bounded."""

import io
import random
from typing import Any

import msgspec
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, Manifest
from device_bridge.materials.manifest import (
    CDC_LEAST,
    Chunking,
    chunking_of,
    decode,
    document_of,
    encode,
    hash_of_file,
    read_manifest,
    read_whole,
)
from device_bridge.protocol.errors import Malformed

MEGABYTE = 1024 * 1024


def bytes_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - a file's content, no secret


@pytest.mark.parametrize("chunking", ["fixed-4m", "fastcdc-1m"])
def test_the_chunks_are_the_file(chunking: Chunking) -> None:
    content = bytes_of(1, 9 * MEGABYTE + 17)
    manifest = read_manifest(io.BytesIO(content), chunking)
    start = 0
    for chunk in manifest.chunks:
        assert blake3(content[start : start + chunk.size]).digest() == chunk.hash
        assert 0 < chunk.size <= CHUNK_BYTES_MAX
        start += chunk.size
    assert start == manifest.size == len(content)
    assert decode(encode(manifest)) == manifest


def test_the_same_file_has_one_id_and_another_file_another() -> None:
    one, two = (
        document_of(encode(read_manifest(io.BytesIO(content), "fixed-4m")))
        for content in (b"lesson", b"Lesson")
    )
    again = document_of(encode(read_manifest(io.BytesIO(b"lesson"), "fixed-4m")))
    assert one == again != two


def test_an_empty_file_is_a_document_without_chunks() -> None:
    manifest = read_manifest(io.BytesIO(b""), "fixed-4m")
    assert manifest == Manifest(1, "fixed-4m", 0, ())
    assert decode(encode(manifest)) == manifest


def test_a_byte_put_into_an_edited_document_leaves_most_chunks_as_they_were() -> None:
    content = bytes_of(2, 24 * MEGABYTE)
    before = read_manifest(io.BytesIO(content), "fastcdc-1m")
    after = read_manifest(io.BytesIO(content[:MEGABYTE] + b"!" + content[MEGABYTE:]), "fastcdc-1m")
    moved = {chunk.hash for chunk in after.chunks} - {chunk.hash for chunk in before.chunks}
    assert len(moved) <= 2
    assert all(chunk.size >= CDC_LEAST for chunk in before.chunks[:-1])


def test_cut_points_belong_to_the_format() -> None:
    """Whoever reads this file later, on whatever machine, finds the same document."""
    raw = encode(read_manifest(io.BytesIO(bytes_of(3, 5 * MEGABYTE)), "fastcdc-1m"))
    assert [chunk.size for chunk in decode(raw).chunks] == SIZES_OF_SEED_3
    assert document_of(raw).hex() == DOCUMENT_OF_SEED_3


def test_how_a_file_is_cut_follows_from_its_name_and_size() -> None:
    assert chunking_of("Aufsatz.TXT", 10) == "fastcdc-1m"
    assert chunking_of("film.mp4", 10) == "fixed-4m"
    assert chunking_of("huge.csv", 3 * 1024**3) == "fixed-4m"


def test_a_file_hashes_as_a_whole_whatever_its_chunks() -> None:
    content = bytes_of(4, 9 * MEGABYTE)
    assert hash_of_file(io.BytesIO(content)) == blake3(content).digest()


class Counting(io.BytesIO):
    given = 0

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - its signature
        got = super().readinto(buffer)
        self.given += got
        return got


@pytest.mark.parametrize("chunking", ["fixed-4m", "fastcdc-1m"])
def test_one_reading_gives_both_the_manifest_and_the_hash_of_the_whole(
    chunking: Chunking,
) -> None:
    content = bytes_of(5, 9 * MEGABYTE + 5)
    file = Counting(content)
    manifest, whole = read_whole(file, chunking)
    assert file.given == len(content)
    assert manifest == read_manifest(io.BytesIO(content), chunking)
    assert whole == blake3(content).digest()


def chunk(size: int = 3, fill: bytes = b"x") -> ChunkRef:
    return ChunkRef(size, fill * 32)


@pytest.mark.parametrize(
    "lie",
    [
        Manifest(1, "fixed-4m", 4, (chunk(),)),  # sizes that do not add up
        Manifest(1, "fixed-4m", 0, (chunk(0),)),
        Manifest(1, "fixed-4m", -1, ()),
        Manifest(1, "fixed-4m", 2**40, (chunk(2**40),)),
        Manifest(1, "fixed-4m", 5, (chunk(2), chunk(3))),  # one hash, two sizes
        Manifest(1, "fixed-4m", 3 * 5001, (chunk(),) * 5001),
        Manifest(1, "fixed-4m", 3, (ChunkRef(3, b"short"),)),
        Manifest(1, "any", 3, (chunk(),)),  # pyright: ignore[reportArgumentType]
        Manifest(2, "fixed-4m", 3, (chunk(),)),  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_manifest_that_lies_is_refused(lie: Manifest) -> None:
    with pytest.raises(Malformed):
        decode(msgspec.msgpack.encode(lie))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_manifest_are_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw)


def test_a_manifest_larger_than_a_message_is_not_looked_at() -> None:
    with pytest.raises(Malformed, match="too large"):
        decode(b"\0" * (256 * 1024 + 1))


SIZES_OF_SEED_3 = [440106, 1574279, 706550, 811782, 936697, 580938, 192528]
DOCUMENT_OF_SEED_3 = "55bce2a095ea9a419a6200e4e4f7f533891a501079b4aad5ee96a677375839c5"
