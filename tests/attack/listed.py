"""All attacks, in one list: a file of `each/` that is not here fails a test."""

from typing import Final

from tests.attack.each import (
    a_crowd,
    a_gigabyte,
    a_token_again,
    an_insider,
    another_ca,
    bad_papers,
    false_first_words,
    no_certificate,
    plain_bytes,
    slow_bytes,
)
from tests.attack.kinds import Attack

ATTACKS: Final[tuple[Attack, ...]] = (
    a_crowd.ATTACK,
    a_gigabyte.ATTACK,
    a_token_again.ATTACK,
    an_insider.ATTACK,
    another_ca.ATTACK,
    bad_papers.ATTACK,
    false_first_words.ATTACK,
    no_certificate.ATTACK,
    plain_bytes.ATTACK,
    slow_bytes.ATTACK,
)


def named(name: str) -> Attack:
    return next(attack for attack in ATTACKS if attack.name == name)
