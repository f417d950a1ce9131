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
    held = [b"x" * int(sys.argv[2]) for _ in range(2)]
    return sum(map(len, held))
pass_through()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    pass_through()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str, size: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PIECES, how, str(size)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is told")
@pytest.mark.parametrize("size", [1024 * 1024, 1920 * 1080 * 4])
def test_pieces_that_come_and_go_cost_no_page_faults(size: int) -> None:
    assert _faults("kept", size) < 1000


def test_the_c_library_alone_gives_pieces_back() -> None:
    assert _faults("given back", 1024 * 1024) > 1000
