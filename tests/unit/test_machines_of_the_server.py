"""The central side's doors under events in any order: guesses cost time, a stolen token ends."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any, Final, TypeVar, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from central_mdm.identity import attempts, tokens
from central_mdm.identity.model import (
    refresh_tokens,
    sign_in_failures,
    teacher_tokens,
    teachers,
)
from central_mdm.platform.authentication import hash_of
from central_mdm.platform.database import metadata
from central_mdm.platform.errors import NotSignedIn, TryAgain
from central_mdm.platform.ground import Ground
from tests.machines import QUICK

TABLES: Final = [refresh_tokens, sign_in_failures, teacher_tokens, teachers]
SCHOOL: Final = "school-1"
GUESSES_AN_HOUR: Final = attempts.FREE_FAILURES + 9 + 4
"""Five for nothing, nine while the wait doubles up to a quarter of an hour, then four an hour."""
Found = TypeVar("Found")


class Secrets:
    """All that tokens need of the ground: a clock in the test's hand, keys and secrets."""

    def __init__(self) -> None:
        self.at, self._numbers, self.keys = 1_795_500_000, count(), self

    def passes(self) -> bytes:
        return bytes(32)

    def clock(self) -> int:
        return self.at

    def new_secret(self) -> str:
        return f"secret{next(self._numbers)}"


class AtTheDoor:
    """The tables in memory, and a loop to reach them by."""

    def open(self) -> None:
        self.hands = Secrets()
        self.loop = asyncio.new_event_loop()
        self.engine = create_async_engine("sqlite+aiosqlite://")

        async def made() -> AsyncConnection:
            connection = await self.engine.connect()
            await connection.run_sync(lambda to: metadata.create_all(to, TABLES))
            return connection

        self.connection = self.loop.run_until_complete(made())

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.connection.close())
            self.run(self.engine.dispose())
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return self.loop.run_until_complete(work)


class AnyGuesses(AtTheDoor, RuleBasedStateMachine):
    """Somebody guesses a teacher's password, at any pace, while the teacher signs in as well."""

    @initialize()
    def begin(self) -> None:
        self.open()
        self.guessed: list[int] = []

    def admitted(self) -> bool:
        try:
            self.run(attempts.count(self.connection, SCHOOL, "vidal", self.hands.at))
        except TryAgain as again:
            seconds = again.after_seconds
        else:
            return True
        assert 0 < seconds <= attempts.WAIT_SECONDS_MAX, "nobody is shut out for ever"
        return False

    @rule(times=st.integers(1, 12), pause=st.sampled_from([0, 1, 60, 300]))
    def guesses(self, times: int, pause: int) -> None:
        for _ in range(times):
            if self.admitted():
                self.guessed.append(self.hands.at)
            self.hands.at += pause

    @rule(seconds=st.sampled_from([1, 2, 60, 899, 900, 3599, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.hands.at += seconds

    @rule()
    def another_teacher_is_not_held_up(self) -> None:
        self.run(attempts.count(self.connection, SCHOOL, "lambert", self.hands.at))
        self.run(attempts.forget(self.connection, SCHOOL, "lambert"))

    @invariant()
    def an_hour_buys_few_guesses(self) -> None:
        lately = [at for at in self.guessed if at > self.hands.at - attempts.FORGET_SECONDS]
        assert len(lately) <= GUESSES_AN_HOUR


class AnyTokens(AtTheDoor, RuleBasedStateMachine):
    """A teacher's app renews its tokens; a thief has copied some of them at some time."""

    @initialize()
    def begin(self) -> None:
        self.open()
        person = {"id": "t-1", "login": "vidal", "name": "M. Vidal", "password_hash": ""}
        self.run(self.connection.execute(insert(teachers).values(school=SCHOOL, **person)))
        self.app: list[tokens.Pair] = []
        self.stolen: tokens.Pair | None = None
        self.bought: dict[str, list[tokens.Pair]] = {}
        self.ended: list[tokens.Pair] = []

    def rotated(self, pair: tokens.Pair) -> tokens.Pair | None:
        """Spend a refresh token; None where it is refused, whatever for."""
        ground = cast("Ground", self.hands)
        try:
            new = self.run(tokens.rotate(self.connection, ground, SCHOOL, pair.refresh))
        except NotSignedIn:
            return None
        if new is None:
            # Somebody else holds it: all that came of that password is over.
            self.ended += [*self.app, *([self.stolen] if self.stolen else [])]
        else:
            before = self.bought.setdefault(pair.refresh, [])
            assert pair not in self.ended, "another pair has its place"
            assert not any(self.bought.get(one.refresh) for one in before), "it was renewed"
            self.ended += before
            before.append(new)
        return new

    @precondition(lambda self: not self.app)
    @rule()
    def signs_in(self) -> None:
        ground, family = cast("Ground", self.hands), f"family-{self.hands.at}"
        self.app = [self.run(tokens.issue_pair(self.connection, ground, SCHOOL, "t-1", family))]

    @precondition(lambda self: self.app)
    @rule(back=st.integers(0, 2))
    def renews(self, back: int) -> None:
        """Renew by the newest token, or again by one whose answer was lost."""
        pair = self.app[-1 - min(back, len(self.app) - 1)]
        new = self.rotated(pair)
        self.app = [*self.app, new] if new else []

    @precondition(lambda self: self.app)
    @rule()
    def is_copied(self) -> None:
        self.stolen = self.app[-1]

    @precondition(lambda self: self.stolen)
    @rule()
    def thief_renews(self) -> None:
        assert self.stolen
        new = self.rotated(self.stolen)
        self.stolen = new or self.stolen

    @rule(seconds=st.sampled_from([1, 30, 61, 3601, tokens.REFRESH_SECONDS]))
    def time_passes(self, seconds: int) -> None:
        self.hands.at += seconds

    @invariant()
    def what_is_over_opens_nothing_and_what_opens_is_young(self) -> None:
        for pair in (*self.ended, *self.app[-1:]):
            digest = hash_of(pair.token)
            now = self.hands.at
            caller = self.run(tokens.read_teacher(self.connection, SCHOOL, digest, now))
            assert caller is None or pair not in self.ended, "a token of a family that is over"
            assert caller is None or caller.id == "t-1"

    @invariant()
    def a_sign_in_keeps_few_rows_however_often_it_is_renewed(self) -> None:
        spent = select(refresh_tokens.c.family, func.count()).where(refresh_tokens.c.used_at > 0)
        rows = self.run(self.connection.execute(spent.group_by(refresh_tokens.c.family)))
        assert all(number == 1 for _, number in rows)


MACHINES = (AnyGuesses, AnyTokens)
for machine in MACHINES:
    machine.TestCase.settings = settings(QUICK, max_examples=5, stateful_step_count=20)
TestAnyGuesses = AnyGuesses.TestCase
TestAnyTokens = AnyTokens.TestCase
