"""A link's pace: a burst at once, the rest when its time has come."""

import asyncio

from device_bridge.session.pace import A_SECOND, AT_ONCE, Pace


async def test_who_speaks_without_a_pause_is_read_at_the_pace_and_not_refused() -> None:
    pace, seconds = Pace(), asyncio.get_running_loop().time
    began = seconds()
    for _ in range(AT_ONCE):
        await pace.turn()
    assert seconds() - began < 0.1
    for _ in range(2 * A_SECOND):
        await pace.turn()
    assert 1.9 < seconds() - began < 2.1
    await asyncio.sleep(60)
    again = seconds()
    for _ in range(AT_ONCE):
        await pace.turn()
    assert seconds() - again < 0.1


async def test_between_two_messages_that_wait_others_have_the_loop() -> None:
    pace, turns = Pace(), list[str]()

    async def other() -> None:
        turns.append("other")

    async with asyncio.TaskGroup() as group:
        await pace.turn()
        group.create_task(other())
        await pace.turn()
        turns.append("link")
    assert turns == ["other", "link"]
