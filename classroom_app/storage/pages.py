"""The pages of a store, opened one by one: a damaged one costs itself and no other.

SQLCipher gives a file up at the first page that is not what was written. Format: "SQLCipher
Design" (zetetic.net), version 4: each page of 4096 bytes is AES-256-CBC, then its IV, then
HMAC-SHA512 of both and of the page's number; the file's first 16 bytes are its salt. In the
write-ahead log they are the same pages.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE: Final = 4096
SALT: Final = 16
IV: Final = 16
MAC: Final = 64
MASK: Final = 0x3A
FAST_ROUNDS: Final = 2
HEADER: Final = b"SQLite format 3\0"


class Opener:
    """Opens the pages of one file by its key (64 hex digits) and its salt.

    Without a salt, which goes into the HMAC alone, all but the first open, and none is proved
    (`proves`): damage in one is not seen, so what is read of it has to prove itself.
    """

    def __init__(self, key: str, salt: bytes | None) -> None:
        self._secret = bytes.fromhex(key)
        self.proves = salt is not None
        masked = bytes(byte ^ MASK for byte in salt or b"")
        self._of_mac = hashlib.pbkdf2_hmac(
            "sha512", self._secret, masked, FAST_ROUNDS, len(self._secret)
        )

    def number_of(self, raw: bytes, numbers: Iterable[int]) -> int:
        """Return as which of `numbers` a page was written; 0: as none, or it is damaged."""
        if len(raw) != PAGE:
            return 0
        if not self.proves:
            return next(iter(numbers), 0)
        for number in numbers:
            told = hmac.new(self._of_mac, raw[_start(number) : -MAC], hashlib.sha512)
            told.update(number.to_bytes(4, "little"))
            if hmac.compare_digest(told.digest(), raw[-MAC:]):
                return number
        return 0

    def page(self, raw: bytes, number: int) -> bytes | None:
        """Return a page without its cipher; None: it is damaged. A piece of one is."""
        if not self.number_of(raw, (number,)) or (number == 1 and not self.proves):
            return None
        end = PAGE - IV - MAC
        cipher = Cipher(algorithms.AES256(self._secret), modes.CBC(raw[end : end + IV])).decryptor()
        content = cipher.update(raw[_start(number) : end]) + cipher.finalize()
        return (HEADER if number == 1 else b"") + content + bytes(IV + MAC)


def _start(number: int) -> int:
    return SALT if number == 1 else 0
