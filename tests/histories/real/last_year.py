"""The school as all histories find it: three teachers and two devices are there since last year.

So their certificates come to their end, and are renewed while all else happens.
"""

import asyncio
import base64
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from central_mdm.fleet.ended import keep_person
from central_mdm.identity.model import teachers
from central_mdm.identity.people import Person
from central_mdm.identity.second_factor import STEP_SECONDS, code_at, enrol, give
from central_mdm.joining import ground_at
from central_mdm.platform.authentication import Caller
from central_mdm.platform.ground import Ground
from tests import postgres
from tests.histories.real.administrator import CODES, OFFICE
from tests.histories.real.database import NAME, copy
from tests.histories.real.playing import History, Prepared, come, laid_out
from tests.histories.real.schedule import CARRIED, DEVICES, TEACHERS, Schedule
from tests.histories.stage import DAY_SECONDS, SCHOOL, Template
from tests.mdm import QUICK

AGO_SECONDS: Final = 350.0 * DAY_SECONDS
"""A certificate is for 396 days, and renewed in the last sixty."""
ENROLLED: Final = DEVICES[:2]


async def lived(made: Prepared) -> Prepared:
    """Have them sign in and enrol `AGO_SECONDS` ago; return what is there now, in place of `made`.

    Raises RuntimeError where that fails.
    """
    folder = made.folder / "last-year"
    folder.mkdir(mode=0o711)
    with ExitStack() as stack:
        async with asyncio.TaskGroup() as tasks:
            history = History(made, Schedule(-1, ()), folder, tasks)
            await laid_out(history, stack)
            actors = [*history.teachers.values(), *(history.devices[name] for name in ENROLLED)]
            for one in (history.central, *actors):
                one.ahead_seconds = -AGO_SECONDS
            async with history.proxy.listening((*TEACHERS, *DEVICES)):
                await history.database.start()
                await history.serve()
                await come(history, actors)
                await history.stop_serving()
                async with ground_at(history.central.folder, history.central.url) as ground:
                    codes = await office_in(ground)
                (made.folder / CODES).write_text("\n".join(codes))
                _came_each_month(history.database.folder)
                await history.database.end()
        if faults := [*history.faults, *(fault for one in actors for fault in one.faults)]:
            raise RuntimeError(f"last year: {faults}")
        return replace(made, template=_kept(made, history))


async def office_in(ground: Ground) -> tuple[str, ...]:
    """Have somebody who administrates, by a password and a second factor; return the codes."""
    person = Person(OFFICE.id, OFFICE.login, OFFICE.login, "administrator")
    await keep_person(ground, SCHOOL, person, OFFICE.password)
    async with ground.database.writing(SCHOOL) as connection:
        mine = teachers.update().where(teachers.c.id == OFFICE.id)
        await connection.execute(mine.values(password_hash=QUICK.hash(OFFICE.password)))
    caller = Caller(SCHOOL, "teacher", OFFICE.id, duty="administrator")
    made = await enrol(ground, caller)
    (secret,) = parse_qs(urlsplit(made.uri).query)["secret"]
    step = ground.clock() // STEP_SECONDS
    await give(ground, caller, code_at(base64.b32decode(secret), step))
    return made.recovery


def _came_each_month(cluster: Path) -> None:
    """Have the teachers still signed in, as those are who open their app now and then."""
    with postgres.superuser(cluster, NAME) as connection:
        later = "UPDATE refresh_tokens SET ends_at = ends_at + %s"
        connection.execute(later, (int(AGO_SECONDS),))


def _kept(made: Prepared, history: History) -> Template:
    template, folder = made.template, made.folder / "kept"
    for name in (*TEACHERS, *ENROLLED):
        shutil.copytree(history.folder / name / "home", folder / name)
    # It meets teachers alone: it has never been told where the server is.
    (folder / CARRIED / "fleet.json").unlink()
    shutil.rmtree(template.server)
    shutil.copytree(history.central.folder, template.server)
    shutil.rmtree(made.folder / "cluster" / "data")
    copy(history.database.folder / "data", made.folder / "cluster" / "data")
    return replace(template, stores=folder)
