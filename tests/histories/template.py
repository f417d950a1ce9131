"""The school that all histories begin with: three teachers, three classes, seven pupils."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.identity.model import teachers
from central_mdm.identity.people import Person as Known
from central_mdm.identity.people import add_person
from central_mdm.identity.rules import open_school
from central_mdm.joining import ground_at
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import give_class, put_class, put_device, put_pupil
from classroom_app.storage.keeping import open_keeping
from tests.histories.stage import SCHOOL, Person, Template, name_of
from tests.mdm import QUICK
from tests.rings import NoRing

CODE_DAYS: Final = 400


def memory() -> str | None:
    """Return a folder in memory, where the system has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the name inside is drawn


async def made_in(folder: Path, clock: Callable[[], int], database: str = "") -> Template:
    """Make the school in `folder`, or in this `database`, and an empty store for each teacher."""
    people = tuple(Person(f"t-{n}", f"teacher{n}", f"password {n}") for n in range(1, 4))
    classes = ("1A", "2B", "3C")
    pupils = tuple(
        PupilRow(f"p-{n}", classes[n % 3], f"Given{n}", f"Family{n}", f"Given{n}", n)
        for n in range(1, 8)
    )
    rows = tuple(
        DeviceRow(f"dev-{n}", classes[n % 3], f"laptop {n}", "laptop", f"p-{n}") for n in (1, 2, 3)
    )
    made = Template(
        folder / "server",
        folder / "stores",
        people,
        classes,
        pupils,
        rows,
        tuple(f"CODE-000{n}-ABCD" for n in (1, 2, 3)),
    )
    numbers = count(1)
    at = ground_at(made.server, database, clock, lambda: f"made-{next(numbers)}")
    async with at as ground:
        await _school(ground, made)
    for one in people:  # each journal has an id of its own
        keeping = await open_keeping(made.stores / one.login, NoRing)
        await keeping.close()
    return made


async def _school(ground: Ground, made: Template) -> None:
    await open_school(ground, SCHOOL, "School of the histories")
    for one in made.teachers:
        known = Known(one.id, one.login, one.login, "teacher")
        await add_person(ground, SCHOOL, known, one.password)
    async with ground.database.writing(SCHOOL) as connection:
        for one in made.teachers:
            cheap = teachers.update().where(teachers.c.id == one.id)
            await connection.execute(cheap.values(password_hash=QUICK.hash(one.password)))
        news = [
            told
            for one in made.classes
            for told in await put_class(
                connection, SCHOOL, ClassRow(one, name_of(one)), ground.clock()
            )
        ]
        for number, one in enumerate(made.teachers):
            for class_id in (made.classes[number], made.classes[number - 1]):
                news += await give_class(connection, SCHOOL, one.id, class_id)
        for pupil in made.pupils:
            news += await put_pupil(connection, SCHOOL, pupil)
        for row, code in zip(made.devices, made.codes, strict=True):
            news += await put_device(connection, SCHOOL, row, ground.clock())
            ends_at = ground.clock() + CODE_DAYS * 86_400
            code_for = Code(row.class_id, ends_at, 1, row.id)
            await make_code(connection, SCHOOL, code, code_for, ground.clock())
        await publish(connection, SCHOOL, news)
