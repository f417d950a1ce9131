"""What happens in a history, and when: drawn from a seed before it is played, kept as JSON."""

import random
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tests.histories.network import Weather
from tests.histories.stage import DAY_SECONDS

Who = Literal["kill", "stop", "away", "full", "clock", "fuse"]
"""What befalls one of the programs."""
Whole = Literal["postgres-kill", "backup", "restore", "copy", "set-back"]
What = Who | Whole
CHAOS_SECONDS: Final = 20.0
TEACHERS: Final = ("teacher1", "teacher2", "teacher3")
DEVICES: Final = ("dev-1", "dev-2", "dev-3")
CARRIED: Final = "dev-2"
"""It meets teachers alone."""
SERVER: Final = "server"
ADMINISTRATOR: Final = "administrator"
POSTGRESQL: Final = "postgresql"
"""The disk of the database's own."""
RESTORED_SHARE: Final = 0.3
SET_BACK_SHARE: Final = 0.4
"""Of those that are not restored."""
FUSE_POINTS: Final = 60
"""About what a minute of a person's work writes, in a second here."""
SHOWERS: Final = Weather(0.01, 0.01, 0.02, 0.01, 0.02, 0.02, 0.005)
"""A turn of an app is a dozen requests, and a history has time for a dozen turns: of the virtual
world's storm next to none would come to its end."""


class Step(Struct, frozen=True):
    """At `at` seconds this befalls `who`.

    `seconds`: how long it lasts: killed and not started again, stopped, away, on a full disk; of
    `clock`: by how much it is ahead after a kill (behind: less than 0.0). `fuse`: it dies at its
    so many-th commit, rename or fsync (`points`). `backup` and `restore` are the MDM's commands;
    `copy` and `set-back` an administrator's own, who says nothing of it to the MDM.
    """

    at: float
    what: What
    who: str = ""
    seconds: float = 0.0
    points: int = 0


class Schedule(Struct, frozen=True):
    """`weather`: of each request's way; `plant`: a bug that is in the programs meanwhile.

    `slower`: by how much all takes longer, and may, on a machine that has much else to do.
    """

    seed: int
    steps: tuple[Step, ...]
    weather: Weather = SHOWERS
    chaos_seconds: float = CHAOS_SECONDS
    plant: str = ""
    slower: float = 1.0


def draw(seed: int, plant: str = "", slower: float = 1.0) -> Schedule:
    chance = random.Random(seed)  # noqa: S311 - the same schedule for the same seed
    steps = sorted(_steps(chance), key=lambda step: step.at)
    return Schedule(
        seed,
        tuple(_slowed(step, slower) for step in steps),
        chaos_seconds=CHAOS_SECONDS * slower,
        plant=plant,
        slower=slower,
    )


def _slowed(step: Step, slower: float) -> Step:
    lasts = step.seconds if step.what == "clock" else step.seconds * slower
    return replace(step, at=step.at * slower, seconds=lasts)


def _steps(chance: random.Random) -> Iterator[Step]:
    def at(first: float = 0.5, last: float = CHAOS_SECONDS) -> float:
        return round(chance.uniform(first, last), 2)

    def lasting(most: float) -> float:
        return round(chance.uniform(0.05, most), 2)

    people = (*TEACHERS, *DEVICES)
    for who in people:
        yield from (Step(at(), "kill", who, lasting(1.5)) for _ in range(chance.randint(1, 4)))
    yield from (Step(at(), "kill", ADMINISTRATOR, 0.1) for _ in range(chance.randint(0, 1)))
    yield from (Step(at(2.0), "kill", SERVER, lasting(2.0)) for _ in range(chance.randint(1, 2)))
    yield from (Step(at(), "stop", SERVER, lasting(5.0)) for _ in range(chance.randint(0, 1)))
    stopped = chance.sample(people, chance.randint(0, 2))
    yield from (Step(at(), "stop", who, lasting(4.0)) for who in stopped)
    yield from (Step(at(), "postgres-kill", "", lasting(1.5)) for _ in range(chance.randint(0, 2)))
    away = chance.choices(people, k=chance.randint(0, 4))
    yield from (Step(at(), "away", who, lasting(6.0)) for who in away)
    full = chance.choices((*people, SERVER, POSTGRESQL), k=chance.randint(1, 4))
    yield from (Step(at(), "full", who, lasting(4.0)) for who in full)
    wrong = chance.choices((*people, SERVER), k=chance.randint(0, 4))
    for who in wrong:
        yield Step(at(), "clock", who, round(chance.uniform(-2.0, 2.0) * DAY_SECONDS))
    for who in chance.choices(people, k=chance.randint(1, 3)):
        yield Step(at(), "fuse", who, points=chance.randint(1, FUSE_POINTS))
    if chance.random() < RESTORED_SHARE:
        yield Step(at(2.0, 7.0), "backup")
        yield Step(at(12.0, 17.0), "restore")
    elif chance.random() < SET_BACK_SHARE:
        yield Step(at(2.0, 7.0), "copy")
        yield Step(at(12.0, 17.0), "set-back")
