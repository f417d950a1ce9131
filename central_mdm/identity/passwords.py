"""Passwords, kept as Argon2id with the library's defaults (RFC 9106, low-memory profile)."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher: Final = PasswordHasher()
# Verified where the login is unknown, so that the answer takes as long as for a known one.
NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZS1zYWx0LWZvci1ub2JvZHk$"
    "VYnhWV2Ntp3FnqEZPjwc5fVqLlq6VYU7vj9MshY1D0s"
)


def hash_password(password: str) -> str:
    """About 50 ms and 64 MiB: call it in a worker thread."""
    return _hasher.hash(password)


def matches(kept: str, password: str) -> bool:
    """About 50 ms and 64 MiB: call it in a worker thread."""
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
