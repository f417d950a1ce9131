"""Who comes, and what the devices say of the lesson itself."""

import uuid
from collections.abc import Mapping

from msgspec.structs import replace

from classroom_app.domain.acts import Act, DeviceCame, Overruled, Reported
from classroom_app.domain.lesson import DeviceId
from classroom_app.services.classroom import Classroom
from classroom_app.services.seats import SPOKEN_BY
from device_bridge.protocol.hello import Report, Superseded, Welcome
from device_bridge.protocol.messages import Declaration, FromDevice
from device_bridge.protocol.watching import WatchingDeclared


class Arrivals:
    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._reported: dict[DeviceId, Report] = {}
        self._welcomes: dict[DeviceId, Welcome] = {}

    async def begun(self) -> None:
        """Write down who is in reach as the lesson begins."""
        for device in self._room.connected(self._room.all_devices()):
            if welcome := self._welcomes.get(device):
                await self._came(device, welcome)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down who came, what the indicator does, and who else has a lesson there."""
        if isinstance(message, Welcome):
            self._welcomes[device] = message
        if self._room.lesson is None:
            return
        match message:
            case Welcome():
                await self._came(device, message)
            case Report(feature="presence") if self._reported.get(device) != message:
                await self._room.write(self._report(device, message), {})
                self._reported[device] = message
            case Superseded():
                await self._room.write(self._overruled(device, message), {})
            case _:
                pass  # another feature's

    async def _came(self, device: DeviceId, welcome: Welcome) -> None:
        room = self._room
        first = device not in room.came
        anew: Mapping[str, Declaration] = self._anew(device, welcome) if first else {}
        act = DeviceCame(
            id=str(uuid.uuid5(SPOKEN_BY, f"{room.lesson_id()}/{device}/{welcome.boot}")),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            agent=welcome.agent,
            boot=welcome.boot,
            renumbered=next(iter(anew.values())).version if anew else 0,
        )
        await room.write_all(act, [(device, each) for each in anew.values()])
        self._look_anew(device, welcome)
        room.came.add(device)

    def _anew(self, device: DeviceId, welcome: Welcome) -> Mapping[str, Declaration]:
        """Renumber above what an earlier lesson left on a device met first now.

        One that comes back and holds a higher number was taken over meanwhile: it is left alone.
        """
        held = {each.feature: each.version for each in welcome.held}
        ours = {
            feature: declaration
            for (name, feature), declaration in self._room.declared.items()
            if name == device and feature != "watching"
        }
        if all(held.get(feature, 0) <= each.version for feature, each in ours.items()):
            return {}
        version = self._room.versions.next()
        return {feature: replace(each, version=version) for feature, each in ours.items()}

    def _look_anew(self, device: DeviceId, welcome: Welcome) -> None:
        """Renumber a look that the device outnumbers. It restricts nobody: it is not written."""
        ours = self._room.declared.get((device, "watching"))
        held = max((each.version for each in welcome.held if each.feature == "watching"), default=0)
        if isinstance(ours, WatchingDeclared) and held > ours.version:
            self._room.declare(device, replace(ours, version=self._room.versions.next()))

    def _report(self, device: DeviceId, report: Report) -> Act:
        return Reported(
            id=self._room.new_id(),
            lesson=self._room.lesson_id(),
            at=self._room.clock.utc(),
            device=device,
            feature=report.feature,
            version=report.version,
            state=report.state,
            reason=report.reason,
        )

    def _overruled(self, device: DeviceId, message: Superseded) -> Act:
        return Overruled(
            id=self._room.new_id(),
            lesson=self._room.lesson_id(),
            at=self._room.clock.utc(),
            device=device,
            feature=message.feature,
            by=message.by,
        )
