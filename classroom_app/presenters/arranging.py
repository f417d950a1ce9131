"""Where each seat stands in the room: columns and rows, with the gaps that a real room has."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

COLUMNS_MAX, ROWS_MAX = 16, 40
GROUPS_MAX = 9  # there are keys for so many
Spot = tuple[int, int]  # column and row, from 0
_spots: Final = msgspec.json.Decoder(
    dict[
        str,
        tuple[
            Annotated[int, Meta(ge=0, lt=COLUMNS_MAX)],
            Annotated[int, Meta(ge=0, lt=ROWS_MAX)],
        ],
    ]
)
_groups: Final = msgspec.json.Decoder(
    dict[Annotated[int, Meta(ge=1, le=GROUPS_MAX)], frozenset[str]]
)


class Plan(Struct, frozen=True):
    """`spots` by a seat's key; two seats never share one."""

    spots: dict[str, Spot]

    @property
    def columns(self) -> int:
        return 1 + max((column for column, _ in self.spots.values()), default=-1)

    @property
    def rows(self) -> int:
        return 1 + max((row for _, row in self.spots.values()), default=-1)


def as_listed(keys: Iterable[str], columns: int) -> Plan:
    """Seat one after the other, as a wall that nobody has arranged shows them."""
    columns = max(1, min(columns, COLUMNS_MAX))
    return Plan({key: (at % columns, at // columns) for at, key in enumerate(keys)})


def with_all(plan: Plan, keys: Iterable[str]) -> Plan:
    """Give who has no spot yet one behind the last row; who is not in the class has none."""
    listed = list(keys)
    of_class = frozenset(listed)
    # No two on one spot, whatever was kept: one of them would not be seen.
    taken = {spot: key for key, spot in plan.spots.items() if key in of_class}
    known = Plan({key: spot for spot, key in taken.items()})
    columns, first = max(1, known.columns), known.rows
    late = [key for key in listed if key not in known.spots]
    spots = {key: (at % columns, first + at // columns) for at, key in enumerate(late)}
    return Plan(dict(known.spots) | spots)


def moved(plan: Plan, key: str, to: Spot) -> Plan:
    """Move a seat; whoever stands there takes the place that it leaves."""
    column, row = to
    if key not in plan.spots or not (0 <= column < COLUMNS_MAX and 0 <= row < ROWS_MAX):
        return plan
    there = next((other for other, spot in plan.spots.items() if spot == to), key)
    return Plan({**plan.spots, there: plan.spots[key], key: to})


def trimmed(plan: Plan) -> Plan:
    """Take away empty columns at the left and empty rows in front: a wall has no use for them."""
    left = min((column for column, _ in plan.spots.values()), default=0)
    front = min((row for _, row in plan.spots.values()), default=0)
    return Plan({key: (at - left, row - front) for key, (at, row) in plan.spots.items()})


def drawn(plan: Plan, *, spare: bool) -> tuple[int, list[str]]:
    """Return how many columns there are, and who stands where, row by row; "" is a gap.

    `spare`: one more column and row, for who is moved there.
    """
    columns = min(plan.columns + spare, COLUMNS_MAX)
    rows = min(plan.rows + spare, ROWS_MAX)
    at = {spot: key for key, spot in plan.spots.items()}
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    return columns, [at.get(cell, "") for cell in cells]


def kept(plan: Plan | None) -> str:
    """Return the text in which a plan is kept; "" for none."""
    return msgspec.json.encode(plan.spots).decode() if plan else ""


def read(raw: str) -> Plan | None:
    """Read what was `kept`; nothing where it makes no sense."""
    try:
        return Plan(_spots.decode(raw)) if raw else None
    except msgspec.DecodeError:
        return None


def kept_groups(groups: Mapping[int, frozenset[str]]) -> str:
    return msgspec.json.encode(groups).decode() if groups else ""


def read_groups(raw: str) -> dict[int, frozenset[str]]:
    try:
        return _groups.decode(raw) if raw else {}
    except msgspec.DecodeError:
        return {}
