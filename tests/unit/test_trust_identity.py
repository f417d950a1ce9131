import os
import stat
from pathlib import Path

import pytest
from cryptography import x509

from device_bridge.protocol.errors import NotPaired
from device_bridge.trust.identity import (
    CERTIFICATE_FILE,
    KEY_FILE,
    Identity,
    csr,
    new_key,
    thumbprint,
    write_private,
)
from tests.school import SmallSchool


def test_an_identity_is_kept_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    made = SmallSchool().identity("device", "dev-1")
    made.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {KEY_FILE, CERTIFICATE_FILE}
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = Identity.load(tmp_path)
    assert read.certificate == made.certificate
    assert "PRIVATE" not in repr(read)


def test_a_spoilt_or_missing_identity_says_pair_again(tmp_path: Path) -> None:
    with pytest.raises(NotPaired):
        Identity.load(tmp_path)
    SmallSchool().identity("device", "dev-1").save(tmp_path)
    write_private(tmp_path / KEY_FILE, b"spoilt")
    with pytest.raises(NotPaired):
        Identity.load(tmp_path)


def test_a_file_that_cannot_be_replaced_stays_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_private(target, b"x")
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_said_to_be_written_when_its_name_is_on_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda one: synced.append(stat.S_ISDIR(os.fstat(one).st_mode)))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    write_private(tmp_path / "standby", b"the only copy")
    assert synced == [False, True]


def test_a_request_for_a_certificate_proves_the_key() -> None:
    key = new_key()
    request = x509.load_pem_x509_csr(csr(key, "dev-1").encode())
    assert request.is_signature_valid
    assert thumbprint(request.public_key()) == thumbprint(key.public_key())
