"""How the attacks ended, in a line each, and how many of the list were withstood."""

from collections.abc import Sequence
from typing import Final

from tests.attack.kinds import Attack, Ended

CASES: Final = frozenset(range(1, 41))
"""The forty test cases of the field study; which cases our attacks play is told under the table."""
WIDTH: Final = 300


def row(end: Ended) -> str:
    numbers = ", ".join(map(str, end.attack.numbers)) or "-"
    seen = f"NOT WITHSTOOD {end.fault}" if end.fault else end.seen
    seen = seen.replace("|", "/").replace("\n", " ")[:WIDTH]
    return f"| {end.attack.name} | {numbers} | {end.attack.tried} | {seen} |"


def told(ends: Sequence[Ended], listed: Sequence[Attack]) -> str:
    """Say which of the forty cases have an attack, and last the count."""
    cases = {number for end in ends if not end.fault for number in end.attack.numbers}
    return (
        f"Cases with an attack: {_list(cases)}; without: {_list(CASES - cases)}.\n"
        f"{withstood(ends)} of {len(listed)} attacks of the list were withstood."
    )


def withstood(ends: Sequence[Ended]) -> int:
    """Count them; an attack that was not made is not among `ends`, and so not withstood."""
    return sum(not end.fault for end in ends)


def _list(numbers: frozenset[int] | set[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"
