"""A school that there is for a load only: made, and taken away with all that is its.

It is told from a real one by its kind, which nothing else makes; no other is ever taken away.
"""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, insert, select

from central_mdm.contract.fleet import Enrol
from central_mdm.contract.roster import ClassRow
from central_mdm.fleet.enrolment import Code, enrol, make_code
from central_mdm.identity.model import schools, teachers
from central_mdm.identity.passwords import hash_password
from central_mdm.identity.rules import open_school, schools_here
from central_mdm.load.devices import INVENTORY, Device
from central_mdm.load.teachers import Teacher
from central_mdm.platform.ground import Ground
from central_mdm.platform.limits import Limits, Rate, Rates
from central_mdm.platform.passes import Pass, write_pass
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.rules import give_class, put_class
from central_mdm.schema import all_tables

KIND: Final = "load"
DEVICES_A_CLASS: Final = 30
CLASSES_A_TEACHER: Final = 4
CODE_SECONDS: Final = 3600
AT_ONCE: Final = 4
_ALL: Final = Rate(1_000_000, 1_000_000)


@dataclass
class LoadSchool:
    """A school under load: whom it has."""

    school: str
    devices: list[Device]
    teachers: list[Teacher]


async def make_school(ground: Ground, school: str, devices: int, people: int) -> LoadSchool:
    """Make it: devices in classes of thirty, each with a key and a pass that has just ended."""
    await open_school(ground, school, "A school of a load", kind=KIND)
    # Nobody is kept waiting by limits that are for strangers: who is here has the server's folder.
    ground = replace(ground, limits=Limits(lambda: 0.0, Rates(code=_ALL, strangers=_ALL)))
    classes = [f"class-{number + 1}" for number in range(-(-devices // DEVICES_A_CLASS))]
    password = secrets.token_urlsafe(16)
    staff = [Teacher(school, f"teacher-{number + 1}", password) for number in range(people)]
    await _write(ground, school, classes, staff)
    places = iter([classes[number // DEVICES_A_CLASS] for number in range(devices)])

    async def some() -> list[Device]:
        return [await _enrol(ground, school, class_id) for class_id in places]

    async with asyncio.TaskGroup() as tasks:
        enrolling = [tasks.create_task(some()) for _ in range(AT_ONCE)]
    enrolled = [device for each in enrolling for device in each.result()]
    return LoadSchool(school, enrolled, staff)


async def loads_here(ground: Ground) -> list[str]:
    """Name the schools that loads have made, and not taken away."""
    found: list[str] = []
    for school in await schools_here(ground):
        async with ground.database.reading(school) as connection:
            kind = select(schools.c.kind).where(schools.c.school == school)
            if await connection.scalar(kind) == KIND:
                found.append(school)
    return found


async def end_school(ground: Ground, school: str) -> bool:
    """Take away a load's school, its rows and its key; False: there is no such one."""
    if school not in await loads_here(ground):
        return False
    async with ground.database.writing(school) as connection:
        for table in reversed(all_tables().sorted_tables):
            await connection.execute(delete(table).where(table.c.school == school))
    ground.keys.drop(school)
    return True


async def _write(ground: Ground, school: str, classes: list[str], staff: list[Teacher]) -> None:
    ends_at = ground.clock() + CODE_SECONDS
    hashed = await ground.passwords.run(hash_password, staff[0].password) if staff else ""
    async with ground.database.writing(school) as connection:
        news: list[Told] = []
        for name in classes:
            news += await put_class(connection, school, ClassRow(name, name), ground.clock())
            code = Code(name, ends_at, DEVICES_A_CLASS)
            await make_code(connection, school, _code(school, name), code, ground.clock())
        for number, one in enumerate(staff):
            row = {"id": one.login, "login": one.login, "name": one.login}
            row |= {"school": school, "password_hash": hashed}
            await connection.execute(insert(teachers).values(row))
            for turn in range(min(CLASSES_A_TEACHER, len(classes))):
                given = classes[(number * CLASSES_A_TEACHER + turn) % len(classes)]
                news += await give_class(connection, school, one.login, given)
        await publish(connection, school, news)


async def _enrol(ground: Ground, school: str, class_id: str) -> Device:
    key = Ed25519PrivateKey.generate()
    made = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([])).sign(key, None)
    asked = Enrol(_code(school, class_id), made.public_bytes(Encoding.PEM).decode(), INVENTORY)
    given = await enrol(ground, asked)
    ended = Pass(given.device, "", ground.clock() - 1)
    return Device(school, given.device, key, write_pass(ground.keys.passes(), school, ended))


def _code(school: str, class_id: str) -> str:
    return f"{school}-{class_id}"
