"""Documents on a real disk: kept, begun, resumed, finished, placed, and a disk that is full."""

import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from device_bridge.materials.errors import DiskFull, Unreadable, Withheld
from device_bridge.materials.library import RESERVE_BYTES, Held, Library, Reading, raw_file
from device_bridge.materials.names import open_inside
from device_bridge.materials.part import Part
from device_bridge.protocol.errors import TryAgain
from tests.disks import disk

MEGABYTE = 1024 * 1024
GIGABYTE = 1024 * MEGABYTE


def content_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - a file's content, no secret


def kept(folder: Path, content: bytes, name: str = "film.mp4") -> tuple[Library, Held]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    library = Library(folder / "library")
    return library, library.keep(folder / name)


def raw_of(library: Library, document: bytes) -> bytes:
    reading = library.open(document)
    reading.close()
    return reading.raw


def fill(part: Part, content: bytes) -> None:
    """Write all chunks that lack, from the document's content."""
    start, starts = 0, dict[bytes, int]()
    for chunk in part.manifest.chunks:
        starts.setdefault(chunk.hash, start)
        start += chunk.size
    for lack in part.lacking():
        at = starts[lack.chunk]
        part.write(lack.chunk, lack.have, [content[at + lack.have : at + lack.size]])
        assert part.judge(lack.chunk)


def test_a_document_is_the_file_as_it_was_when_it_was_kept(tmp_path: Path) -> None:
    content = content_of(9 * MEGABYTE)
    library, held = kept(tmp_path, content)
    (tmp_path / "film.mp4").write_bytes(b"edited later")
    assert held.size == len(content)
    assert library.holds(held.document)
    assert library.path_of(held.document).read_bytes() == content
    assert library.held(held.document) == held


def test_the_same_file_twice_is_one_document(tmp_path: Path) -> None:
    library, held = kept(tmp_path, b"once")
    assert library.keep(tmp_path / "film.mp4") == held
    assert len(list((tmp_path / "library" / "documents").iterdir())) == 2
    assert not list((tmp_path / "library" / "partial").iterdir())


def test_a_zero_byte_file_is_a_document(tmp_path: Path) -> None:
    teacher, held = kept(tmp_path / "teacher", b"")
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw_of(teacher, held.document))
    assert part.lacking() == ()
    assert pupil.finish(part) == held
    assert pupil.path_of(held.document).read_bytes() == b""


def test_a_part_goes_on_where_it_was_left_even_within_a_chunk(tmp_path: Path) -> None:
    content = content_of(9 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    raw = raw_of(teacher, held.document)
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw)
    first, second, _ = part.manifest.chunks
    part.write(first.hash, 0, [content[: first.size]])
    assert part.judge(first.hash)
    part.write(second.hash, 0, [content[first.size : first.size + 1000]])
    assert not pupil.holds(held.document)
    pupil.leave(part)

    again = Library(tmp_path / "pupil").begin(raw)
    assert again.have == first.size
    assert again.lacking()[0].chunk == second.hash
    assert again.lacking()[0].have == 1000
    fill(again, content)
    pupil.finish(again)
    assert pupil.path_of(held.document).read_bytes() == content
    assert not list((tmp_path / "pupil" / "partial").iterdir())


def test_what_the_disk_lost_is_not_believed(tmp_path: Path) -> None:
    content = content_of(9 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    raw = raw_of(teacher, held.document)
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw)
    fill(part, content)
    pupil.leave(part)
    with part.path.open("r+b") as file:
        file.seek(5 * MEGABYTE)
        file.write(b"a power cut left this")
    again = pupil.begin(raw)
    assert [lack.chunk for lack in again.lacking()] == [again.manifest.chunks[1].hash]
    fill(again, content)
    pupil.finish(again)
    assert pupil.path_of(held.document).read_bytes() == content


def test_marks_of_garbage_are_no_marks(tmp_path: Path) -> None:
    content = content_of(5 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    raw = raw_of(teacher, held.document)
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw)
    pupil.leave(part)
    for garbage in (b"", b"\xff" * 13, b"\xff" * 4000):
        part.path.with_suffix(".have").write_bytes(garbage)
        again = pupil.begin(raw)
        assert again.have == 0
        assert len(again.lacking()) == 2
        pupil.leave(again)


def test_a_chunk_that_lies_in_many_places_comes_once(tmp_path: Path) -> None:
    content = bytes(12 * MEGABYTE) + b"end"
    teacher, held = kept(tmp_path / "teacher", content)
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw_of(teacher, held.document))
    assert len(part.lacking()) == 2
    fill(part, content)
    pupil.finish(part)
    assert pupil.path_of(held.document).read_bytes() == content


def test_wrong_bytes_are_forgotten(tmp_path: Path) -> None:
    teacher, held = kept(tmp_path / "teacher", content_of(1000))
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw_of(teacher, held.document))
    (lack,) = part.lacking()
    part.write(lack.chunk, 0, [b"x" * 1000])
    assert not part.judge(lack.chunk)
    assert part.lacking() == (lack,)
    with pytest.raises(ValueError, match="lacks"):
        pupil.finish(part)
    assert not pupil.holds(held.document)


def test_one_document_comes_one_way_at_a_time(tmp_path: Path) -> None:
    teacher, held = kept(tmp_path / "teacher", b"paper")
    raw = raw_of(teacher, held.document)
    pupil = Library(tmp_path / "pupil")
    part = pupil.begin(raw)
    with pytest.raises(TryAgain):
        pupil.begin(raw)
    pupil.leave(part)
    pupil.leave(pupil.begin(raw))


def test_three_gigabytes_with_one_free_are_refused_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "film.mp4"
    with huge.open("wb") as file:
        file.truncate(3 * GIGABYTE)
    library = Library(tmp_path / "library", free=lambda _: GIGABYTE)
    with pytest.raises(DiskFull) as caught:
        library.keep(huge)
    assert caught.value.needs == 3 * GIGABYTE
    assert caught.value.has == GIGABYTE - RESERVE_BYTES
    assert not list((tmp_path / "library" / "partial").iterdir())


def test_a_document_larger_than_the_pupil_has_room_for_is_not_begun(tmp_path: Path) -> None:
    teacher, held = kept(tmp_path / "teacher", content_of(9 * MEGABYTE))
    pupil = Library(tmp_path / "pupil", reserve_bytes=MEGABYTE, free=lambda _: 9 * MEGABYTE)
    for _ in range(2):  # and it may be tried again
        with pytest.raises(DiskFull):
            pupil.begin(raw_of(teacher, held.document))
    assert not list((tmp_path / "pupil" / "partial").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "small", "6m") as small:
        yield small.folder


def test_a_disk_that_fills_in_the_middle_shows_nothing_half(
    tmp_path: Path, small_disk: Path
) -> None:
    content = content_of(9 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    pupil = Library(small_disk, free=lambda _: GIGABYTE)  # others fill it while we write
    part = pupil.begin(raw_of(teacher, held.document))
    with pytest.raises(DiskFull):
        fill(part, content)
    pupil.leave(part)
    assert not pupil.holds(held.document)
    with pytest.raises(DiskFull):
        pupil.keep(tmp_path / "teacher" / "film.mp4")
    assert not list((small_disk / "documents").iterdir())
    pupil.drop(held.document)
    assert not list((small_disk / "partial").iterdir())


def test_a_limit_on_a_files_size_is_a_full_disk(tmp_path: Path) -> None:
    teacher, held = kept(tmp_path / "teacher", content_of(9 * MEGABYTE))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MEGABYTE, hard))
    try:
        with pytest.raises(DiskFull):
            Library(tmp_path / "pupil").begin(raw_of(teacher, held.document))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unreadable):
        Library(tmp_path / "file")
    with pytest.raises(Unreadable):
        Library(tmp_path / "library").keep(tmp_path / "missing.pdf")


def test_a_document_is_placed_under_a_safe_name_and_over_nothing(tmp_path: Path) -> None:
    content = content_of(5 * MEGABYTE)
    library, held = kept(tmp_path, content)
    folder = tmp_path / "received"
    folder.mkdir()
    placed = [library.place(held.document, folder, "../../Übung: 1.pdf") for _ in range(3)]
    assert [each.path.name for each in placed] == [
        "_.._Übung_ 1.pdf",
        "_.._Übung_ 1 (2).pdf",
        "_.._Übung_ 1 (3).pdf",
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(p.path.name for p in placed)
    for each in placed:
        assert each.path.parent == folder
        assert each.hash == blake3(each.path.read_bytes()).digest() == blake3(content).digest()
    placed[0].path.write_bytes(b"the pupil writes")
    assert library.path_of(held.document).read_bytes() == content


def test_a_hand_in_is_kept_from_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "essay.txt").write_text("Es war einmal")
    library = Library(tmp_path / "library")
    with open_inside(tmp_path, "essay.txt") as file:
        held = library.keep_open(file, "essay.txt")
    assert library.path_of(held.document).read_text() == "Es war einmal"


def test_what_the_disk_does_not_give_now_is_not_taken_for_lost(tmp_path: Path) -> None:
    library, held = kept(tmp_path, b"a pupil's work")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # as many files are open as may be
    try:
        with pytest.raises(Unreadable):
            library.open(held.document)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    raw = raw_of(library, held.document)
    with Path("/proc/self/mem").open("rb", buffering=0) as broken:  # its first bytes: EIO
        reading = Reading(raw, raw_file(broken))
        with pytest.raises(Unreadable):
            reading.read(next(iter(reading.places.values())), 0, 14, 1)
    path = library.path_of(held.document)
    path.rename(aside := tmp_path / "aside")
    path.symlink_to(path)
    for find in (library.open, library.path_of, library.held, library.renew):
        with pytest.raises(Unreadable):
            find(held.document)
    aside.replace(path)
    assert library.renew(held.document) == held


def test_what_is_not_wanted_any_more_goes(tmp_path: Path) -> None:
    library, first = kept(tmp_path, b"first")
    (tmp_path / "film.mp4").write_bytes(b"second")
    second = library.keep(tmp_path / "film.mp4")
    (tmp_path / "library" / "partial" / "left.copy").write_bytes(b"by a kill")
    library.sweep([second.document])
    assert not library.holds(first.document)
    assert library.holds(second.document)
    assert not list((tmp_path / "library" / "partial").iterdir())
    with pytest.raises(Withheld):
        library.path_of(first.document)
    with pytest.raises(Withheld):
        library.open(first.document)


def test_the_bridge_needs_no_qt_to_move_documents() -> None:
    code = (
        "import sys; sys.modules['PySide6'] = None; import device_bridge.materials.bulk, "
        "device_bridge.materials.library"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
