"""A register that hangs on its way holds up nobody but itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from central_mdm.platform.errors import Busy, Malformed
from central_mdm.roster.uploading import AT_ONCE_MAX, Uploads

pytestmark = pytest.mark.real_loop


async def whole(content: bytes) -> AsyncIterator[bytes]:
    for piece in (content[:2], content[2:]):
        yield piece


async def hanging(begun: asyncio.Event) -> AsyncIterator[bytes]:
    yield b"PK"
    begun.set()
    await asyncio.Event().wait()


async def imported(uploads: Uploads, school: str, content: bytes) -> bytes:
    async with uploads.taken(school, whole(content)) as bundle:
        return bundle.read_bytes()


async def hang(uploads: Uploads, school: str, begun: asyncio.Event) -> None:
    async with uploads.taken(school, hanging(begun)):
        raise AssertionError


async def test_an_upload_that_hangs_refuses_its_own_school_only() -> None:
    uploads, begun = Uploads(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(hang(uploads, "slow", begun))
        await begun.wait()
        with pytest.raises(Busy):
            await imported(uploads, "slow", b"another")
        assert await imported(uploads, "calm", b"register") == b"register"
        slow.cancel()
    assert await imported(uploads, "slow", b"again") == b"again"


async def test_an_upload_that_hangs_is_ended_and_its_school_may_try_again() -> None:
    uploads = Uploads(seconds=0.05)
    for _ in range(2):
        with pytest.raises(Malformed) as refused:
            await hang(uploads, "slow", asyncio.Event())
        assert refused.value.code == "too-slow"


async def test_imports_take_turns_and_too_many_are_refused() -> None:
    uploads, order = Uploads(), list[str]()

    async def one(school: str) -> None:
        async with uploads.taken(school, whole(b"")):
            order.append(f"{school} begins")
            await asyncio.sleep(0)
            order.append(f"{school} ends")

    async with asyncio.TaskGroup() as tasks, uploads.taken("first", whole(b"")):
        for number in range(1, AT_ONCE_MAX):
            tasks.create_task(one(f"school-{number}"))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await imported(uploads, "one-too-many", b"")
        assert not order
    begins, ends = order[::2], order[1::2]
    assert len(begins) == AT_ONCE_MAX - 1
    assert [each.split()[0] for each in begins] == [each.split()[0] for each in ends]
