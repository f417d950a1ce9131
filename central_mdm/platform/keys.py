"""The schools' private keys and the servers' own secret: files here, a vault later.

Only the server's user may read them.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from central_mdm.platform.errors import Malformed

PASSES_BYTES: Final = 32
SEAL_BYTES: Final = 32


class Keys(Protocol):
    """Holds the issuing key of each school; it never goes into the database."""

    def passes(self) -> bytes:
        """Return the 32 bytes that devices' passes are known by, the same for all servers.

        Raises Malformed where they are damaged.
        """
        ...

    def make(self, school: str) -> Ed25519PrivateKey:
        """Make and keep a school's key. Raises FileExistsError where there is one."""
        ...

    def keep(self, school: str, key: Ed25519PrivateKey) -> None:
        """Keep a key that was made elsewhere. Raises FileExistsError where there is one."""
        ...

    def key(self, school: str) -> Ed25519PrivateKey:
        """Return it. Raises LookupError for a school without a key."""
        ...

    def stage(self, school: str) -> Ed25519PrivateKey:
        """Make and keep the key that is to be next; asked again, it is the same one."""
        ...

    def take_up(self, school: str) -> None:
        """Put the staged key in the place of the school's; the old one is no more."""
        ...

    def sealing(self, school: str) -> bytes:
        """Return the 32 bytes that seal what the school's database keeps in secret; made once.

        They stay when the school's key is succeeded. Raises LookupError for a school without a key.
        """
        ...

    def drop(self, school: str) -> None:
        """Keep nothing of this school any more."""
        ...


class FolderKeys:
    """One PEM file a school and one of what seals, mode 0600."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[str, tuple[int, Ed25519PrivateKey]] = {}
        self._passes = b""

    def passes(self) -> bytes:
        if not self._passes:
            self._passes = self._secret(self._root / "passes.key", PASSES_BYTES)
        return self._passes

    def make(self, school: str) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        self.keep(school, key)
        return key

    def keep(self, school: str, key: Ed25519PrivateKey) -> None:
        self._write(self._path(school), _pem(key))

    def key(self, school: str) -> Ed25519PrivateKey:
        path = self._path(school)
        try:
            # Another process may have taken up the next one: `pupitre-mdm succeed`.
            number = path.stat().st_ino
        except FileNotFoundError:
            raise LookupError(school) from None
        held = self._held.get(school)
        if held is None or held[0] != number:
            self._held[school] = held = number, _read(path)
        return held[1]

    def stage(self, school: str) -> Ed25519PrivateKey:
        path = self._staged(school)
        if not path.exists():
            self._write(path, _pem(Ed25519PrivateKey.generate()))
        return _read(path)

    def take_up(self, school: str) -> None:
        self._staged(school).replace(self._path(school))

    def sealing(self, school: str) -> bytes:
        path = self._path(school).with_suffix(".seal")
        if not path.exists():
            self.key(school)  # for a school only: names that a stranger sends make no files
        return self._secret(path, SEAL_BYTES)

    def drop(self, school: str) -> None:
        path = self._path(school)
        for each in (path, path.with_suffix(".seal"), self._staged(school)):
            each.unlink(missing_ok=True)
        self._held.pop(school, None)

    def _secret(self, path: Path, length: int) -> bytes:
        """Return what is kept there, made where there is none.

        Raises Malformed for a damaged one: with an empty key anybody could write a pass.
        """
        if not path.exists():
            with suppress(FileExistsError):
                self._write(path, secrets.token_bytes(length))
        kept = path.read_bytes()
        if len(kept) != length:
            told = f"{path} is damaged: {len(kept)} bytes of {length}. Bring it back from a copy."
            raise Malformed("key-damaged", told)
        return kept

    def _write(self, path: Path, content: bytes) -> None:
        """Keep it whole or not at all. Raises FileExistsError where there is one."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            # Never open to others, not even between making and closing it.
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A link, not a rename: of two processes that make one, the first has made it.
            os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)

    def _path(self, school: str) -> Path:
        return self._root / f"{hashlib.sha256(school.encode()).hexdigest()[:32]}.pem"

    def _staged(self, school: str) -> Path:
        return self._path(school).with_suffix(".next")


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except ValueError:
        told = f"{path} is damaged. Bring it back from a copy."
        raise Malformed("key-damaged", told) from None
    if not isinstance(found, Ed25519PrivateKey):
        raise LookupError(path.name)  # noqa: TRY004 - the file's mistake, not the caller's
    return found
