"""What a load came to: for a person line by line, for a program as one object."""

from typing import Final

from msgspec import Struct

from central_mdm.load.tally import Figures

BUSY: Final = 0.9


class Loaded(Struct, frozen=True):
    """What became of a load. `came_up_seconds`: till all had shown their keys and come once.

    `generator_cpu`: the share of a core that asking took; `generator_late_ms_p99`: after its moment
    a check-in was sent.
    """

    devices: int
    seconds: int
    offered: float
    came_up_seconds: float
    check_ins: Figures
    teachers: Figures
    generator_cpu: float
    generator_late_ms_p99: float


def told(loaded: Loaded) -> list[str]:
    """Say it to a person."""
    found = [*_sentences("Check-ins", loaded.check_ins)]
    if loaded.teachers.sent:
        found += _sentences("Teachers", loaded.teachers)
    cpu, late = loaded.generator_cpu, loaded.generator_late_ms_p99
    found.append(
        f"Asking took {cpu:.0%} of a core; 99 % were sent within {late:.1f} ms of their time."
    )
    if cpu > BUSY:
        found.append("The generator was at its own end: the server may carry more than this.")
    return found


def _sentences(who: str, found: Figures) -> list[str]:
    counted = f"{found.sent} sent, {found.accepted} accepted ({found.rate:.1f} a second)"
    half, most, all_but = found.p50_ms, found.p95_ms, found.p99_ms
    parts = f"half within {half:.1f} ms, 95 % within {most:.1f} ms, 99 % within {all_but:.1f} ms"
    lines = [
        f"{who}: {counted}, {found.refused} told to come back.",
        f"{who}: {parts} of when they were due.",
    ]
    if found.unsent:
        lines.append(f"{who}: {found.unsent} more were due and not sent: too many had no answer.")
    lines += [f"{who}: {count} ended with {kind}." for kind, count in found.errors.items()]
    return lines
