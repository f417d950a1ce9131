"""Networks of their own for tests that need several machines, and a small lesson that runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from classroom_app.demo import act_arrive
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Stage
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World
from tests import namespaces
from tests.desktop import join_waiters


@pytest.fixture
def room() -> Generator[namespaces.Classroom]:
    with namespaces.classroom() as made:
        yield made


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a lesson with three simulated devices, one of them late."""
    out = tmp_path / "out"
    out.mkdir()
    options = Options(3, out, seed=11, headless=True, faults=False)
    made = World(options, tmp_path, Stage(out / "logs"), Report(devices=3), Teller(sys.stderr))
    try:
        await act_arrive.mdm(made)
        made.pupils = Pupils(made)
        await made.pupils.start(0)
        await act_arrive.teacher(made)
        await act_arrive.wall(made)
        yield made
    finally:
        await made.close()
        join_waiters()
        await asyncio.get_running_loop().shutdown_default_executor()
