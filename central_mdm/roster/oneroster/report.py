"""Which rows were refused and why: the first of each file in words, all of them by number."""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from central_mdm.contract.register import RowRefused

EACH_MAX: Final = 200
VALUE_CHARS: Final = 40
_FORMULAS: Final = ("=", "+", "-", "@")


class Report:
    """`read` and `refused` count rows by file; `rows` has at most `EACH_MAX` of a file."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.rows: list[RowRefused] = []

    def refuse(self, file: str, line: int, field: str, value: str, why: str) -> None:
        self.refused[file] += 1
        if self.refused[file] <= EACH_MAX:
            self.rows.append(RowRefused(file, line, field, _short(value), why[:200]))


def write_report(rows: Iterable[RowRefused], path: Path, *, semicolons: bool = False) -> None:
    """Write the refused rows as a table for a spreadsheet, in which no value is a formula.

    `semicolons` between the fields: as spreadsheets read it where a comma is the decimal point.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";" if semicolons else ",")
        writer.writerow(["file", "line", "field", "value", "why"])
        for row in rows:
            value = f"'{row.value}" if row.value.startswith(_FORMULAS) else row.value
            writer.writerow([row.file, row.line, row.field, value, row.why])


def _short(value: str) -> str:
    shown = "".join(letter if letter.isprintable() else "·" for letter in value)
    return shown if len(shown) <= VALUE_CHARS else f"{shown[: VALUE_CHARS - 1]}…"
