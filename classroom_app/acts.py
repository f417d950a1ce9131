"""The window's acts, handed to the services; what can be taken back is remembered here."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from classroom_app.cloud.ports import Exchanges
from classroom_app.domain.acts import HandOut
from classroom_app.domain.errors import RoomError
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.ready import ReadyDocument
from classroom_app.domain.tile import Tile
from classroom_app.presenters.receipts import Receipt, subject_of
from classroom_app.presenters.sentences import (
    full_here,
    left_behind,
    name_of,
    paper_trouble,
    refusal,
    without_picture,
)
from classroom_app.services.attention import Attention
from classroom_app.services.classroom import Classroom
from classroom_app.services.collecting import Collecting
from classroom_app.services.materials import Materials
from classroom_app.services.presence import Presence
from classroom_app.services.seats import Seats
from classroom_app.services.stills import NO_PICTURE, ClassStills, Sees, why_none
from classroom_app.services.talking import Talking
from device_bridge.materials.errors import DiskFull, Unreadable
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.errors import DeviceError

COLLECT_SECONDS = 60.0
SHOWN = "done"
HAVE = frozenset({"arrived", "opened"})


@dataclass
class Given:
    """What one act hands out, while it goes on, and whether it was taken back meanwhile."""

    names: list[str]
    handouts: list[str] = field(default_factory=list[str])
    taken_back: bool = False


class LessonActs:
    """`Acts` of the presenters, for as long as somebody is signed in.

    `told` hears what devices answered to a hand-out, a collection or a message.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one of each feature
        self,
        room: Classroom,
        presence: Presence,
        attention: Attention,
        materials: Materials,
        talking: Talking,
        collecting: Collecting,
        seats: Seats,
        class_stills: ClassStills,
        sync: Exchanges,
        told: Callable[[Receipt], None],
    ) -> None:
        self._room, self._presence, self._attention = room, presence, attention
        self._materials, self._talking, self._collecting = materials, talking, collecting
        self._seats, self._sync, self._told = seats, sync, told
        self._class_stills = class_stills
        self._undo: Callable[[], Awaitable[object]] | None = None
        self._handouts: tuple[str, ...] = ()
        self._withdrawn: tuple[str, ...] = ()
        self._collected: tuple[Tile, ...] = ()

    async def lock(self, tiles: Sequence[Tile], sentence: str) -> None:
        self._undo = self._attention.undo
        await self._attention.lock(_keys(tiles), sentence)

    async def free(self, tiles: Sequence[Tile]) -> None:
        self._undo = self._attention.undo
        await self._attention.free(_keys(tiles))

    async def hand_out(
        self, tiles: Sequence[Tile], paths: Sequence[Path], ready: Sequence[ReadyDocument] = ()
    ) -> None:
        """Give all that stood ready, and files; one that cannot be given keeps back no other.

        Raises the first such one's error when the others are out.
        """
        keys, materials = _keys(tiles), self._materials
        gives = [partial(materials.hand_out_ready, one, keys) for one in ready]
        gives += [partial(materials.hand_out, path, keys) for path in paths]
        names = [*(one.name for one in ready), *(path.name for path in paths)]
        given, kept_back = Given(names), list[Exception]()
        self._forget_told()
        self._undo = partial(self._withdraw, given)
        for give in gives:
            if given.taken_back:
                break
            try:
                done = await give()
                given.handouts.append(done.made)
            except (RoomError, DeviceError, OSError) as error:
                kept_back.append(error)
        if given.taken_back:
            await self._withdraw(given)  # what went out while it was being taken back
            return
        self._handouts = tuple(given.handouts)
        self.tell_receipts()
        if kept_back:
            raise kept_back[0]

    async def collect(self, tiles: Sequence[Tile]) -> None:
        self._undo = None
        await self._collecting.collect(_keys(tiles))
        self._forget_told()
        self._collected = tuple(tiles)
        self.tell_receipts()

    async def message(self, tiles: Sequence[Tile], text: str) -> None:
        self._undo = None
        self._forget_told()
        ends = await self._talking.say(text, _keys(tiles))
        reached = {device for device, end in ends.items() if end == SHOWN}
        missing = tuple(name_of(tile) for tile in tiles if tile.device not in reached)
        self._told(Receipt("message", text, len(reached), len(tiles), missing))

    async def answer_hand(self, tile: Tile) -> None:
        await self._talking.answer_hand(tile.key)

    async def keep_picture(self, tile: Tile, sees: Sees) -> None:
        self._undo = None
        self._forget_told()
        await self._class_stills.keep_one(tile.device, sees)
        self._told(Receipt("still", name_of(tile), 1, 1))

    async def keep_pictures(self, tiles: Sequence[Tile], sees: Sees) -> None:
        """Keep a picture of each screen that can be seen; say of each other one why not."""
        self._undo = None
        self._forget_told()
        keys = {tile.device: tile.key for tile in tiles if tile.device}
        why = {tile.key: why_none(tile) for tile in tiles}
        ends = {key: word for key, word in why.items() if word}

        def tell() -> None:
            done = sum(word == SHOWN for word in ends.values())
            words = [(name_of(tile), ends.get(tile.key, SHOWN)) for tile in tiles]
            lacks = without_picture([one for one in words if one[1] != SHOWN])
            self._told(Receipt("stills", "", done, len(tiles), failed=lacks, ended=len(ends)))

        def ended(device: DeviceId, word: str) -> None:
            # The screen itself may say by now what kept its picture back.
            tile = next((one for one in self._room.tiles() if one.device == device), None)
            ends[keys[device]] = (tile and word == NO_PICTURE and why_none(tile)) or word
            tell()

        tell()
        can = [device for device, key in keys.items() if key not in ends]
        await self._class_stills.keep(can, sees, ended)

    def stop_pictures(self) -> None:
        self._class_stills.stop()

    async def seat(self, seats: Sequence[tuple[Tile, str]]) -> None:
        """Say who sits at each tile's device, "" for nobody; a claim may be what is said."""
        before: dict[DeviceId, PupilId] = {}
        self._undo = lambda: self._seats.put_back(before)
        for tile, pupil in seats:
            left = self._room.device_of(PupilId(pupil)) if pupil else None
            for device in (tile.device, left):
                if device:
                    before.setdefault(device, self._room.pupil_at(device))
            source = "pupil" if pupil and pupil == tile.claim else "teacher"
            await self._seats.sit(PupilId(pupil), tile.device, source)

    async def undo(self) -> None:
        """Take the last act back; once."""
        undo, self._undo = self._undo, None
        if undo is not None:
            await undo()

    async def end(self) -> None:
        self.stop_pictures()
        await self._presence.end()
        self._sync.wake()

    async def go_on(self) -> None:
        """Take the end back: what could be undone before it cannot any more."""
        self._undo = None
        self._forget_told()
        await self._presence.go_on()

    async def collect_then_end(self, tiles: Sequence[Tile]) -> None:
        """End when the work of those who are here has come, or does not come any more."""
        await self.collect(tiles)
        await self._collecting.settled(COLLECT_SECONDS)
        await self.end()

    async def sync_now(self) -> None:
        """Exchange with the school now. Raises the `CloudError` that ended it."""
        await self._sync.once()

    def tell_receipts(self) -> None:
        """Say anew how far the newest hand-out, withdrawal or collection is."""
        if self._collected:
            self._told(self._collection(self._collected))
        if self._withdrawn:
            self._told(self._withdrawal(self._withdrawn))
        for handout in self._handouts:
            kept = self._materials.handouts.get(handout)
            if kept is None or kept.withdrawn:
                continue
            arrived, asked = self._materials.count(handout)
            have = {
                d for (h, d), r in self._materials.receipts.items() if _has(h, handout, r.state)
            }
            tiles = self._given(kept)
            failed = self._troubles(kept, tiles)
            # What lies there unopened, or waits there for a login, comes by no return.
            waiting = [t for t in tiles if t.device not in have and not self._is_with(kept, t)]
            missing = tuple(name_of(tile) for tile in waiting)
            self._told(Receipt("hand-out", kept.name, arrived, asked, missing, failed=failed))

    def _collection(self, asked: Sequence[Tile]) -> Receipt:
        """Say whose work is here, who had none, and what was left out."""
        waits, outcomes = self._collecting.missing(), self._collecting.outcomes
        done, missing, empty, left_out = 0, list[str](), list[str](), list[str]()
        for tile in asked:
            name, outcome = name_of(tile), outcomes.get(tile.device)
            if not tile.device or tile.device in waits:
                missing.append(name)
            elif outcome is not None:
                done += outcome.files > 0
                if outcome.failed:
                    left_out.append(left_behind(name, outcome.failed))
                elif outcome.reason:  # it would not be asked
                    missing.append(name)
                elif not outcome.files:
                    empty.append(name)
        failed = (*self._trouble_here(done), *left_out)
        asked_of = len(asked)
        return Receipt("collect", "", done, asked_of, tuple(missing), (), failed, tuple(empty))

    def _given(self, kept: HandOut) -> list[Tile]:
        """Return the tiles of the pupils that a hand-out is for."""
        tiles = [tile for tile in self._room.tiles() if tile.pupil]
        return [tile for tile in tiles if kept.everybody or tile.pupil in kept.pupils]

    def _trouble_here(self, done: int) -> tuple[str, ...]:
        """Say what on this computer keeps work from being taken."""
        met = self._collecting.trouble.values()
        if DiskFull.reason in met:
            return (full_here(done),)
        return (refusal(Unreadable()),) if Unreadable.reason in met else ()

    def _troubles(self, kept: HandOut, tiles: Sequence[Tile]) -> tuple[str, ...]:
        """Say of each device that could not take a hand-out what is in its way."""
        return tuple(
            paper_trouble(name_of(tile), kept.name, report.reason, kept.size, report.free_bytes)
            for tile in tiles
            for report in self._room.evidence(tile.device).materials
            if report.handout == kept.id and (report.state == "failed" or report.reason == NO_SEAT)
        )

    def _is_with(self, kept: HandOut, tile: Tile) -> bool:
        """Tell whether the device has it, and it does not open or nobody is logged in."""
        reports = self._room.evidence(tile.device).materials
        reasons = {one.reason for one in reports if one.handout == kept.id}
        return bool(reasons & {"cannot-open", NO_SEAT})

    async def _withdraw(self, given: Given) -> None:
        """Take back what one act has handed out so far; it hands out no more."""
        given.taken_back = True
        self._forget_told()
        for handout in given.handouts:
            if not self._materials.handouts[handout].withdrawn:
                await self._materials.withdraw(handout)
        if given.handouts:
            self._withdrawn = tuple(given.handouts)
            self.tell_receipts()
        else:
            self._told(Receipt("withdrawn", subject_of(given.names), 0, 0))

    def _withdrawal(self, handouts: Sequence[str]) -> Receipt:
        """Say by the devices' own words where it is gone, and who had opened any of it."""
        became: dict[DeviceId, set[str]] = {}
        for handout in handouts:
            for device, state in self._materials.became(handout).items():
                became.setdefault(device, set()).add(state)
        opened = {device for device, states in became.items() if "opened" in states}
        gone = {device for device, states in became.items() if states == {"withdrawn"}}
        names = [self._materials.handouts[each].name for each in handouts]
        later = became.keys() - opened - gone
        missing = tuple(name_of(tile) for tile in self._room.tiles() if tile.device in later)
        asked = len(became)
        subject = subject_of(names)
        return Receipt("withdrawn", subject, len(gone), asked, missing, opened=len(opened))

    def _forget_told(self) -> None:
        """Speak no more of the act before."""
        self._handouts, self._withdrawn, self._collected = (), (), ()


def _has(handout: str, wanted: str, state: str) -> bool:
    return handout == wanted and state in HAVE


def _keys(tiles: Sequence[Tile]) -> list[str]:
    return [tile.key for tile in tiles]
