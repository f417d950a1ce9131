"""Putting a new root in the place of a school's, and telling anew what the old one had signed."""

from pathlib import Path

from central_mdm.fleet.groups import devices_of, raise_wanted
from central_mdm.identity.rules import one_by_one
from central_mdm.identity.succession import succeed
from central_mdm.platform.ground import Ground


async def succeed_school(
    ground: Ground, school: str, sealed: tuple[bytes, str], next_file: tuple[Path, str]
) -> int:
    """Do `succeed`, and raise what is wanted of each device. Raises as that does.

    What apps carry for a device is signed by the old root, and only a higher version takes its
    place.
    """
    epoch = await succeed(ground, school, sealed, next_file)
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        devices = await devices_of(connection, school, "school", "")
        await raise_wanted(connection, school, devices, ground.clock())
    return epoch
