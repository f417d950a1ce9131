"""X keysyms and Unicode. Sources: X protocol, appendix A; libX11's keysymdef.h."""

import sys
from typing import Final

_UNICODE: Final = 0x01000000
_CODECS: Final = {
    0x01: "iso8859-2",
    0x02: "iso8859-3",
    0x03: "iso8859-4",
    0x05: "iso8859-6",
    0x06: "koi8-r",
    0x07: "iso8859-7",
    0x0C: "iso8859-8",
    0x0D: "tis-620",
}
"""Keysyms of before Unicode are an alphabet's number and a byte of its character set."""
_GREEK: Final = 0x07
_GREEK_FIRST: Final = 0xC0  # below, the Greek keysyms are not ISO 8859-7's
_OTHERS: Final = {
    0x20AC: "\N{EURO SIGN}",
    0x13BC: "\N{LATIN CAPITAL LIGATURE OE}",
    0x13BD: "\N{LATIN SMALL LIGATURE OE}",
    0x13BE: "\N{LATIN CAPITAL LETTER Y WITH DIAERESIS}",
    0xAA9: "\N{EM DASH}",
    0xAAA: "\N{EN DASH}",
    0xAAE: "\N{HORIZONTAL ELLIPSIS}",
    0xAC9: "\N{TRADE MARK SIGN}",
    0xAD0: "\N{LEFT SINGLE QUOTATION MARK}",
    0xAD1: "\N{RIGHT SINGLE QUOTATION MARK}",
    0xAD2: "\N{LEFT DOUBLE QUOTATION MARK}",
    0xAD3: "\N{RIGHT DOUBLE QUOTATION MARK}",
    0xAFD: "\N{SINGLE LOW-9 QUOTATION MARK}",
    0xAFE: "\N{DOUBLE LOW-9 QUOTATION MARK}",
}
_KEYS: Final = {"\n": 0xFF0D, "\r": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08}
_LATIN_1: Final = frozenset((*range(0x20, 0x7F), *range(0xA0, 0x100)))


def keysym_of(character: str) -> int:
    """Return the keysym that writes this character, whatever the layout."""
    code = ord(character)
    return _KEYS.get(character) or (code if code in _LATIN_1 else _UNICODE | code)


def character_of(keysym: int) -> str:
    """Return what a keysym writes; "" where it writes nothing, or nothing known here."""
    if keysym in _LATIN_1:
        return chr(keysym)
    if _UNICODE < keysym <= _UNICODE + sys.maxunicode:
        return chr(keysym - _UNICODE)
    if keysym in _OTHERS:
        return _OTHERS[keysym]
    alphabet, byte = divmod(keysym, 256)
    if alphabet not in _CODECS or (alphabet == _GREEK and byte < _GREEK_FIRST):
        return ""
    return bytes([byte]).decode(_CODECS[alphabet], errors="ignore")
