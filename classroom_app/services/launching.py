"""Pages opened on pupils' screens."""

from collections.abc import Collection, Mapping

from classroom_app.domain.acts import PageOpenedAct
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from classroom_app.services.commands import DEADLINE_SECONDS, ask_all
from device_bridge.protocol.launching import PageOpened


class Launching:
    def __init__(self, room: Classroom) -> None:
        self._room = room

    async def open_page(
        self, address: str, keys: Collection[str] | None = None
    ) -> Mapping[DeviceId, str]:
        """Open a web page on these devices, or all; return how it ended on each."""
        room, scope = self._room, self._room.scope(keys)
        act = PageOpenedAct(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            address=address,
            devices=scope.devices,
        )
        await room.write(act, {})

        def page() -> PageOpened:
            return PageOpened(room.new_id(), DEADLINE_SECONDS, address)

        return await ask_all(room, scope.devices, page, act.id)
