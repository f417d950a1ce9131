"""A real `pupitre-mdm serve`, for benchmarks: its address, its cost, its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Running(Struct, frozen=True):
    """A served school: `sample` is what `pupitre-mdm sample` says of it."""

    url: str
    pid: int
    sample: dict[str, Any]

    def account(self) -> dict[str, str]:
        first = self.sample["teachers"][0]
        return {"school": self.sample["school"]} | {
            name: first[name] for name in ("login", "password")
        }


@contextmanager
def served(folder: Path, *more: str) -> Generator[Running]:
    """Serve the school in `folder` on loopback, with these options."""
    command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder), *more]
    sample = json.loads((folder / "sample.json").read_text())
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=(folder / "log").open("ab")
    ) as process:
        assert process.stdout
        try:
            url = json.loads(process.stdout.readline())["listening"]
            yield Running(url, process.pid, sample)
        finally:
            process.send_signal(signal.SIGTERM)


def make_sample(folder: Path, *more: str) -> None:
    """Make the sample school; `more` names a database."""
    command = [sys.executable, "-m", "central_mdm", "sample", "--folder", str(folder), *more]
    subprocess.run(command, check=True, capture_output=True)


def processes_of(pid: int) -> Sequence[int]:
    """Return a process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in processes_of(int(child)))]


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process and of all that it has started, in MiB."""
    return PAGE_MB * sum(
        int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes_of(pid)
    )


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
