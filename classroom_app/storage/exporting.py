"""All that the store says, in files that any program reads, also of one that is damaged."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from classroom_app.storage.acts import fields_of
from classroom_app.storage.salvage import Found, Salvaged

JOURNAL, ROSTER, SETTINGS = "journal.jsonl", "roster.jsonl", "settings.json"
Told = dict[str, Any]
NOTHING: Final = Salvaged((), {}, whole=False)


def export(left: Found, folder: Path) -> dict[str, int]:
    """Write a line for each act and each row of the roster; return how many, by the file's name.

    The files are for their owner alone: they tell of pupils. Raises `FileExistsError` where one is
    there already, and OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {str(row["name"]): row["value"] for row in _rows(left, "settings")}
    _write(folder / SETTINGS, [json.dumps(settings, ensure_ascii=False, indent=1)])
    acts = [_line(_act(row)) for row in _rows(left, "journal")]
    roster = [_line(_of_roster(row)) for row in _rows(left, "rows")]
    _write(folder / JOURNAL, acts)
    _write(folder / ROSTER, roster)
    return {JOURNAL: len(acts), ROSTER: len(roster), SETTINGS: len(settings)}


def _rows(left: Found, table: str) -> Iterator[Told]:
    held = left.tables.get(table, NOTHING)
    return (dict(zip(held.columns, row, strict=True)) for row in held.rows.values())


def _act(row: Told) -> Told:
    """Tell an act as it was, without what was erased of it; one of an older form as it lies."""
    when = datetime.fromtimestamp(row["at"], UTC).isoformat()
    told = {"sequence": row["sequence"], "when": when, "state": row["state"]}
    return told | fields_of(row["body"], row.get("fields"))


def _of_roster(row: Told) -> Told:
    return {name: row[name] for name in ("scope", "entity", "id")} | json.loads(row["body"])


def _line(told: Told) -> str:
    return json.dumps(told, ensure_ascii=False)


def _write(path: Path, lines: list[str]) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
