import asyncio

from device_bridge.materials.turns import Turns


async def test_so_many_are_supplied_at_a_time_and_in_the_order_they_asked() -> None:
    turns, begun = Turns(at_once=2), list[int]()

    async def supply(number: int) -> None:
        async with turns.turn():
            begun.append(number)
            await asyncio.sleep(0.5)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(supply(number))
        await asyncio.sleep(0.1)
        assert begun == [0, 1]
        await asyncio.sleep(0.5)
        assert begun == [0, 1, 2, 3]
    assert begun == [0, 1, 2, 3, 4]


async def test_a_slow_device_holds_up_the_others_for_no_longer_than_patience() -> None:
    turns, loop = Turns(at_once=1, patience_seconds=1.0), asyncio.get_running_loop()
    began, waited = loop.time(), list[float]()

    async def slow() -> None:
        async with turns.turn():
            await asyncio.sleep(30)

    async def quick() -> None:
        async with turns.turn():
            waited.append(loop.time() - began)

    async with asyncio.TaskGroup() as group:
        group.create_task(slow())
        await asyncio.sleep(0)
        group.create_task(quick())
    assert 0.9 < waited[0] < 1.5
    async with asyncio.timeout(0.1), turns.turn():
        third = asyncio.get_running_loop().create_task(quick())
        await asyncio.sleep(0.05)
        assert not third.done()  # given back once, not twice
    await third


async def test_a_turn_is_given_back_when_its_holder_is_cancelled() -> None:
    turns = Turns(at_once=1)

    async def hold() -> None:
        async with turns.turn():
            await asyncio.sleep(30)

    holder = asyncio.get_running_loop().create_task(hold())
    await asyncio.sleep(0.01)
    assert turns.taken()
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    assert not turns.taken()
    async with asyncio.timeout(0.1), turns.turn():
        pass


async def test_pieces_stand_aside_for_a_lock_until_every_device_has_answered() -> None:
    turns, loop = Turns(), asyncio.get_running_loop()
    began = loop.time()
    await turns.clear()
    for device in ("dev-1", "dev-2"):
        turns.hold(device)
    loop.call_later(0.05, turns.release, "dev-1")
    loop.call_later(0.10, turns.release, "dev-2")
    await turns.clear()
    assert 0.09 < loop.time() - began < 0.15


async def test_a_device_that_never_answers_holds_documents_up_for_a_moment_only() -> None:
    turns, loop = Turns(), asyncio.get_running_loop()
    began = loop.time()
    turns.hold("dev-1")
    await turns.clear()
    assert 0.25 < loop.time() - began < 0.4
    await turns.clear()
    assert loop.time() - began < 0.4
