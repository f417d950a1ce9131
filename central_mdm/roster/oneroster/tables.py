"""The rows of one CSV file, whatever a spreadsheet has done to it; never all of them at once."""

import csv
import re
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from central_mdm.platform.errors import Malformed

LINE_BYTES_MAX: Final = 64 * 1024
FIELD_CHARS_MAX: Final = 16 * 1024
"""A quote that is never closed swallows the file; this is where that ends."""
ROWS_MAX: Final = 5_000_000
_DELIMITERS: Final = ",;\t"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_AFTER: Final = bytes(range(0x80, 0xC0)).decode("cp1252", "ignore")
"""What the later bytes of a letter in UTF-8 look like, read as Windows-1252."""
_BROKEN: Final = re.compile(
    # A byte that no letter has, or a control character of C1; then UTF-8 read as Windows-1252:
    # two signs for an accent or a letter of Greek, Cyrillic, Arabic, three for a quotation mark.
    # In names none of these capitals stands before such a sign.
    "[\ufffd\x80-\x9f]"
    f"|[\xc2-\xc5\xce-\xd1\xd8\xd9][{re.escape(_AFTER)}]"
    "|\xe2[\u20ac\u201a\u201e\u2020]"
)


class Line(Struct, frozen=True):
    """A row: `number` is that of its last line in the file; fields that are empty are not in it.

    `overfull`: it has more columns than the header, or a quotation mark that is not closed, by
    which it may have swallowed others.
    `broken`: columns whose letters are lost, in none of the encodings or in two at once.
    `columns`: those that the file has, empty or not.
    """

    number: int
    fields: dict[str, str]
    overfull: bool = False
    broken: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()


def read_table(file: BufferedReader, name: str) -> Iterator[Line]:
    """Yield the rows under the header, whose words are in small letters. Raises Malformed.

    Taken: commas, semicolons or tabs; UTF-8 with a mark or without, UTF-16 with one, and
    Windows-1252, which Latin-1 is a part of; any end of a line; empty columns at the end.
    """
    lines = _lines(file, name)
    first = next(lines, "")
    before = 0
    if first.lower().startswith("sep="):
        first, before = next(lines, ""), 1  # Excel's own word to itself
    csv.field_size_limit(FIELD_CHARS_MAX)
    delimiter = max(_DELIMITERS, key=_outside_quotes(first).count)
    fed = _Fed(first, lines)
    reader = csv.reader(fed, delimiter=delimiter)
    try:
        header = _header(next(reader, list[str]()), name)
        columns, ends = frozenset(header), reader.line_num
        for count, row in enumerate(reader):
            if count >= ROWS_MAX:
                raise Malformed("too-many-rows", f"{name} has more than {ROWS_MAX} rows.")
            several, ends = reader.line_num > ends + 1, reader.line_num
            overfull = fed.ended or (several and _swallows(row, len(header), delimiter))
            if line := _line(before + ends, header, row, columns):
                yield replace(line, overfull=True) if overfull else line
    except csv.Error as error:
        told = f"{name}, line {before + reader.line_num}: {error}"
        raise Malformed("no-table", told) from None


def _header(row: list[str], name: str) -> list[str]:
    header = [word.strip().lower() for word in row]
    if len({*header} - {""}) < len([word for word in header if word]):
        raise Malformed("header", f"{name}: a column is there twice.")
    if any("\n" in word or "\r" in word for word in header):
        # What a quotation mark has swallowed here would be missing without a word.
        raise Malformed("header", f"{name}: the header goes on over the end of its line.")
    return header


def _line(number: int, header: list[str], row: list[str], columns: frozenset[str]) -> Line | None:
    values = [value.strip() for value in row]
    if not any(values):
        return None
    named = zip(header, values, strict=False)
    fields = {word: value for word, value in named if word and value}
    return Line(number, fields, any(values[len(header) :]), _broken(header, row), columns)


def _swallows(row: list[str], columns: int, delimiter: str) -> bool:
    """Say whether a cell of several lines is as wide as a row: its quotation mark is not closed.

    It ends in a column of another row, and what it swallows and what that row is too long by are
    a row's delimiters together. A cell that is written in several lines has fewer.
    """
    wide = max(columns - 1, 1) - max(len(row) - columns, 0)
    return any(("\n" in cell or "\r" in cell) and cell.count(delimiter) >= wide for cell in row)


def _broken(header: list[str], row: list[str]) -> tuple[str, ...]:
    # As they are: what is cut off at the ends may be half of a letter.
    if "".join(row).isascii():
        return ()
    named = zip(header, row, strict=False)
    return tuple(word for word, value in named if _BROKEN.search(value))


class _Fed:
    """The lines, and whether they have ended: a row that comes after has an open quotation mark."""

    def __init__(self, first: str, lines: Iterator[str]) -> None:
        self._lines = chain((first,), lines)
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        yield from self._lines
        self.ended = True


def _outside_quotes(text: str) -> str:
    return "".join(text.split('"')[::2])


def _lines(file: BufferedReader, name: str) -> Iterator[str]:
    if file.peek(2)[:2] not in _UTF16:
        return _bytewise(file, name)
    return _whole(TextIOWrapper(file, "utf-16", newline=""), name)


def _bytewise(file: BufferedReader, name: str) -> Iterator[str]:
    """Decode each line by itself: one file may be of two programs, its first page tells nothing."""
    mark = _UTF8_MARK
    for read in _raw(file):
        line = read.removeprefix(mark)
        mark = b""
        _want_end(line, name)
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield line.decode("cp1252", "replace")


def _raw(file: BufferedReader) -> Iterator[bytes]:
    """Cut a file into lines; where its first has an end of old within, at these ends as well."""
    first = file.peek(LINE_BYTES_MAX).partition(b"\n")[0]
    if b"\r" not in first[:-1]:
        return iter(lambda: file.readline(LINE_BYTES_MAX), b"")
    # A byte is a letter of Latin-1, so all come out as they went in.
    text = TextIOWrapper(file, "latin-1", newline="")
    return iter(lambda: text.readline(LINE_BYTES_MAX).encode("latin-1"), b"")


def _whole(text: TextIOWrapper, name: str) -> Iterator[str]:
    try:
        while line := text.readline(LINE_BYTES_MAX):
            _want_end(line, name)
            yield line
    except UnicodeError:
        raise Malformed("no-table", f"{name} is no text.") from None


def _want_end(line: bytes | str, name: str) -> None:
    if len(line) >= LINE_BYTES_MAX - len(_UTF8_MARK):
        raise Malformed("no-table", f"{name}: a line is longer than any row may be.")
