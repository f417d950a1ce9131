"""Pictures wait for the links of a class that comes up together, not for a device that sleeps."""

import asyncio

import pytest

from device_bridge.session.coming_up import PATIENCE_SECONDS, ComingUp


@pytest.mark.parametrize(
    ("links", "order"),
    [
        ((), ["pictures", "later"]),
        ((0.1, 0.3), ["link", "link", "pictures", "later"]),
        ((0.1, 60.0), ["link", "pictures", "later", "link"]),
    ],
    ids=["no-link-is-made", "the-whole-class", "one-does-not-answer"],
)
async def test_pictures_come_after_the_links_that_answer(
    links: tuple[float, ...], order: list[str]
) -> None:
    coming_up = ComingUp()
    seen: list[str] = []

    async def link(seconds: float) -> None:
        with coming_up.link():
            await asyncio.sleep(seconds)
        seen.append("link")

    async def pictures() -> None:
        await coming_up.over()
        seen.append("pictures")

    async def later() -> None:
        await asyncio.sleep(2 * PATIENCE_SECONDS)
        seen.append("later")

    async with asyncio.TaskGroup() as group:
        for seconds in links:
            group.create_task(link(seconds))
        group.create_task(later())
        await asyncio.sleep(0)
        group.create_task(pictures())
    assert seen == order
