"""The device's small files: written over, or replaced, and never half."""

import errno
import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_bridge.agent.folder import overwrite_private, read_kept


@pytest.mark.parametrize("sizes", [(10, 5, 20), (5000, 3, 9000), (4096, 4097, 4096)])
def test_what_is_written_over_is_the_new_and_spaces(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "state.json"
    for number, size in enumerate(sizes):
        raw = bytes([65 + number]) * size
        overwrite_private(path, raw)
        held = read_kept(path)
        assert held is not None
        assert held.rstrip() == raw
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def room_for(size: int) -> Generator[None]:
    """Let this process write no file longer than `size`, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [4096, 5000])
def test_where_there_is_no_room_the_old_stays_whole(tmp_path: Path, room: int) -> None:
    path = tmp_path / "state.json"
    overwrite_private(path, b"old")
    with room_for(room), pytest.raises(OSError, match=r"room|large") as refused:
        overwrite_private(path, b"n" * 9000)
    assert refused.value.errno in {errno.ENOSPC, errno.EFBIG}
    assert (read_kept(path) or b"").rstrip() == b"old"
    overwrite_private(path, b"new")
    assert (read_kept(path) or b"").rstrip() == b"new"
