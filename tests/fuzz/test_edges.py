"""A small part of `make fuzz` in every run of the tests: some tries an edge."""

from collections.abc import Iterator

import pytest

from tests.fuzz.bundles import BUNDLES
from tests.fuzz.edges import EDGES
from tests.fuzz.tries import CORPUS, Counts, memory_watched, offered, tried

SEED = 7
TRIES = 50
SLOW = {"pairing-share": 2}
"""Edges of which one try takes longer than a hundred of another."""

# What `cryptography` will refuse one day it reads until then, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.fixture(autouse=True, scope="module")
def memory() -> Iterator[None]:
    with memory_watched():
        yield


@pytest.mark.parametrize("edge", EDGES)
def test_bytes_of_a_stranger_are_read_or_refused_and_nothing_else(edge: str) -> None:
    counts = Counts()
    for number in range(SLOW.get(edge, TRIES)):
        counts.note(tried(edge, SEED, number))
    assert counts.tried == SLOW.get(edge, TRIES)


def test_every_example_is_read_so_that_what_is_tried_is_nearly_right() -> None:
    for edge in EDGES.keys() - {"mdm-judged"}:
        assert EDGES[edge].examples
        for example in EDGES[edge].examples:
            assert offered(edge, example) == ("accepted", ""), edge


def test_every_edge_is_in_one_bundle() -> None:
    bundled = [edge for edges in BUNDLES.values() for edge in edges]
    assert sorted(bundled) == sorted(EDGES)


def test_what_reached_a_branch_or_broke_it_once_is_read_or_refused() -> None:
    for path in sorted(CORPUS.glob("*/*")):
        assert offered(path.parent.name, path.read_bytes())[1] == "", path
