"""Has a library we use a known hole? `python -m tests.audit`; ends with 0 only where all are well.

pip-audit asks a vulnerability service. A service that is away, or knows a library not at all, is
no clean bill: then this says so and ends with 2. A hole ends it with 1. pip-audit's own variable
`PIP_AUDIT_OSV_URL` names another service that answers as OSV's does, one without internet say.
"""

import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

SERVICES: Final = ("pypi", "osv")
ASKING_SECONDS: Final = 240.0
NAMED_MAX: Final = 10


class Hole(Struct):
    id: str
    fix_versions: list[str] = []


class Library(Struct):
    """`skip_reason`: why it was not looked up; empty where it was."""

    name: str
    version: str = ""
    vulns: list[Hole] = []
    skip_reason: str = ""


class Told(Struct):
    dependencies: list[Library] = []


def asked(service: str) -> Told | None:
    """Ask one service about all that is installed but ourselves; None where it does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--format", "json", "--vulnerability-service", service],
            capture_output=True,
            check=False,
            timeout=ASKING_SECONDS,
        )
        return msgspec.json.decode(done.stdout, type=Told)
    except (subprocess.TimeoutExpired, msgspec.DecodeError):
        return None


def judged(answers: Mapping[str, Told | None], own: str = "pupitre") -> tuple[int, str]:
    """Return the exit code and what to say of it. A library counts once one service knows it."""
    known: set[str] = set()
    every: set[str] = set()
    holes: list[str] = []
    for told in filter(None, answers.values()):
        for library in told.dependencies:
            every.add(library.name)
            if not library.skip_reason:
                known.add(library.name)
            for hole in library.vulns:
                fixed = ", ".join(hole.fix_versions) or "none yet"
                holes.append(f"{library.name} {library.version}: {hole.id}; mended in: {fixed}")
    unknown = sorted(every - known - {own})
    if holes:
        return 1, "\n".join(["Known holes:", *sorted(set(holes))])
    if not known:
        return 2, "NOT AUDITED: no vulnerability service answers from here. Nothing is known."
    if unknown:
        named = ", ".join(unknown[:NAMED_MAX])
        return (
            2,
            f"Audited in part: {len(known)} libraries are well, {len(unknown)} not known: {named}",
        )
    return 0, f"{len(known)} libraries, no known hole."


def main() -> int:
    answers = {service: asked(service) for service in SERVICES}
    code, words = judged(answers)
    print(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
