"""By what both sides know that a scope arrived whole: a count, and a sum that knows no order.

For each live row of the scope (tombstones do not count) take the first 8 bytes, big-endian, of
BLAKE3 over `mark_of(entity, id, sequence)`; the checksum is the sum of these modulo 2^64, as 16
lower-case hexadecimal digits. The empty scope has `0000000000000000`.

A row is named by its newest sequence, not by its content: whoever has each row at its newest
sequence has the right content (TLS and the database vouch for that, and the server has no number
bear two contents, even where it was put back to a copy), and an app that does not know a newer
server's new field still computes the same sum.
"""

from collections.abc import Iterable


def mark_of(entity: str, id: str, sequence: int) -> bytes:  # noqa: A002 - the row's own word
    """Return the bytes that stand for one live row: `entity`, `id`, `sequence`, by newlines."""
    return f"{entity}\n{id}\n{sequence}".encode()


def checksum_of(hashes: Iterable[bytes]) -> str:
    """Sum the BLAKE3 hashes (32 bytes each; the first 8 count) of all marks."""
    total = sum(int.from_bytes(each[:8], "big") for each in hashes)
    return f"{total % 2**64:016x}"
