"""What runs beside the window, and its end."""

import asyncio

import pytest

from classroom_app.tasks import Tasks


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
