"""What stands in the MDM's own database and folder, read without asking the MDM."""

import sqlite3
from contextlib import closing
from pathlib import Path


def _read(folder: Path, statement: str, *about: str) -> list[str]:
    database = next(folder.glob("*.db"))
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [str(row[0]) for row in connection.execute(statement, about)]


def journal_rows(folder: Path) -> list[str]:
    """Return the id of every journal event that the MDM holds, as often as it holds it."""
    return _read(folder, "SELECT id FROM journal_events")


def told_of(folder: Path, device: str, feature: str) -> str:
    """Return how the MDM holds a device's setting: its state, what was read, and who carried it."""
    told = (
        "SELECT r.state || ' ' || r.reason || ', carried by ' || c.carried_by FROM fleet_reports r "
        "JOIN fleet_carried c ON c.school = r.school AND c.device = r.device "
        "WHERE r.device = ? AND r.feature = ?"
    )
    return next(iter(_read(folder, told, device, feature)), "")


def was_met(folder: Path, device: str) -> bool:
    """Tell whether the device has ever checked in at the MDM."""
    return bool(_read(folder, "SELECT device FROM fleet_seen WHERE device = ?", device))


def kept_files(folder: Path) -> list[tuple[str, str]]:
    """Return pupil and document of every collected work that Partage keeps whole."""
    told = _read(folder, "SELECT pupil || ' ' || document FROM partage_files")
    return [(pupil, document) for pupil, _, document in (row.rpartition(" ") for row in told)]
