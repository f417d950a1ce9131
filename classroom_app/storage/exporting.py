"""All that the store says, in files that any program reads, also of one that is damaged."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from classroom_app.storage.acts import UNREADABLE, fields_of
from classroom_app.storage.salvage import Found, Salvaged

JOURNAL, ROSTER, SETTINGS = "journal.jsonl", "roster.jsonl", "settings.json"
Told = dict[str, Any]
NOTHING: Final = Salvaged((), {}, whole=False)
PAPERS: Final = "papers"
PAPERS_TOLD: Final = frozenset(
    {"server", "school", "school_name", "teacher", "teacher_name", "login"}
    | {"certificate", "root", "standby", "epoch", "successions"}
)
"""What of the teacher's papers goes along: whose they are, and what anybody may see. All else, and
what a later version adds, stays: keys, the refresh token, and what devices are found by."""


def export(left: Found, folder: Path) -> dict[str, int]:
    """Write a line for each act and each row of the roster; return how many, by the file's name.

    The files are for their owner alone: they tell of pupils. No secret is in them, for they are
    made to be read and taken along: whoever has them cannot act as the teacher. Raises
    `FileExistsError` where one is there already, and OSError; then none was written.
    """
    settings = {str(row["name"]): _setting(row) for row in _rows(left, "settings")}
    lines = {
        SETTINGS: [json.dumps(settings, ensure_ascii=False, indent=1)],
        JOURNAL: [_line(_act(row)) for row in sorted(_rows(left, "journal"), key=_sequence)],
        ROSTER: [_line(_of_roster(row)) for row in _rows(left, "rows")],
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as undone:
        for name, each in lines.items():
            opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            undone.callback((folder / name).unlink)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in each)
                file.flush()
                os.fsync(file.fileno())
        undone.pop_all()
    return {name: len(lines[name]) for name in (JOURNAL, ROSTER)} | {SETTINGS: len(settings)}


def _rows(left: Found, table: str) -> Iterator[Told]:
    held = left.tables.get(table, NOTHING)
    return (dict(zip(held.columns, row, strict=True)) for row in held.rows.values())


def _setting(row: Told) -> Any:  # noqa: ANN401 - as it lies in the row
    if row["name"] != PAPERS:
        return row["value"]
    try:
        told = json.loads(row["value"])
        return {name: value for name, value in told.items() if name in PAPERS_TOLD}
    except (ValueError, TypeError, AttributeError):  # damaged: nobody knows what is in it
        return {}


def _sequence(row: Told) -> int:
    return int(row["sequence"])


def _act(row: Told) -> Told:
    """Tell an act as it was, without what was erased of it; what cannot be read as it lies."""
    when = datetime.fromtimestamp(row["at"], UTC).isoformat()
    told = {"sequence": row["sequence"], "when": when, "state": row["state"]}
    try:
        return told | fields_of(row["body"], row.get("fields"))
    except UNREADABLE:
        lies = {name: _text(row.get(name)) for name in ("body", "fields")}
        return told | {"id": row["id"], "type": row["kind"]} | lies


def _text(raw: Any) -> Any:  # noqa: ANN401 - as it lies in the row
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw


def _of_roster(row: Told) -> Told:
    return {name: row[name] for name in ("scope", "entity", "id")} | json.loads(row["body"])


def _line(told: Told) -> str:
    return json.dumps(told, ensure_ascii=False)
