"""What runs beside the window, and its end."""

import asyncio
from itertools import pairwise

import pytest

from classroom_app.tasks import ANEW_SECONDS, ANEW_SECONDS_MAX, Tasks, begun_anew


async def deaf(cancelled: list[str]) -> None:
    """Lose one cancellation, as a library that waits for two things at once may."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.append("lost")
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.append("ended")


async def test_all_end_the_one_too_that_has_lost_its_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks, cancelled, refused = Tasks((OSError,)), list[str](), list[Exception]()
    task = tasks.start(deaf(cancelled), name="look-around", refused=refused.append)
    await asyncio.sleep(0)
    await tasks.close(patience_seconds=0.01)
    assert (task.cancelled(), cancelled, refused) == (True, ["lost", "ended"], [])
    assert [vars(told)["task"] for told in caplog.records] == ["look-around"]
    caplog.clear()


async def test_what_a_bug_ended_is_begun_anew_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now, begun = asyncio.get_running_loop().time, list[float]()

    async def breaks() -> None:
        begun.append(now())
        if len(begun) == 11:
            await asyncio.sleep(ANEW_SECONDS_MAX + 1)
        if len(begun) < 12:
            raise KeyError("type")

    await begun_anew("retaining", breaks)
    pauses = [round(b - a) for a, b in pairwise(begun)]
    assert pauses[:3] == [ANEW_SECONDS, 2 * ANEW_SECONDS, 4 * ANEW_SECONDS]
    assert max(pauses[:-1]) == pauses[-2] == ANEW_SECONDS_MAX
    assert pauses[-1] == ANEW_SECONDS_MAX + 1 + ANEW_SECONDS, "it had gone well for long"
    assert [vars(told)["task"] for told in caplog.records] == ["retaining"] * 11
    assert all(told.exc_info for told in caplog.records)
    caplog.clear()
