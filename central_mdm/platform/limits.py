"""How fast one may ask: a token bucket an identity and one a school, in this process.

Never by address alone: a whole school is one address (NAT), and behind an ingress all are. A
bucket is kept as the one number that says it all, the moment at which it is full again (GCRA, ITU-T
I.371); a full one is as good as none, so the oldest are forgotten first, and memory has an end.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from typing import Final, Literal

from msgspec import Struct

from central_mdm.platform.errors import TooFast

Shown = Literal["login", "code", "refresh"]
Comes = Literal["code", "account", "account-begun", "account-done"]
"""How somebody without a token comes to a school; an account's label is asked for, then a sign-in
begun, then done.
"""
HELD_MAX: Final = 200_000
"""Buckets of each kind; 40 MiB at the most. Who fills them with made-up names frees others'."""

ROUNDING_SECONDS: Final = 1e-7
"""Floats: a bucket of three is not to be empty after two."""


class Rate(Struct, frozen=True):
    """`burst` requests at once, then `a_second` for as long as one likes."""

    burst: int
    a_second: float


class Rates(Struct, frozen=True):
    """What one process lets pass.

    `check_in`: one each quarter of an hour, and those of a network that comes and goes. `proof`:
    one a day, and those whose answer was lost. `device`: all else that it asks, and brings.
    `teacher`: an app that brings a week's work. `school`: all of its devices switched on at once.
    `login` and `code`: who shows one, a class's code being shown by many; `refresh`: who shows such
    a token. `strangers`: all who show a good code at one school, and as many who ask for each step
    of a sign-in by an account. `made_up`: all who show logins there that nobody has: whoever has
    one takes nothing from it, so it keeps nobody from signing in. `renewals`: all who show a
    refresh token there, from one address: made-up ones cost their sender nothing.
    """

    check_in: Rate = Rate(60, 0.1)
    proof: Rate = Rate(20, 0.1)
    device: Rate = Rate(60, 2)
    teacher: Rate = Rate(3000, 60)
    school: Rate = Rate(20_000, 500)
    login: Rate = Rate(20, 1)
    code: Rate = Rate(200, 10)
    refresh: Rate = Rate(20, 1)
    strangers: Rate = Rate(2000, 30)
    made_up: Rate = Rate(300, 5)
    renewals: Rate = Rate(2000, 30)


class Buckets:
    """Buckets of one rate, by whose they are."""

    def __init__(self, rate: Rate, now: Callable[[], float], held_max: int = HELD_MAX) -> None:
        self._pause = 1 / rate.a_second
        self._ahead_max = rate.burst * self._pause
        self._now = now
        self._held_max = held_max
        self._full_at: dict[Hashable, float] = {}

    def take(self, whose: Hashable) -> None:
        """Take one from a bucket. Raises TooFast where it is empty, which costs it nothing."""
        now = self._now()
        full_at = max(self._full_at.pop(whose, now), now) + self._pause
        over = full_at - now - self._ahead_max
        refused = over > ROUNDING_SECONDS
        self._full_at[whose] = full_at - self._pause if refused else full_at
        if len(self._full_at) > self._held_max:
            del self._full_at[next(iter(self._full_at))]
        if refused:
            raise TooFast("too-many-requests", math.ceil(over))

    def __len__(self) -> int:
        return len(self._full_at)


class Beside:
    """What one alone may have under way beside each other: `most` of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = Counter[Hashable]()

    @contextmanager
    def place(self, whose: Hashable) -> Generator[None]:
        """Have a place among one's own. Raises TooFast where there is none."""
        if self._inside[whose] >= self._most:
            raise TooFast("too-many-requests", 1)
        self._inside[whose] += 1
        try:
            yield
        finally:
            self._inside[whose] -= 1
            if not self._inside[whose]:
                del self._inside[whose]


class Limits:
    """All buckets of a process. `now`: seconds that never go back."""

    def __init__(self, now: Callable[[], float], rates: Rates | None = None) -> None:
        rates = rates or Rates()
        self._check_ins = Buckets(rates.check_in, now)
        self._proofs = Buckets(rates.proof, now)
        self._holders = {
            "device": Buckets(rates.device, now),
            "teacher": Buckets(rates.teacher, now),
        }
        self._schools = Buckets(rates.school, now)
        self._shown = {
            "login": Buckets(rates.login, now),
            "code": Buckets(rates.code, now),
            "refresh": Buckets(rates.refresh, now),
        }
        self._strangers = Buckets(rates.strangers, now)
        self._made_up = Buckets(rates.made_up, now)
        self._renewals = Buckets(rates.renewals, now)

    def check_in(self, school: str, device: str) -> None:
        """Let a device check in by the short way. Raises TooFast. Costs less than 2 µs."""
        self._check_ins.take((school, device))

    def proof(self, school: str, device: str) -> None:
        """Let a device whose key was proved have a pass. Raises TooFast.

        Of its school's it takes nothing: a Monday's proofs keep no teacher out.
        """
        self._proofs.take((school, device))

    def holder(self, school: str, role: str, holder: str) -> None:
        """Let the holder of a token ask once. Raises TooFast.

        The holder first: one that is refused takes nothing from its school.
        """
        self._holders[role].take((school, holder))
        self._schools.take(school)

    def shown(self, kind: Shown, what: str) -> None:
        """Let somebody without a token show a login of a school, or another `kind`. Raises TooFast.

        Kept as its hash: people type passwords into the field for logins.
        """
        key = hashlib.blake2b(what.encode(errors="replace"), digest_size=16).hexdigest()
        self._shown[kind].take(key)

    def stranger(self, school: str, comes: Comes) -> None:
        """Let somebody without a token come to this school. Raises TooFast.

        Who floods one way in keeps it shut as long as that lasts, and no other.
        """
        self._strangers.take((school, comes))

    def made_up(self, school: str) -> None:
        """Let somebody show this school a login that nobody has. Raises TooFast.

        `school` empty: a school that is not here; all of those are one.
        """
        self._made_up.take(school)

    def renewal(self, school: str, address: str) -> None:
        """Let somebody at this address show a refresh token of a school. Raises TooFast."""
        self._renewals.take((school, address))
