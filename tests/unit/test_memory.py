"""Freed memory stays with the program: pieces of a document cost no page faults."""

import subprocess
import sys

import pytest

_PIECES = """
import resource, sys
from device_bridge.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def pass_through():
    held = [bytes(256 * 1024) for _ in range(8)]
    return sum(map(len, held))
pass_through()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    pass_through()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PIECES, how], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is told")
def test_pieces_that_come_and_go_cost_no_page_faults() -> None:
    given_back, kept = _faults("given back"), _faults("kept")
    assert kept < 1000 < given_back
