"""How long the central side keeps what is about people, and the job that ends it.

`pupitre-mdm tidy` does it once: a job for each night. A server over SQLite does it by itself.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, json
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.forgetting import forget_acts, forget_devices
from central_mdm.fleet.model import seen
from central_mdm.fleet.orders import forget_orders
from central_mdm.fleet.standbys import NO_STANDBY, lacks_standby
from central_mdm.identity import audit
from central_mdm.identity.forgetting import forget_tokens
from central_mdm.identity.model import audit_acts, schools
from central_mdm.identity.rules import schools_here
from central_mdm.identity.tokens import shorten
from central_mdm.journal.forgetting import (
    forget_accounts,
    forget_alarms,
    forget_events,
    shorten_accounts,
)
from central_mdm.journal.model import events
from central_mdm.partage.forgetting import forget_files, forget_strays
from central_mdm.partage.model import files
from central_mdm.platform.acting import no_act
from central_mdm.platform.answers import forget_answers
from central_mdm.platform.errors import Malformed, Refusal, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.forgetting import forget_past

log = logging.getLogger(__name__)
DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3600
AFTER_START_SECONDS: Final = 600
"""Not while a class begins, and within a lesson: some machines are on for no more than one."""
LOOK_SECONDS: Final = 60
"""So often the clock is looked at: a longer wait does not count while a machine sleeps."""
NIGHT_SECONDS: Final = 2 * HOUR_SECONDS + 17 * 60
"""2:17 by the machine's local time, in seconds after midnight."""
_BYTES_MAX: Final = 4096
_NAMED_MAX: Final = 20
LEAP_DAYS: Final = 100
"""No school is closed for so long; a clock that is wrong is mostly wrong by years."""
CLOCK_LEAPT: Final = "The clock is {days} days past what it said when this was done last."
HOW_TO_SAY_SO: Final = (
    "Set it, or, where it is right, say so once: pupitre-mdm tidy --folder F --clock-is-right"
)
Days = Annotated[int, Meta(ge=1, le=3650)]
AuditDays = Annotated[int, Meta(ge=183, le=3650)]
"""The database itself lets go of no younger act."""


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """In days; `retention.json` in the server's folder may say otherwise, for all its schools.

    `journal`: what events say, names among it. `files`: collected work. `alarms`: where two
    journals differed, and who let devices go. `devices`: what a device told that does not come
    any more. `audit`: who administrated what. `past`: who was in a class that they left.
    """

    journal: Days = 183
    files: Days = 365
    alarms: Days = 365
    devices: Days = 400
    audit: AuditDays = 365
    past: Days = 400


class Tidied(Struct, frozen=True):
    """How many of each are gone; `strays`: of collected work, bytes that no row named."""

    events: int
    files: int
    alarms: int
    devices: int
    tokens: int
    audit: int = 0
    answers: int = 0
    past: int = 0
    strays: int = 0


class Untidied(Exception):
    """Some schools could not be tidied, and the log says why: `failed`. The others are `done`."""

    def __init__(self, failed: tuple[str, ...], done: dict[str, Tidied]) -> None:
        some = ", ".join(failed[:_NAMED_MAX]) + (", …" if len(failed) > _NAMED_MAX else "")
        of = len(failed) + len(done)
        super().__init__(f"{len(failed)} of {of} schools not tidied, the log says why: {some}.")
        self.failed = failed
        self.done = done


def read_retention(folder: Path) -> Retention:
    """Read the setting. Raises Malformed for a spoilt one: then nothing is to be removed."""
    try:
        with (folder / "retention.json").open("rb") as file:
            return json.decode(file.read(_BYTES_MAX), type=Retention)
    except FileNotFoundError:
        return Retention()
    except (ValueError, RecursionError):
        raise Malformed("retention", "retention.json is not a setting of days.") from None


async def tidy(ground: Ground, school: str, keep: Retention) -> Tidied:
    """Remove what is older than it may be, by the server's clock. Raises what the database does.

    Where a person's word is behind it, that is one act, written with what goes first.
    """
    now = ground.clock()

    def before(days: int) -> int:
        return now - days * DAY_SECONDS

    async with ground.database.writing(school) as connection:
        await forget_accounts(connection, school, before(keep.journal))
        alarms = await forget_alarms(connection, school, before(keep.alarms))
        alarms += await forget_acts(connection, school, before(keep.alarms))
        alarms += await forget_orders(connection, school, before(keep.alarms))
        devices = await forget_devices(connection, school, before(keep.devices))
        if 0 < await _last(connection, school) <= now:  # a clock that is behind makes all look far
            await shorten(connection, school, now)
            await shorten_accounts(connection, school, now)
        tokens = await forget_tokens(connection, school, now)
        audited = await audit.forget_acts(connection, school, before(keep.audit))
        answers = await forget_answers(connection, school, now)
        left = await forget_past(connection, school, before(keep.past))
    with no_act():
        events = await forget_events(ground, school, before(keep.journal))
        files = await forget_files(ground, school, before(keep.files))
        strays = await forget_strays(ground, school, before(keep.files))
    return Tidied(events, files, alarms, devices, tokens, audited, answers, left, strays)


async def tidy_all(
    ground: Ground, folder: Path, named: Sequence[str] = (), *, clock_is_right: bool = False
) -> dict[str, Tidied]:
    """Tidy these schools; none named: all there are. Raises Malformed for a spoilt setting.

    Raises Refused, and has removed nothing, where the clock is `LEAP_DAYS` or more past what it
    said at the last time; `clock_is_right`: a person has looked, and says that it is so.
    Whoever looks at all of them says which have no standby. Raises Untidied, at the end, where
    some could not be; where none could, why the first could not.
    """
    keep = read_retention(folder)
    every = named or await schools_here(ground)
    last: dict[str, int] = {}
    done: dict[str, Tidied] = {}
    failed: dict[str, Exception] = {}
    for school in every:
        with _no_other_stopped(school, failed):
            if not named and await lacks_standby(ground, school):
                log.warning(NO_STANDBY, school, school)
            async with ground.database.reading(school) as connection:
                last[school] = await _last(connection, school)
    if not clock_is_right:
        await _hold_clock(ground, last, failed)
    for school in _in_turn(ground, {each: at for each, at in last.items() if each not in failed}):
        with _no_other_stopped(school, failed):
            done[school] = await _tidy_now(ground, school, keep, clock_is_right=clock_is_right)
    if failed and not done:
        raise next(iter(failed.values()))
    if failed:
        raise Untidied(tuple(failed), done)
    return done


def _in_turn(ground: Ground, last: Mapping[str, int]) -> list[str]:
    """Return who comes first: a night that is too short for all goes on with others in the next.

    Of those who were not tidied for a day chance says who: one that ends the process, by what it
    takes of memory or time, is behind all others by days, and would come first each night.
    """
    a_day_ago = ground.clock() - DAY_SECONDS
    turn = {each: (max(at, a_day_ago), ground.new_secret()) for each, at in last.items()}
    return sorted(turn, key=turn.__getitem__)


@contextmanager
def _no_other_stopped(school: str, failed: dict[str, Exception]) -> Generator[None]:
    """Log and note in `failed` what this school fails by."""
    try:
        yield
    except (SQLAlchemyError, OSError, Refusal) as error:
        log.warning("school %s not tidied", school, extra={"why": type(error).__name__})
        failed[school] = error


async def _tidy_now(
    ground: Ground, school: str, keep: Retention, *, clock_is_right: bool
) -> Tidied:
    tidied = await tidy(ground, school, keep)
    async with ground.database.reading(school) as connection:
        last = await _last(connection, school)
    now = ground.clock()
    # A machine whose battery is empty is years behind until it hears the time.
    if clock_is_right or now > last - LEAP_DAYS * DAY_SECONDS:
        with no_act():
            await _note(ground, school, now)
    return tidied


async def _hold_clock(
    ground: Ground, last: Mapping[str, int], failed: dict[str, Exception]
) -> None:
    """Hold our clock to what it said when any of these schools was tidied last; 0: never.

    Raises Refused. It is one clock: a school that could not be tidied for so long tells nothing of
    it, and neither does a moment that is so far ahead.
    """
    now = ground.clock()
    ends = now + LEAP_DAYS * DAY_SECONDS
    told = max((at for at in last.values() if 0 < at < ends), default=0)
    told = told or await _first_look(ground, [each for each, at in last.items() if not at], failed)
    days = (now - told) // DAY_SECONDS
    if told and days >= LEAP_DAYS:
        raise Refused("clock-leapt", f"{CLOCK_LEAPT.format(days=days)} {HOW_TO_SAY_SO}")


async def _first_look(ground: Ground, some: Sequence[str], failed: dict[str, Exception]) -> int:
    """Return the newest moment of what our clock has written, as noted in each school; 0: none.

    Of the school where that is longest ago: where somebody came while the clock was ahead, it is
    of then. It is noted at once, for who comes to the others makes theirs newer.
    """
    newest: dict[str, int] = {}
    for school in some:
        with _no_other_stopped(school, failed):
            async with ground.database.reading(school) as connection:
                newest[school] = await _newest(connection, school)
    told = min(filter(None, newest.values()), default=0)
    for school in (each for each, at in newest.items() if at):
        with _no_other_stopped(school, failed):
            await _note(ground, school, told)
    return told


async def _last(connection: AsyncConnection, school: str) -> int:
    """Return what our clock said when this school was tidied last; 0: it never was."""
    told = select(schools.c.tidied_at).where(schools.c.school == school)
    return int(await connection.scalar(told) or 0)


async def _newest(connection: AsyncConnection, school: str) -> int:
    """Return the newest moment (UTC seconds) of what goes by rule; 0 where there is nothing yet."""
    columns = (events.c.received_at, files.c.kept_at, audit_acts.c.at, seen.c.seen_at)
    each = [
        select(func.max(one)).where(one.table.c.school == school).scalar_subquery()
        for one in columns
    ]
    return max(int(one or 0) for one in (await connection.execute(select(*each))).one())


async def _note(ground: Ground, school: str, now: int) -> None:
    async with ground.database.writing(school) as connection:
        mine = update(schools).where(schools.c.school == school)
        await connection.execute(mine.values(tidied_at=now))


async def tidy_daily(
    ground: Ground,
    folder: Path,
    after_seconds: int = AFTER_START_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tidy each night until cancelled, where nobody else does: over SQLite.

    A night that the machine was off or asleep is made up for when it has been on again for
    `after_seconds`. Over PostgreSQL there may be many of us: a job of its own does it once a night.
    """
    due_at = None
    on_since = looked_at = ground.clock()
    while ground.database.is_sqlite:
        await sleep(min(LOOK_SECONDS, after_seconds))
        now = ground.clock()
        if abs(now - looked_at) > 2 * LOOK_SECONDS:  # it slept, or its clock was set
            on_since = now
        looked_at = now
        if now - on_since >= after_seconds:
            due_at = await tidy_where_due(ground, folder, due_at)


async def tidy_where_due(ground: Ground, folder: Path, due_at: int | None) -> int:
    """Return when it is due next. None: the night after the schools were tidied last."""
    try:
        due_at = await _night_after_last(ground) if due_at is None else due_at
        if (now := ground.clock()) < due_at:
            return min(due_at, now + to_night(now))  # the clock may have been set back
        await tidy_all(ground, folder)
    except (SQLAlchemyError, OSError, Untidied) as error:
        ground.faults.tidy += 1
        log.warning("not tidied", extra={"why": type(error).__name__})
    except Refusal as refusal:
        ground.faults.tidy += 1
        log.warning("not tidied: %s", refusal.detail, extra={"why": refusal.code})
    now = ground.clock()
    return now + to_night(now)


async def _night_after_last(ground: Ground) -> int:
    last = now = ground.clock()
    for school in await schools_here(ground):
        async with ground.database.reading(school) as connection:
            last = min(last, await _last(connection, school))
    return last + to_night(last) if last else now


def to_night(now: int) -> int:
    """Return the seconds from `now` (UTC) until it is night here, more than an hour and to a day.

    A night of an hour more or less, where summer begins or ends, is hit as far beside.
    """
    here = time.localtime(now)
    today = here.tm_hour * HOUR_SECONDS + here.tm_min * 60 + here.tm_sec
    wait = (NIGHT_SECONDS - today) % DAY_SECONDS
    return wait if wait > HOUR_SECONDS else wait + DAY_SECONDS
