"""What is weak about one's own set-up, and what to do: for the doctors on the command line.

Nothing here reaches the network. Words are plain English, as those of `discovery.doctor_words`.
"""

import stat
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

State = Literal["ok", "soon", "failed"]
MARKS: Final[dict[State, str]] = {"ok": "ok", "soon": "! ", "failed": "!!"}
WARN_DAYS: Final = 60
LAST_DAYS: Final = 7
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Finding(Struct, frozen=True):
    """`soon` is to be mended without haste, `failed` now."""

    state: State
    words: str


def closed(paths: Iterable[Path], owner: int) -> list[Finding]:
    """Say which of these (those that exist) others may read, or another user owns."""
    found: list[Finding] = []
    for path in paths:
        try:
            seen = path.lstat()
        except OSError:
            continue
        if stat.S_IMODE(seen.st_mode) & OTHERS:
            wanted = "0700" if stat.S_ISDIR(seen.st_mode) else "0600"
            mode = f"{stat.S_IMODE(seen.st_mode):04o}"
            words = f"Others may reach {path} ({mode}). Close it: chmod {wanted} {path}"
            found.append(Finding("failed", words))
        if seen.st_uid != owner:
            words = f"{path} belongs to user {seen.st_uid} and not {owner}: chown {owner} {path}"
            found.append(Finding("failed", words))
    return found or [Finding("ok", "Folders and keys are closed to others (0700, 0600).")]


def unprivileged(uid: int) -> Finding:
    if uid == 0:
        return Finding("failed", "This belongs to root. Give it a user of its own without rights.")
    return Finding("ok", "It runs without root's rights.")


def lasting(what: str, ends_at: float, now: float, remedy: str) -> Finding:
    """Warn of an end (UTC seconds) sixty days ahead; in its last week it is a failure."""
    days = int((ends_at - now) // 86_400)
    day = datetime.fromtimestamp(ends_at).astimezone().date().isoformat()
    if ends_at <= now:
        return Finding("failed", f"The {what} ended on {day}. {remedy}")
    if days <= LAST_DAYS:
        return Finding("failed", f"The {what} ends in {days} days, on {day}. {remedy}")
    if days <= WARN_DAYS:
        return Finding("soon", f"The {what} ends in {days} days, on {day}. {remedy}")
    return Finding("ok", f"The {what} holds until {day}.")


def plain(findings: Iterable[Finding]) -> str:
    return "\n".join(f"{MARKS[finding.state]}  {finding.words}" for finding in findings)


def unsound(findings: Iterable[Finding]) -> bool:
    return any(finding.state == "failed" for finding in findings)
