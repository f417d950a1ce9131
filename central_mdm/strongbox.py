"""A stream of any length sealed by a passphrase: what is too large to be held, as backups are.

The key is made as `contract.sealed` says. The stream is cut into pieces, each sealed under its
number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár, 2015): pieces that are moved, repeated or cut off at the end are noticed where they are read.
"""

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from msgspec import Meta, Struct, json

from central_mdm.contract.sealed import NONCE_BYTES, PASSPHRASE_MIN, SALT_BYTES
from central_mdm.identity.sealed import key_from
from central_mdm.platform.errors import Malformed

PIECE_BYTES: Final = 1024 * 1024
TAG_BYTES: Final = 16
HEADER_BYTES_MAX: Final = 512
_COUNTED: Final = 5
"""Bytes of a nonce that are not random: four of number, one that says whether it is the last."""


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of the file: all that can be read of it without the passphrase."""

    form: Literal["pupitre-backup-1"]
    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    nonce: Annotated[
        bytes, Meta(min_length=NONCE_BYTES - _COUNTED, max_length=NONCE_BYTES - _COUNTED)
    ]


class Sealing:
    """What is written goes sealed into `file`; without `close` at the end it does not open."""

    def __init__(self, file: BinaryIO, passphrase: str, salt: bytes, nonce: bytes) -> None:
        """Raise Malformed for a passphrase that is too short. The randoms are used once."""
        if len(passphrase) < PASSPHRASE_MIN:
            raise Malformed("passphrase", f"A passphrase has {PASSPHRASE_MIN} characters or more.")
        self._file = file
        self._box = ChaCha20Poly1305(key_from(passphrase, salt))
        self._nonce = nonce
        self._header = json.encode(Header("pupitre-backup-1", salt, nonce)) + b"\n"
        self._waiting = bytearray()
        self._number = 0
        file.write(self._header)

    def write(self, content: bytes) -> int:
        self._waiting += content
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return len(content)

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._nonce, self._number, last=last)
        self._file.write(self._box.encrypt(nonce, piece, self._header))
        self._number += 1


class Opening:
    """Reads what `Sealing` wrote. Each read raises Malformed where it is not whole and genuine."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        """Raise Malformed for what is no such file."""
        line = file.readline(HEADER_BYTES_MAX)
        try:
            header = json.decode(line, type=Header)
        except (ValueError, RecursionError):
            raise Malformed("no-backup", "This is no backup of ours.") from None
        box = ChaCha20Poly1305(key_from(passphrase, header.salt))
        self._pieces = _opened(file, box, header.nonce, line)
        self._left = b""

    def read(self, size: int) -> bytes:
        while len(self._left) < size and (piece := next(self._pieces, b"")):
            self._left += piece
        found, self._left = self._left[:size], self._left[size:]
        return found


def _opened(file: BinaryIO, box: ChaCha20Poly1305, nonce: bytes, header: bytes) -> Iterator[bytes]:
    number, piece, last = 0, file.read(PIECE_BYTES + TAG_BYTES), False
    while not last:
        following = file.read(PIECE_BYTES + TAG_BYTES)
        last = not following
        try:
            yield box.decrypt(_nonce(nonce, number, last=last), piece, header)
        except InvalidTag:
            told = "It is damaged or cut off." if number else "Not this passphrase, or damaged."
            raise Malformed("backup", told) from None
        number, piece = number + 1, following


def _nonce(random: bytes, number: int, *, last: bool) -> bytes:
    return random + number.to_bytes(4, "big") + bytes([last])
