"""A real guard under one user of the machine, its pupil under another, and a third one refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become others")
def test_guard_pupil_and_stranger_are_three_users() -> None:
    said = _said("tests.two_users")
    assert "uid=64103" in said
    assert "uid=64102" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become others")
def test_a_lesson_of_two_users_hands_out_at_the_login_and_collects_only_work() -> None:
    _said("tests.two_users_lesson")


def _said(module: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stderr
