"""A few histories: under faults the real programs lose nothing; one seed is one history."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories import history
from tests.histories.actors import Pupil, Scene
from tests.histories.checker import Ledger
from tests.histories.told import Named, Naming
from tests.histories.world import Process, World

# Whoever is killed gives no connection back, and the collector says so: here, not in a later test.
pytestmark = pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def made() -> Iterator[history.Template]:
    with history.template() as template:
        yield template


def test_a_history_that_is_over_leaves_nothing_of_its_world(
    made: history.Template, caplog: pytest.LogCaptureFixture
) -> None:
    history.run(made, 4)
    caplog.clear()
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, World)]


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_is_there_once_after_all_faults(
    made: history.Template, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    verdict = history.run(made, seed)
    caplog.clear()  # disks were full, and journals set back
    assert verdict.faults == ()
    assert verdict.crashes > 10


def test_a_planted_bug_is_found_within_few_histories(
    made: history.Template, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the three the one that nearly every history shows; the others are `make histories`'."""
    assert any(history.run(made, seed, "retry-without-id").faults for seed in range(4))
    caplog.clear()


def test_the_same_seed_is_the_same_history(
    made: history.Template, caplog: pytest.LogCaptureFixture
) -> None:
    one, same = (history.run(made, 3) for _ in range(2))
    caplog.clear()
    assert one == same


class Started(Pupil):
    """A device that ends as soon as it is started; `clocks`: how wrong each time."""

    clocks: tuple[float, ...] = ()

    async def _session(self, process: Process) -> None:
        assert process.boot() == self.world.loop.time()
        self.clocks += (process.ahead_seconds,)


def test_a_devices_clock_is_wrong_now_and_then(made: history.Template, tmp_path: Path) -> None:
    world = World(1, tmp_path)

    async def starts() -> tuple[float, ...]:
        scene = Scene(world, made)
        pupil = Started(scene, made.devices[0], made.codes[0])
        pupil.folder.mkdir()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pupil.live())
            await asyncio.sleep(20_000.0)
            scene.over = True
        return pupil.clocks

    with world.entered():
        clocks = world.loop.run_until_complete(starts())
    assert 0.0 in clocks
    assert min(clocks) < -86_400.0 < 86_400.0 < max(clocks)


def test_a_class_has_the_name_that_the_office_was_told_or_maybe_one_that_failed() -> None:
    ledger = Ledger(names={"1A": {"Class 1A"}})
    for fact in (Naming("1A", "Class 7"), Naming("1A", "Class 8")):
        fact.enter(ledger)
    ledger.back_up()
    Named("1A", "Class 8").enter(ledger)
    assert ledger.names == {"1A": {"Class 8"}}
    ledger.set_back()
    assert ledger.names == {"1A": {"Class 1A", "Class 7", "Class 8"}}


def test_a_class_that_nobody_knows_the_name_of_is_known_when_it_is_named() -> None:
    ledger = Ledger()
    Naming("1A", "Class 7").enter(ledger)
    assert ledger.names == {}
    Named("1A", "Class 8").enter(ledger)
    assert ledger.names == {"1A": {"Class 8"}}
