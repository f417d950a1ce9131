"""The server's keys in files: whole or not there, and none that anybody could guess."""

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from central_mdm.platform.errors import Malformed
from central_mdm.platform.keys import PASSES_BYTES, FolderKeys


def on_a_full_disk(act: Callable[[], object]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            act()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_a_full_disk_did_not_take_is_not_there_and_is_made_when_there_is_room(
    tmp_path: Path,
) -> None:
    keys = FolderKeys(tmp_path)
    for act in (keys.passes, lambda: keys.make("oak"), lambda: keys.stage("oak")):
        on_a_full_disk(act)
        assert not list(tmp_path.iterdir()), "half of a key is worse than none"
    made = keys.make("oak")
    assert FolderKeys(tmp_path).key("oak").private_bytes_raw() == made.private_bytes_raw()
    on_a_full_disk(lambda: keys.sealing("oak"))
    assert len(keys.passes()) == PASSES_BYTES
    assert FolderKeys(tmp_path).passes() == keys.passes()
    with pytest.raises(FileExistsError):
        keys.make("oak")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".key", ".pem"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("left", [b"", b"half"])
def test_a_damaged_secret_is_refused_not_used(tmp_path: Path, left: bytes) -> None:
    FolderKeys(tmp_path).make("oak")
    FolderKeys(tmp_path).sealing("oak")
    FolderKeys(tmp_path).passes()
    for path in (tmp_path / "passes.key", next(tmp_path.glob("*.seal"))):
        path.write_bytes(left)
    keys = FolderKeys(tmp_path)
    for act in (keys.passes, lambda: keys.sealing("oak")):
        with pytest.raises(Malformed, match="key-damaged"):
            act()
