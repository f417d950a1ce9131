"""A school without a server, lived through: founded, a device added, the app started again."""

import subprocess
import sys
from pathlib import Path


def test_a_school_without_a_server_lives_from_day_to_day(tmp_path: Path) -> None:
    """In a process of its own: Qt's threads that ran Python stay known to `threading`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.own_desk", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
