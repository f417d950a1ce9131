"""`report.json`: what the demo found out, with stable field names."""

from pathlib import Path

import msgspec
from msgspec import Struct, field


class Percentiles(Struct):
    p50: float = 0.0
    p99: float = 0.0


class Step(Struct):
    """One of the 13 steps. `ok` was decided by the other side; `detail` says on what evidence."""

    name: str
    ok: bool
    ms: int
    detail: str


class Report(Struct):
    """Every number was measured; counts are of distinct devices by the end of the lesson.

    `policies_carried`: changes that a device has which never saw the MDM, and told of.
    """

    devices: int
    real_devices: int = 0
    discovered: int = 0
    discover_seconds: float = 0.0
    screens_live: int = 0
    locked: int = 0
    lock_ms: Percentiles = field(default_factory=Percentiles)
    unlocked: int = 0
    pushed: int = 0
    push_verified: int = 0
    hands_raised: int = 0
    collected: int = 0
    journal_events: int = 0
    journal_synced: int = 0
    journal_duplicates: int = 0
    acknowledged_before_kill: int = 0
    lost_after_kill: int = 0
    policies_carried: int = 0
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list[Step])

    @property
    def ok(self) -> bool:
        return len(self.steps) == STEPS and all(step.ok for step in self.steps)

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


STEPS = 13


def percentiles(values: list[float]) -> Percentiles:
    """Nearest-rank percentiles, rounded to a tenth."""
    if not values:
        return Percentiles()
    ordered = sorted(values)

    def rank(share: float) -> float:
        return round(ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)], 1)

    return Percentiles(rank(0.50), rank(0.99))
