"""A sign-in that ended, mended in the window against the real server (`tests.anew_desk`)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.mdm import Prepared
from tests.provider import provider


def test_who_has_a_new_password_signs_in_anew_and_nobody_else_does(
    tmp_path: Path, school_on: Callable[[str], Prepared]
) -> None:
    """In a process of its own: Qt's threads that ran Python stay known to `threading`."""
    home, school = tmp_path / "home", tmp_path / "school"
    home.mkdir()
    with school_on("sqlite").copy(school), provider() as issuer:
        done = subprocess.run(
            [sys.executable, "-m", "tests.anew_desk", str(home), str(school), issuer],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=Path(__file__).resolve().parents[2],
        )
    assert done.returncode == 0, done.stderr
