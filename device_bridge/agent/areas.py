"""Where a screen changed, in few rectangles; and its rows, side by side."""

from collections.abc import Iterable, Sequence
from math import isqrt
from typing import Final

from device_bridge.agent.capabilities import AREAS_MAX, Area

_ACROSS: Final = isqrt(AREAS_MAX)


def cut(areas: Iterable[Area], monitor: Area) -> list[Area]:
    """Return what of `areas` lies on `monitor`, from its own corner on."""
    found: list[Area] = []
    for area in areas:
        left, top = max(area.x, monitor.x), max(area.y, monitor.y)
        width = min(area.x + area.width, monitor.x + monitor.width) - left
        height = min(area.y + area.height, monitor.y + monitor.height) - top
        if width > 0 and height > 0:
            found.append(Area(left - monitor.x, top - monitor.y, width, height))
    return found


def few(areas: Sequence[Area], monitor: Area) -> tuple[Area, ...]:
    """Return at most `AREAS_MAX` boxes around all `areas`, which lie on `monitor`.

    Too many are gathered by where their middle is, on a grid, so that two far corners that change
    do not make one box of the whole screen.
    """
    if len(areas) <= AREAS_MAX:
        return tuple(areas)
    cells: dict[tuple[int, int], Area] = {}
    for area in areas:
        across = (area.x + area.width // 2) * _ACROSS // monitor.width
        down = (area.y + area.height // 2) * _ACROSS // monitor.height
        held = cells.get((across, down))
        cells[across, down] = around(held, area) if held else area
    return tuple(cells.values())


def around(one: Area, other: Area) -> Area:
    """Return the smallest box that holds both."""
    left, top = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    return Area(left, top, right - left, max(one.y + one.height, other.y + other.height) - top)


def packed(rows: memoryview, row_bytes: int, width: int, height: int) -> bytes:
    """Return pixels of four bytes without the padding that a driver puts behind each row."""
    if row_bytes == 4 * width:
        return bytes(rows[: 4 * width * height])
    return b"".join(rows[at : at + 4 * width] for at in range(0, row_bytes * height, row_bytes))
