"""The pages of a store, opened one by one: a damaged one costs itself and no other.

SQLCipher gives a file up at the first page that is not what was written. Format: "SQLCipher
Design" (zetetic.net), version 4: each page of 4096 bytes is AES-256-CBC, then its IV, then
HMAC-SHA512 of both and of the page's number; the file's first 16 bytes are its salt.
"""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec import Struct

PAGE: Final = 4096
SALT: Final = 16
IV: Final = 16
MAC: Final = 64
MASK: Final = 0x3A
FAST_ROUNDS: Final = 2
HEADER: Final = b"SQLite format 3\0"
LOGGED: Final = slice(18, 20)
"""Where a file says that a log belongs to it, which one in memory cannot have."""


class Pages(Struct, frozen=True):
    """`plain`: the file without its cipher, damaged pages blank; `bad`: their numbers, from 1."""

    plain: bytes
    bad: tuple[int, ...]


def opened(raw: bytes, key: str) -> Pages:
    """Open each page of a store's file; `key` is 64 hex digits. A piece of a page is a bad one."""
    secret, salt = bytes.fromhex(key), raw[:SALT]
    masked = bytes(byte ^ MASK for byte in salt)
    of_mac = hashlib.pbkdf2_hmac("sha512", secret, masked, FAST_ROUNDS, len(secret))
    plain, bad = bytearray(), list[int]()
    for number, start in enumerate(range(0, len(raw), PAGE), 1):
        page = _page(raw[start : start + PAGE], number, secret, of_mac)
        if page is None:
            bad.append(number)
        plain += page or bytes(PAGE)
    if 1 not in bad:
        plain[LOGGED] = b"\1\1"
    return Pages(bytes(plain), tuple(bad))


def _page(raw: bytes, number: int, secret: bytes, of_mac: bytes) -> bytes | None:
    start, end = SALT if number == 1 else 0, PAGE - IV - MAC
    told = hmac.new(of_mac, raw[start : end + IV], hashlib.sha512)
    told.update(number.to_bytes(4, "little"))
    if len(raw) != PAGE or not hmac.compare_digest(told.digest(), raw[end + IV :]):
        return None
    cipher = Cipher(algorithms.AES256(secret), modes.CBC(raw[end : end + IV])).decryptor()
    content = cipher.update(raw[start:end]) + cipher.finalize()
    return (HEADER if number == 1 else b"") + content + bytes(IV + MAC)
