"""The schools' private keys. Here files that only the server's user may read; a vault later."""

import hashlib
import os
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class Keys(Protocol):
    """Holds the issuing key of each school; it never goes into the database."""

    def make(self, school: str) -> Ed25519PrivateKey:
        """Make and keep a school's key. Raises FileExistsError where there is one."""
        ...

    def key(self, school: str) -> Ed25519PrivateKey:
        """Return it. Raises LookupError for a school without a key."""
        ...


class FolderKeys:
    """One PEM file a school, mode 0600."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[str, Ed25519PrivateKey] = {}

    def make(self, school: str) -> Ed25519PrivateKey:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._path(school)
        # Never open to others, not even between making and closing it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return key

    def key(self, school: str) -> Ed25519PrivateKey:
        if school not in self._held:
            try:
                found = load_pem_private_key(self._path(school).read_bytes(), None)
            except FileNotFoundError:
                raise LookupError(school) from None
            if not isinstance(found, Ed25519PrivateKey):
                raise LookupError(school)
            self._held[school] = found
        return self._held[school]

    def _path(self, school: str) -> Path:
        return self._root / f"{hashlib.sha256(school.encode()).hexdigest()[:32]}.pem"
