"""A small part of `make fuzz` in every run of the tests: a few hundred tries an edge."""

from collections.abc import Iterator

import pytest

from tests.fuzz.edges import EDGES
from tests.fuzz.tries import CORPUS, Counts, memory_watched, offered, tried

SEED = 7
TRIES = 150


@pytest.fixture(autouse=True, scope="module")
def memory() -> Iterator[None]:
    with memory_watched():
        yield


@pytest.mark.parametrize("edge", EDGES)
def test_bytes_of_a_stranger_are_read_or_refused_and_nothing_else(edge: str) -> None:
    counts = Counts()
    for number in range(TRIES):
        counts.note(tried(edge, SEED, number))
    assert counts.tried == TRIES


@pytest.mark.parametrize("edge", sorted(EDGES.keys() - {"mdm-judged"}))
def test_every_example_is_read_so_that_what_is_tried_is_nearly_right(edge: str) -> None:
    assert EDGES[edge].examples
    for example in EDGES[edge].examples:
        assert offered(edge, example) == ("accepted", "")


@pytest.mark.parametrize("edge", EDGES)
def test_what_reached_a_branch_or_broke_it_once_is_read_or_refused(edge: str) -> None:
    for path in sorted((CORPUS / edge).glob("*")):
        assert offered(edge, path.read_bytes())[1] == "", path.name
