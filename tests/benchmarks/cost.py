"""What processes cost: CPU and memory, as the system counts them (proc(5))."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and its threads (stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """Return the most memory that the process has held so far."""
    return _megabytes(pid, "VmHWM")


def resident_megabytes(pid: int) -> float:
    """Return the memory that the process holds now."""
    return _megabytes(pid, "VmRSS")


def _megabytes(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def children(pid: int) -> list[int]:
    """Return the processes that this one has started: the app's are its decoders."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def family(pid: int) -> list[int]:
    """Return a process with all that it and its own have started."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def cpu_of(pids: Iterable[int]) -> float:
    """Return the sum of `cpu_seconds`; who has ended counts as nothing."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += cpu_seconds(pid)
    return total


def loopback_bytes() -> int:
    """Return what has gone over the loopback, all of the machine's."""
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if "lo:" in line)
    return int(line.split(":")[1].split()[0])
