"""How long the central side keeps what is about people, and the job that ends it.

`pupitre-mdm tidy` does it once: a job for each night. A server over SQLite does it by itself.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, json
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.fleet.forgetting import forget_acts, forget_devices
from central_mdm.fleet.orders import forget_orders
from central_mdm.fleet.standbys import NO_STANDBY, without_standby
from central_mdm.identity import audit
from central_mdm.identity.forgetting import forget_tokens
from central_mdm.identity.rules import schools_here
from central_mdm.journal.forgetting import forget_alarms, forget_events
from central_mdm.partage.forgetting import forget_files
from central_mdm.platform.answers import forget_answers
from central_mdm.platform.errors import Malformed, Refusal
from central_mdm.platform.ground import Ground
from central_mdm.roster.forgetting import forget_past

log = logging.getLogger(__name__)
DAY_SECONDS: Final = 86_400
_BYTES_MAX: Final = 4096
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
    """How many of each are gone."""

    events: int
    files: int
    alarms: int
    devices: int
    tokens: int
    audit: int = 0
    answers: int = 0
    past: int = 0


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
    """Remove what is older than it may be, by the server's clock. Raises what the database does."""
    now = ground.clock()

    def before(days: int) -> int:
        return now - days * DAY_SECONDS

    async with ground.database.writing(school) as connection:
        events = await forget_events(connection, school, before(keep.journal))
        alarms = await forget_alarms(connection, school, before(keep.alarms))
        alarms += await forget_acts(connection, school, before(keep.alarms))
        alarms += await forget_orders(connection, school, before(keep.alarms))
        devices = await forget_devices(connection, school, before(keep.devices))
        tokens = await forget_tokens(connection, school, now)
        audited = await audit.forget_acts(connection, school, before(keep.audit))
        answers = await forget_answers(connection, school, now)
        left = await forget_past(connection, school, before(keep.past))
    files = await forget_files(ground, school, before(keep.files))
    return Tidied(events, files, alarms, devices, tokens, audited, answers, left)


async def tidy_all(ground: Ground, folder: Path, named: Sequence[str] = ()) -> dict[str, Tidied]:
    """Tidy these schools; none named: all there are. Raises Malformed for a spoilt setting.

    Whoever looks at all of them says which have no standby.
    """
    keep = read_retention(folder)
    for school in () if named else await without_standby(ground):
        log.warning(NO_STANDBY, school, school)
    every = named or await schools_here(ground)
    return {school: await tidy(ground, school, keep) for school in every}


async def tidy_daily(ground: Ground, folder: Path) -> None:
    """Tidy at once and each day until cancelled, where nobody else does: over SQLite.

    Over PostgreSQL there may be many of us: a job of its own does it once a night.
    """
    while ground.database.url.get_backend_name() == "sqlite":
        try:
            await tidy_all(ground, folder)
        except (SQLAlchemyError, OSError, Refusal) as error:
            ground.faults.tidy += 1
            log.warning("not tidied", extra={"why": type(error).__name__})
        await asyncio.sleep(DAY_SECONDS)
