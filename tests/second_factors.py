"""Codes of a second factor for tests: a random secret gives two moments the same one at times."""

from central_mdm.identity.second_factor import STEP_SECONDS, code_at


def apart(secret: bytes, at: int, count: int = 4) -> int:
    """Return when, from `at` on in UTC seconds, so many codes begin of which no two are equal."""
    while len({code_at(secret, at // STEP_SECONDS + step) for step in range(count)}) < count:
        at += STEP_SECONDS
    return at


def wrong_code(secret: bytes, at: int) -> str:
    """Return six digits that are good at no step around `at`, UTC seconds."""
    good = {code_at(secret, at // STEP_SECONDS + step) for step in (-1, 0, 1)}
    return next(code for code in map("{:06}".format, range(len(good) + 1)) if code not in good)
