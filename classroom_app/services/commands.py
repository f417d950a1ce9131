"""One-off acts to many devices at once: each ends with the device's own answer, written down."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from classroom_app.domain.acts import Shown
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from device_bridge.protocol.errors import DeviceError, NotAllowed, Unsupported
from device_bridge.protocol.messages import Command

DEADLINE_SECONDS: Final = 20
NOT_THERE: Final = "not-there"


async def ask_all(
    room: Classroom, devices: Collection[DeviceId], make: Callable[[], Command], act_id: str
) -> Mapping[DeviceId, str]:
    """Ask every device beside the others; return each one's end, and write it down.

    A device out of reach ends "not-there" and stops nobody else.
    """
    ends: dict[DeviceId, str] = {}

    async def ask_one(device: DeviceId) -> None:
        ends[device], _ = await ask(room, device, make(), act_id)

    async with asyncio.TaskGroup() as group:
        for device in devices:
            group.create_task(ask_one(device), name=f"ask-{device}")
    return ends


async def ask(room: Classroom, device: DeviceId, command: Command, act_id: str) -> tuple[str, str]:
    """Ask one device; return how it ended and why, and write it down."""
    state, reason = await _end(room, device, command)
    await room.until_end_known()
    if room.lesson is not None:
        shown = Shown(
            id=room.new_id(),
            lesson=room.lesson.id,
            at=room.clock.utc(),
            command=act_id,
            device=device,
            state=state,
            reason=reason,
        )
        await room.write(shown, {})
    return state, reason


async def _end(room: Classroom, device: DeviceId, command: Command) -> tuple[str, str]:
    try:
        answer = await room.devices.ask(device, command)
    except NotAllowed as error:
        return "refused", error.why
    except Unsupported:
        return "refused", "too-old"
    except DeviceError:
        return NOT_THERE, ""
    return answer.state, answer.reason
