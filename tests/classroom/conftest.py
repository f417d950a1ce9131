"""Networks of their own for tests that need several machines, and a small lesson that runs."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator
from functools import cache
from pathlib import Path

import pytest

from classroom_app.demo import act_arrive
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Stage, program
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World
from tests import namespaces
from tests.desktop import join_waiters


@pytest.fixture
def room() -> Generator[namespaces.Classroom]:
    with namespaces.classroom() as made:
        yield made


@pytest.fixture(scope="session")
def school_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Give the folder of a sample school with so many devices: made once, copied by each test."""

    @cache
    def made(devices: int) -> Path:
        folder = tmp_path_factory.mktemp("sample") / "mdm"
        command = [*program("pupitre-mdm", "central_mdm"), "sample", "--devices", str(devices)]
        subprocess.run([*command, "--folder", folder], check=True, capture_output=True)
        return folder

    return made


@pytest.fixture
def pace() -> float:
    """Give the app's pace in `world`; a test that waits for its looks around has its own."""
    return 1.0


@pytest.fixture
async def world(
    tmp_path: Path, school_of: Callable[[int], Path], pace: float
) -> AsyncIterator[World]:
    """Give a lesson with three simulated devices, one of them late."""
    out = tmp_path / "out"
    out.mkdir()
    options = Options(3, out, seed=11, headless=True, faults=False, pace=pace)
    made = World(options, tmp_path, Stage(out / "logs"), Report(devices=3), Teller(sys.stderr))
    shutil.copytree(school_of(3), tmp_path / "mdm")
    act_arrive.read_school(made)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(made.start_app())
            await made.start_mdm()
            made.pupils = Pupils(made)
            await made.pupils.start(0)
        await act_arrive.sign_in(made)
        await act_arrive.wall(made)
        yield made
    finally:
        await made.close()
        join_waiters()
