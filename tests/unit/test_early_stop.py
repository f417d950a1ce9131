"""Ctrl+C in a program's first second: it ends with 130 and says nothing."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import importlib, os, signal, sys
from importlib.abc import MetaPathFinder

class CtrlC(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {late!r}:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, CtrlC())
sys.argv[1:] = {words!r}
sys.exit(importlib.import_module("{package}.__main__").main())
"""


@pytest.mark.parametrize(
    ("package", "late", "words"),
    [
        ("device_bridge.agent", "device_bridge.agent.cli", []),
        ("device_bridge.agent", "device_bridge.agent.seat.words", ["seen", "--folder", "/none"]),
        ("classroom_app", "PySide6", []),
        ("central_mdm", "sqlalchemy", []),
    ],
)
def test_ctrl_c_while_a_program_loads_is_told_by_its_code_and_nothing_else(
    package: str, late: str, words: list[str]
) -> None:
    script = INTERRUPTED.format(package=package, late=late, words=words)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": "/tmp"},  # noqa: S108 - nothing is written
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
