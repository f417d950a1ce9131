"""A real guard under one user of the machine, its pupil under another, and a third one refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become others")
def test_guard_pupil_and_stranger_are_three_users() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.two_users"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert "uid=64103" in done.stderr
    assert "uid=64102" not in done.stderr
