"""Who comes, and what the devices say of the lesson itself."""

import uuid
from collections.abc import Mapping

from msgspec.structs import replace

from classroom_app.domain.acts import Act, DeviceCame, Overruled
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
        lesson = self._room.lesson_id()
        for device in self._room.connected(self._room.all_devices()):
            if not await self._room.is_on(lesson):
                return
            if welcome := self._welcomes.get(device):
                await self._came(device, welcome)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down who came, what the indicator does, and who else has a lesson there."""
        if isinstance(message, Welcome):
            self._welcomes[device] = message
        lesson = self._room.lesson
        if lesson is None:
            return
        match message:
            case Welcome():
                await self._came(device, message)
            case Report(feature="presence") if self._reported.get(device) != message:
                await self._room.write(self._room.reported(device, message), {})
                self._reported[device] = message
                if await self._room.is_on(lesson.id):
                    await self._take_back(device, message)
            case Superseded():
                await self._room.write(self._overruled(device, message), {})
            case _:
                pass  # another feature's

    async def _came(self, device: DeviceId, welcome: Welcome) -> None:
        room = self._room
        first = device not in room.came
        anew: Mapping[str, Declaration] = self._anew(device, welcome) if first else {}
        renumbered = next(iter(anew.values())).version if anew else 0
        # One row a start of the device, and one more where it tells what was declared to it.
        told = f"{room.lesson_id()}/{device}/{welcome.boot}" + (f"/{renumbered}" if anew else "")
        act = DeviceCame(
            id=str(uuid.uuid5(SPOKEN_BY, told)),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            agent=welcome.agent,
            boot=welcome.boot,
            renumbered=renumbered,
        )
        await room.write_all(act, [(device, each) for each in anew.values()])
        self._look_anew(device, welcome, first=first)
        room.came.add(device)

    def _anew(self, device: DeviceId, welcome: Welcome) -> Mapping[str, Declaration]:
        """Renumber above what an earlier lesson left on a device met first now.

        One that comes back and holds a higher number was taken over meanwhile: it is left alone.
        """
        held = {each.feature: each.version for each in welcome.held}
        ours = self._restricting(device)
        # A device met first holds nothing of ours: an equal number is another lesson's.
        if all(held.get(feature, 0) < each.version for feature, each in ours.items()):
            return {}
        return self._renumbered(device)

    def _restricting(self, device: DeviceId) -> Mapping[str, Declaration]:
        """Return all that is declared to a device but the look, which is not written."""
        return {
            feature: declaration
            for (name, feature), declaration in self._room.declared.items()
            if name == device and feature != "watching"
        }

    def _renumbered(self, device: DeviceId) -> Mapping[str, Declaration]:
        version = self._room.versions.next()
        ours = self._restricting(device)
        return {feature: replace(each, version=version) for feature, each in ours.items()}

    async def _take_back(self, device: DeviceId, report: Report) -> None:
        """Tell our lesson again where another teacher's, which held the device, is over."""
        room, welcome = self._room, self._welcomes.get(device)
        ours = room.declared.get((device, "presence"))
        if report.state != "over" or ours is None or welcome is None:
            return
        if report.version <= ours.version:
            return
        room.versions.heard(report.version)
        anew = self._renumbered(device)
        act = DeviceCame(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            agent=welcome.agent,
            boot=welcome.boot,
            renumbered=next(iter(anew.values())).version,
        )
        await room.write_all(act, [(device, each) for each in anew.values()])
        looked = room.declared.get((device, "watching"))
        if isinstance(looked, WatchingDeclared):
            room.declare(device, replace(looked, version=room.versions.next()))

    def _look_anew(self, device: DeviceId, welcome: Welcome, *, first: bool) -> None:
        """Renumber a look that the device outnumbers. It restricts nobody: it is not written."""
        ours = self._room.declared.get((device, "watching"))
        held = max((each.version for each in welcome.held if each.feature == "watching"), default=0)
        if not isinstance(ours, WatchingDeclared):
            return
        if held > ours.version or (first and held == ours.version):
            self._room.declare(device, replace(ours, version=self._room.versions.next()))

    def _overruled(self, device: DeviceId, message: Superseded) -> Act:
        return Overruled(
            id=self._room.new_id(),
            lesson=self._room.lesson_id(),
            at=self._room.clock.utc(),
            device=device,
            feature=message.feature,
            by=message.by,
        )
