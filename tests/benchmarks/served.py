"""A real `pupitre-mdm serve`, for benchmarks: its address, its cost, its end."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct


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
def listening(folder: Path, *more: str) -> Generator[tuple[str, int]]:
    """Serve what is in `folder` on loopback, with these options; yield address and process."""
    command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder), *more]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())["listening"], process.pid
        finally:
            process.terminate()


@contextmanager
def served(folder: Path, *more: str) -> Generator[Running]:
    """Serve the sample school in `folder`."""
    sample = json.loads((folder / "sample.json").read_text())
    with listening(folder, *more) as (url, pid):
        yield Running(url, pid, sample)


def make_sample(folder: Path, *more: str) -> None:
    """Make the sample school; `more` names a database."""
    command = [sys.executable, "-m", "central_mdm", "sample", "--folder", str(folder), *more]
    subprocess.run(command, check=True, capture_output=True)
