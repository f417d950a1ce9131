"""A region in a real PostgreSQL: schools of 500 devices, filled by the database itself, kept.

The rows are of the form that the rooms write; only what nobody reads in the benchmark (roots,
passwords) is left empty. A folder that holds a region of the same size is taken as it is.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from string import Template
from typing import Final

from msgspec import Struct

from central_mdm.joining import ground_at
from central_mdm.platform.keys import FolderKeys
from tests.postgres import cluster_in, superuser

DEVICES_A_SCHOOL: Final = 500
PUPILS_A_CLASS: Final = 30
TEACHERS_IN_100: Final = 7
CLASSES_A_TEACHER: Final = 4
HASH: Final = "inventory-of-before"
IDLE: Final = (
    b'{"policy_version":1,"policy_state":"applied","assignment_version":1,"deny_list":1,'
    b'"wanted":1,"inventory_hash":"inventory-of-before"}'
)
"""What a device says in a check-in where nothing has changed."""
SETTINGS: Final = ("shared_buffers=1GB", "max_wal_size=4GB", "max_connections=60")


class Region(Struct, frozen=True):
    """How much of everything; each school is as large as the others."""

    devices: int
    people: int

    @property
    def schools(self) -> int:
        return max(1, self.devices // DEVICES_A_SCHOOL)

    @property
    def devices_a_school(self) -> int:
        return self.devices // self.schools

    @property
    def teachers_a_school(self) -> int:
        return max(1, self.people * TEACHERS_IN_100 // 100 // self.schools)

    @property
    def pupils_a_school(self) -> int:
        return self.people // self.schools - self.teachers_a_school

    @property
    def classes_a_school(self) -> int:
        return max(1, self.pupils_a_school // PUPILS_A_CLASS)

    @property
    def name(self) -> str:
        return f"region_{self.devices}_{self.people}"


def school_name(number: int) -> str:
    return f"s-{number:04}"


def device_name(school: int, number: int) -> str:
    return f"d-{school:04}-{number:05}"


def teacher_name(school: int, number: int) -> str:
    return f"t-{school:04}-{number:04}"


def secret_hash(device: str) -> str:
    """Return what stands as the hash of a device's secret; unique, so never of a real one."""
    return f"{device}-secret"


@contextmanager
def region_at(root: Path, regions: list[Region]) -> Generator[dict[str, str]]:
    """Run a cluster with these regions; yield the databases' addresses by the regions' names."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    folder = root / "cluster"
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        FolderKeys(root / "server/keys").make(school_name(1))
    with cluster_in(folder, *SETTINGS):
        for region in regions:
            _want(folder, root, region)
        yield {each.name: _address(folder, each) for each in regions}


def _address(folder: Path, region: Region) -> str:
    return f"postgresql+psycopg://pupitre@/{region.name}?host={folder}"


def _want(folder: Path, root: Path, region: Region) -> None:
    with superuser(folder) as connection:
        there = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname = %s", (region.name,)
        ).fetchone()
        if there and there[0]:
            return
        connection.execute(f"CREATE DATABASE {region.name}_made OWNER pupitre".encode())
    made = f"postgresql+psycopg://pupitre@/{region.name}_made?host={folder}"
    asyncio.run(_migrate(root / "server", made))
    with superuser(folder, f"{region.name}_made") as connection:
        for statement in _filling(region):
            connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")
    with superuser(folder) as connection:
        # Renamed last: a filling that was broken off is not taken for a region.
        connection.execute(f"ALTER DATABASE {region.name}_made RENAME TO {region.name}".encode())


async def _migrate(folder: Path, database: str) -> None:
    async with ground_at(folder, database):
        pass


def _filling(region: Region) -> list[str]:
    """Return the statements of region.sql, with this region's numbers."""
    text = Path(__file__).with_name("region.sql").read_text(encoding="utf-8")
    numbers = {
        "schools": region.schools,
        "devices": region.devices_a_school,
        "teachers": region.teachers_a_school,
        "pupils": region.pupils_a_school,
        "classes": region.classes_a_school,
        "given": min(CLASSES_A_TEACHER, region.classes_a_school),
    }
    return [each for each in Template(text).substitute(numbers).split(";\n") if each.strip()]
