"""The sample school: names of several languages, the same ones for the same seed."""

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.identity.people import Person, add_person
from central_mdm.identity.rules import open_school
from central_mdm.platform.ground import Ground
from central_mdm.roster.displays import display_of
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.rules import give_class, put_class, put_device, put_pupil

PUPILS: Final = 120
OTHERS_MIN: Final = 12
CODE_DAYS: Final = 30
CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1: people type them
KINDS: Final = ("laptop", "laptop", "laptop", "tablet")


class Place(Struct, frozen=True):
    """A pupil in a class with the device that is the pupil's own, and the code to enrol it."""

    pupil: PupilRow
    device: DeviceRow
    code: str


def read(name: str) -> dict[str, Any]:
    return json.loads((files("resources") / "sample" / name).read_text(encoding="utf-8"))


async def make_sample(
    ground: Ground, folder: Path, devices: int, seed: int, pupils: int = PUPILS
) -> dict[str, Any]:
    """Make the school, its opened class filled with exactly `devices` pupils; write sample.json.

    `pupils` are in the whole school, or more where the opened class needs them.
    """
    chance = random.Random(seed)  # noqa: S311 - a sample school, the same for the same seed
    school = read("school.json")
    await open_school(ground, school["school"], school["name"])
    teachers = [{**row, "password": _password(chance)} for row in school["teachers"]]
    for row in teachers:
        person = Person(row["id"], row["login"], row["name"], "teacher")
        await add_person(ground, school["school"], person, row["password"])
    places = _places(chance, school, devices, pupils)
    await _write(ground, school, places)
    # Any wallpaper: one by name would have to lie on each machine that tries the sample.
    await declare_policy(ground, school["school"], 600, "")
    told = _described(school, teachers, places)
    text = json.dumps(told, ensure_ascii=False, indent=2)
    (folder / "sample.json").write_text(text + "\n", encoding="utf-8")
    (folder / "sample.json").chmod(0o600)  # it holds passwords and codes
    return told


async def _write(ground: Ground, school: dict[str, Any], places: dict[str, list[Place]]) -> None:
    name = school["school"]
    ends_at = ground.clock() + CODE_DAYS * 24 * 3600
    async with ground.database.writing(name) as connection:
        news: list[Told] = []
        for row in school["classes"]:
            news += await put_class(connection, name, ClassRow(**row), ground.clock())
        for teacher in school["teachers"]:
            for class_id in teacher["classes"]:
                news += await give_class(connection, name, teacher["id"], class_id)
        for place in (each for those in places.values() for each in those):
            news += await put_pupil(connection, name, place.pupil)
            news += await put_device(connection, name, place.device, ground.clock())
            code = Code(place.device.class_id, ends_at, 1, place.device.id)
            await make_code(connection, name, place.code, code, ground.clock())
        await publish(connection, name, news)


def _places(
    chance: random.Random, school: dict[str, Any], devices: int, pupils: int
) -> dict[str, list[Place]]:
    """Fill the opened class with `devices` pupils, the others evenly with the rest."""
    opened = school["open_class"]
    others = [row["id"] for row in school["classes"] if row["id"] != opened]
    rest = max(pupils - devices, OTHERS_MIN)
    sizes = {opened: devices}
    for number, class_id in enumerate(others):
        sizes[class_id] = rest // len(others) + (number < rest % len(others))
    numbers = count(1)
    return {
        class_id: list(_class(chance, numbers, class_id, size)) for class_id, size in sizes.items()
    }


def _class(
    chance: random.Random, numbers: Iterator[int], class_id: str, size: int
) -> Iterator[Place]:
    displays: set[str] = set()
    languages = list(read("names.json").values())
    for seat in range(1, size + 1):
        number = next(numbers)
        given, family = _name(chance, languages, displays)
        display = display_of(given, family, displays)
        displays.add(display)
        pupil = PupilRow(f"p-{number:04d}", class_id, given, family, display, seat)
        device_id = f"dev-{number:04d}-{chance.getrandbits(32):08x}"
        kind = chance.choice(KINDS)
        device = DeviceRow(device_id, class_id, f"{kind} {number}", kind, pupil.id)
        yield Place(pupil, device, _letters(chance, 12))


def _name(
    chance: random.Random, languages: list[dict[str, list[str]]], taken: set[str]
) -> tuple[str, str]:
    """Draw a name, rather one whose first name the class does not have yet."""
    given, family = "", ""
    for _ in range(20):
        language = chance.choice(languages)
        given, family = chance.choice(language["given"]), chance.choice(language["family"])
        if given not in taken:
            break
    return given, family


def _letters(chance: random.Random, length: int) -> str:
    return "".join(chance.choice(CODE_LETTERS) for _ in range(length))


def _password(chance: random.Random) -> str:
    return "-".join(_letters(chance, 4).lower() for _ in range(4))


def _described(
    school: dict[str, Any], teachers: list[dict[str, Any]], places: dict[str, list[Place]]
) -> dict[str, Any]:
    pupils = sum(map(len, places.values()))
    return {
        "school": school["school"],
        "school_name": school["name"],
        "class": school["open_class"],
        "class_ids": list(places),
        "teachers": teachers,
        "devices": [
            {
                "device": place.device.id,
                "code": place.code,
                "pupil": place.pupil.id,
                "display": place.pupil.display,
            }
            for place in places[school["open_class"]]
        ],
        "counts": {
            "teachers": len(teachers),
            "classes": len(places),
            "pupils": pupils,
            "devices": pupils,
        },
    }
