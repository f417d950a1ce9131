"""Words both ways: the teacher's message, the pupils' hands and replies."""

import uuid
from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from classroom_app.domain.acts import PupilAnswered, PupilSpoke, Resumed, Said
from classroom_app.domain.lesson import Changed, DeviceId, PupilId
from classroom_app.domain.tile import Wish
from classroom_app.services.classroom import Classroom
from classroom_app.services.commands import DEADLINE_SECONDS, ask_all
from classroom_app.services.seats import SPOKEN_BY
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.plain import plain
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid, PupilSaid

HAND: Final = "hand"
WORDS_MAX: Final = 2000
SPOKEN_MAX: Final = 500
"""As much as a pupil's own field takes."""
SPEECHES_MAX: Final = 500
"""Of one device in a lesson: far above any pupil, far below what would fill a disk."""


class Talking:
    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._spoken: dict[DeviceId, int] = {}
        self._hands: list[DeviceId] = []

    async def say(self, text: str, keys: Collection[str] | None = None) -> Mapping[DeviceId, str]:
        """Show a message; return how it ended on each device ("done": it was shown)."""
        room, scope = self._room, self._room.scope(keys)
        text = text[:WORDS_MAX]
        act = Said(
            id=room.new_id(),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            text=text,
            devices=scope.devices,
        )
        await room.write(act, {})

        def message() -> MessageSaid:
            # The act's id, so that a reply names what it answers; each device sees it once.
            return MessageSaid(act.id, DEADLINE_SECONDS, text)

        return await ask_all(room, scope.devices, message, act.id)

    async def answer_hand(self, key: str, asked_by: str = "") -> Changed:
        """Take a pupil's wish off the wall, and the hand down on the device."""
        room, scope = self._room, self._room.scope({key})
        for device in scope.devices:
            wish = room.evidence(device).wish
            act = PupilAnswered(
                id=room.new_id(),
                lesson=room.lesson_id(),
                at=room.clock.utc(),
                device=device,
                pupil=room.pupil_at(device),
            )
            await room.write(act, {})
            self._settle(device)
            if wish is not None and wish.kind == HAND:
                down = HandAnswered(room.new_id(), DEADLINE_SECONDS)
                await ask_all(room, [device], lambda down=down: down, act.id)
        return room.changed(scope.devices, asked_by)

    async def take(self, device: DeviceId, message: FromDevice) -> None:
        """Write down what a pupil said; only then is the device told that it was heard."""
        if not isinstance(message, PupilSaid) or self._room.lesson is None:
            return
        room, spoken = self._room, self._spoken.get(device, 0)
        if spoken >= SPEECHES_MAX:
            return
        self._spoken[device] = spoken + 1
        act = PupilSpoke(
            id=str(uuid.uuid5(SPOKEN_BY, f"{device}/{message.id}")),
            lesson=room.lesson_id(),
            at=room.clock.utc(),
            device=device,
            pupil=room.pupil_at(device),
            kind=message.kind,
            text=message.text,
            reply_to=message.reply_to,
        )
        fresh = await room.write(act, {})
        room.devices.tell(device, Heard(message.id))
        if fresh:
            self._show(device, message.kind, message.text, room.clock.seconds())

    async def sat(self, device: DeviceId, pupil: PupilId) -> None:
        """Lower what the pupil before had up; a wish is a pupil's, not a device's."""
        del pupil
        self._settle(device)

    def began(self, kept: Resumed | None) -> None:
        """Show again what was not answered, as old as it is."""
        room = self._room
        for wish in sorted(kept.wishes if kept else (), key=lambda wish: wish.at):
            since = room.clock.seconds() - max(0, room.clock.utc() - wish.at)
            self._show(wish.device, wish.kind, wish.text, since)

    def forget(self) -> None:
        for device in tuple(self._room.seen):
            self._settle(device)
        self._spoken, self._hands = {}, []

    def _show(self, device: DeviceId, kind: str, words: str, since: float) -> None:
        if kind == "hand-down":
            self._settle(device)
            return
        before = self._room.evidence(device).wish
        text = plain(words, SPOKEN_MAX, lines=True) or (before.text if before else "")
        if before and before.kind == HAND:
            # A raised hand stays in its place in the queue; the words stand beside it.
            self._wish(device, replace(before, text=text))
            return
        if kind == "hand-up":
            self._hands.append(device)
        self._wish(device, Wish(HAND if kind == "hand-up" else kind, since, text=text))
        self._count()

    def _settle(self, device: DeviceId) -> None:
        if device in self._hands:
            self._hands.remove(device)
        if self._room.evidence(device).wish is not None:
            self._wish(device, None)
        self._count()

    def _count(self) -> None:
        """Give each hand its place in the order of raising."""
        for place, device in enumerate(self._hands, start=1):
            wish = self._room.evidence(device).wish
            if wish is not None and wish.place != place:
                self._wish(device, replace(wish, place=place))

    def _wish(self, device: DeviceId, wish: Wish | None) -> None:
        self._room.note(device, replace(self._room.evidence(device), wish=wish))
