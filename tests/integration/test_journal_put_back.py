"""A store that was put back from a copy, or is on two computers: each goes on, and all is kept.

The real server, real stores with their sync; no socket between.
"""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from central_mdm.journal.model import alarms, events
from central_mdm.journal.rules import gaps
from central_mdm.verifying import look_through
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import Sync, SyncState
from classroom_app.storage.keeping import Keeping
from tests.mdm import Mdm
from tests.stores.opening import opened, words
from tests.sync_store import Trusting

pytestmark = pytest.mark.real_loop


async def in_step(mdm: Mdm, keeping: Keeping) -> SyncState:
    cloud = Cloud(now=lambda: float(mdm.clock()))
    await cloud.close()
    cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage] - no socket between
    password = mdm.sample["teachers"][0]["password"]
    await cloud.sign_in("http://mdm", mdm.school, "lambert", password)
    sync = Sync(cloud, keeping, Trusting(), lambda _: None, lambda: 1.0)
    await sync.once()
    return sync.state


async def spoke(keeping: Keeping, *numbers: int) -> None:
    for number in numbers:
        assert await keeping.remember(words(number))


async def central(mdm: Mdm) -> list[tuple[str, int]]:
    """Return which acts are there, each with its place in its journal."""
    wanted = select(events.c.id, events.c.sequence).where(events.c.school == mdm.school)
    async with mdm.ground.database.reading(mdm.school) as connection:
        rows = await connection.execute(wanted.order_by(events.c.received_at, events.c.sequence))
        return [(row.id, row.sequence) for row in rows]


async def whole(mdm: Mdm) -> None:
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await gaps(connection, mdm.school) == ()
    looked = (await look_through(mdm.ground))[mdm.school]
    assert (looked.faults, looked.gaps) == ([], 0)


def put_back(home: Path, copy: Path) -> None:
    shutil.rmtree(home)
    shutil.copytree(copy, home)


async def test_what_follows_a_copy_that_was_put_back_is_a_journal_of_its_own(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, copy = tmp_path / "app", tmp_path / "copy"
    async with opened(home) as keeping:
        await spoke(keeping, 1, 2, 3)
        await in_step(mdm, keeping)
    shutil.copytree(home, copy)
    async with opened(home) as keeping:
        await spoke(keeping, 4, 5)
        await in_step(mdm, keeping)
    put_back(home, copy)
    mdm.clock.at += 60
    async with opened(home) as keeping:
        before = keeping.origin
        await spoke(keeping, 6, 7, 8)
        state = await in_step(mdm, keeping)
        assert (state.waiting, state.refused, state.restored) == (0, 0, False)
        assert keeping.origin != before
        assert keeping.after == 3
        caplog.clear()
    async with opened(home) as keeping:  # and so it stays
        await spoke(keeping, 9)
        state = await in_step(mdm, keeping)
        assert (state.waiting, state.refused, keeping.after) == (0, 0, 3)
    old = [(f"words-{number}", number) for number in range(1, 6)]
    own = [(f"words-{number}", number - 2) for number in range(6, 10)]
    assert await central(mdm) == [*old, *own]
    await whole(mdm)
    async with mdm.ground.database.reading(mdm.school) as connection:
        told = (await connection.execute(select(alarms))).all()
    assert [(one.code, one.journal, one.detail) for one in told] == [
        ("forked-journal", before, "two entries 4")
    ]


async def test_two_computers_that_go_on_with_one_store_keep_all_of_both(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    async with opened(one) as keeping:
        await spoke(keeping, 1)
    shutil.copytree(one, two)
    async with opened(one) as first, opened(two) as second:
        for number in range(2, 8, 2):
            await spoke(first, number)
            await spoke(second, number + 1)
            for keeping in (first, second):
                state = await in_step(mdm, keeping)
                assert (state.waiting, state.refused) == (0, 0)
        assert first.origin != second.origin
    caplog.clear()
    assert sorted(name for name, _ in await central(mdm)) == [f"words-{n}" for n in range(1, 8)]
    await whole(mdm)
