"""All attacks, in one list: a file of `each/` that is not here fails a test."""

from typing import Final

from tests.attack.each import (
    a_crowd,
    a_downgrade,
    a_gigabyte,
    a_neighbour,
    a_stolen_laptop,
    a_token_again,
    an_insider,
    another_ca,
    bad_papers,
    false_first_words,
    forged_tokens,
    half_open,
    no_certificate,
    orders_again,
    plain_bytes,
    slow_bytes,
    too_wide,
)
from tests.attack.kinds import Attack

ATTACKS: Final[tuple[Attack, ...]] = (
    a_crowd.ATTACK,
    a_downgrade.ATTACK,
    a_gigabyte.ATTACK,
    a_neighbour.ATTACK,
    a_stolen_laptop.ATTACK,
    a_token_again.ATTACK,
    an_insider.ATTACK,
    another_ca.ATTACK,
    bad_papers.ATTACK,
    false_first_words.ATTACK,
    forged_tokens.ATTACK,
    half_open.ATTACK,
    no_certificate.ATTACK,
    orders_again.ATTACK,
    plain_bytes.ATTACK,
    slow_bytes.ATTACK,
    too_wide.ATTACK,
)


def named(name: str) -> Attack:
    return next(attack for attack in ATTACKS if attack.name == name)
