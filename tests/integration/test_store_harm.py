"""A small part of `python -m tests.stores.harming` in every run: what it has found once."""

import random
from collections.abc import Callable

import pytest

from tests.stores.harming import LOG, PAGE, STORE, Files, base, judged, tried

pytestmark = pytest.mark.real_loop
FOUND = (14, 32, 34, 60, 155)


def test_whatever_is_damaged_is_told_truly_and_nothing_is_lost_that_is_left() -> None:
    assert {number: found for number in FOUND if (found := tried(number)[1])} == {}


def bits_all_over_the_log(files: Files) -> None:
    chance, raw = random.Random(2), bytearray(files[LOG])  # noqa: S311 - the same each time
    for _ in range(20):
        raw[chance.randrange(len(raw))] ^= 1
    files[LOG] = bytes(raw)


def first_page_in_anothers_place(files: Files) -> None:
    pages = [files[STORE][at : at + PAGE] for at in range(0, len(files[STORE]), PAGE)]
    files[STORE] = b"".join([pages[7], *pages[1:7], pages[0], *pages[8:]])


def first_page_and_the_log_of_another(files: Files) -> None:
    files[STORE] = bytes(PAGE) + files[STORE][PAGE:]
    files[LOG] = base().others["another's"]


@pytest.mark.parametrize(
    "harm",
    [bits_all_over_the_log, first_page_in_anothers_place, first_page_and_the_log_of_another],
)
def test_what_was_lost_once_is_brought_back(harm: Callable[[Files], None]) -> None:
    before = base().stores["killed"]
    files = dict(before)
    harm(files)
    assert list(judged(before, files)) == []
