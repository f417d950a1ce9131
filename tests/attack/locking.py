"""A teacher's end of the link that locks a device and waits for its report."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Report
from device_bridge.session.room import Room
from tests.attack.dialling import Target
from tests.linked import App, room_for, running
from tests.school import mandate_for
from tests.teaching import now


@asynccontextmanager
async def teaching(target: Target) -> AsyncGenerator[tuple[App, Room]]:
    """Hold the lesson's link to "dev-1" while entered."""
    papers = App(
        grant_=target.school.grant(target.teacher, issued_at=now()),
        mandate_=mandate_for(target.teacher, issued_at=now()),
    )
    room = room_for(target.school, target.teacher, papers)
    room.keep("dev-1")
    async with running(room):
        room.sighted("dev-1", [target.address])
        await papers.until(lambda: papers.ups)
        yield papers, room


async def locked(app: App, room: Room, version: int) -> float:
    """Declare a lock; return the milliseconds until the device has reported on it."""
    began = monotonic()
    room.declare("dev-1", LockDeclared(version, locked=bool(version % 2), lease_seconds=600))

    def reported() -> bool:
        told = [each for each in app.heard_ if isinstance(each, Report)]
        return any((each.feature, each.version) == ("attention", version) for each in told)

    await app.until(reported)
    app.heard_.clear()
    return (monotonic() - began) * 1000
