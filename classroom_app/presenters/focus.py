"""One pupil closely, or up to four side by side: newest pictures, words, the class as a map."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QPoint, QSize, Signal, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.budget import BESIDE_MAX
from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.control import ControlPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.paced import timer
from classroom_app.presenters.pane import Pane
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.seats import Claim, claims
from classroom_app.presenters.sentences import advice, name_of, no_picture, tile_words
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import lasted, say
from classroom_app.services.watching import Closely

LooksClosely = Callable[[Sequence[Closely]], None]
"""Told at whom the teacher looks closely now; nobody: that has ended."""
ASK_MS = 50
"""Panes are laid out anew within it, and a window drawn larger asks for no picture on the way."""
MISSED_MS = 1000
"""Most close pictures come sooner, and words that are gone at once are read by nobody."""
# An old picture would look like the screen of now.
WITHOUT_PICTURE = ABSENT | {State.LOCKED, State.PRIVATE, State.DARK, State.TWIN}


class FocusPresenter(QObject):
    """`pane` is the one that keys, words and acts are about; `panes` are all that are shown."""

    changed = Signal()
    pictured = Signal(int)  # in which pane: the picture, and nothing else
    resized = Signal()  # the room for the picture

    def __init__(
        self,
        desk: DeskPresenter,
        clock: Callable[[], float],
        closely: LooksClosely,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.desk = desk
        self._clock, self._closely = clock, closely
        self._nobody = self.pane = Pane("", DeviceId(""))
        self.panes: tuple[Pane, ...] = ()
        self.rooms = [QSize(1280, 720)] * BESIDE_MAX
        self._asked: tuple[Closely, ...] = ()
        self._in_sight = True
        self._asking = timer(self, ASK_MS, self.ask, once=True)
        self.coming = timer(self, MISSED_MS, self.changed, once=True)
        self.control = ControlPresenter(desk, self)
        self.control.changed.connect(self.changed)
        desk.page_changed.connect(self._look)
        desk.changed.connect(self._look)
        desk.wall.tiles_changed.connect(self._follow_screens)

    @property
    def several(self) -> bool:
        return len(self.panes) > 1

    def tile(self, pane: Pane | None = None) -> Tile | None:
        return self.desk.wall.tile((pane or self.pane).key or self.desk.focused)

    def pane_of(self, device: DeviceId) -> Pane | None:
        """Return where a device is looked at closely; None: nowhere."""
        return next((pane for pane in self.panes if pane.device == device), None)

    def room_of(self, pane: Pane) -> QSize:
        """Return how many real pixels there are for its picture."""
        return self.rooms[self.panes.index(pane)]

    def news(self, device: DeviceId, size: QSize, at: QPoint, image: QImage) -> None:
        """Take what is new in a picture; of who is not looked at it is dropped.

        `image` is not kept: it may be of a memory that is its caller's.
        """
        pane = self.pane_of(device)
        if pane is None:
            return
        pane.news(size, at, image)
        self.pictured.emit(self.panes.index(pane))
        if pane.frames == 1:
            self.changed.emit()

    def picture(self, device: DeviceId, image: QImage) -> None:
        """Take all of the picture."""
        self.news(device, image.size(), QPoint(), image)

    def see(self, at: int, room: QSize) -> None:
        """Hear from the view how many real pixels there are for the picture of pane `at`."""
        if room == self.rooms[at] or room.isEmpty():
            return
        self.rooms[at] = room
        if self.several:
            self._asking.start()
        elif not at:
            self.resized.emit()

    def look_ended(self, device: DeviceId) -> None:
        """Hear that the device has ended the close look: its picture is small again."""
        if pane := self.pane_of(device):
            pane.over = True
            self._asked = self._wanted()  # whoever ended it has said so to all
            self.changed.emit()

    def over(self) -> tuple[DeviceId, ...]:
        """Return whose screens are shown small here, for their close look's time is up."""
        return tuple(pane.device for pane in self.panes if pane.over and self._in_sight)

    @Slot(bool)
    def come_in_sight(self, seen: bool) -> None:  # noqa: FBT001 - a signal's own word
        """Hear whether anybody can see the window; its pupils are told that nobody looks."""
        self._in_sight = seen
        self.ask()
        self.changed.emit()

    @Slot()
    def look_again(self) -> None:
        """Take the close look up again; the pupil is told anew."""
        self.pane.over = False
        self.ask()
        self.changed.emit()

    @Slot()
    def ask(self) -> None:
        """Tell whom the teacher looks at, where that is new; the timer calls it for several."""
        self._asking.stop()
        if (wanted := self._wanted()) != self._asked:
            self._asked = wanted
            self.coming.start()
            self._closely(wanted)

    def _wanted(self) -> tuple[Closely, ...]:
        panes = [pane for pane in self.panes if pane.device and not pane.over]
        if not self._in_sight:
            return ()
        if not self.several:
            return tuple(Closely(pane.device, pane.screen) for pane in panes)
        rooms = [self.room_of(pane) for pane in panes]
        return tuple(
            Closely(pane.device, pane.screen, room.width(), room.height())
            for pane, room in zip(panes, rooms, strict=True)
        )

    def screens(self, pane: Pane | None = None) -> int:
        """Return how many screens a pupil has."""
        tile = self.tile(pane)
        return tile.screens if tile else 1

    @Slot()
    def _follow_screens(self) -> None:
        """Go to the first screen, with a word, where the one that was looked at is gone."""
        gone = [one for one in self.panes if one.device and one.screen >= self.screens(one)]
        for pane in gone:
            if pane is self.pane:
                self.control.give_back()
            lost, over = pane.screen + 1, pane.over
            pane.begin(0)
            pane.lost, pane.over = lost, over
        if gone:
            self.ask()
            self.changed.emit()

    def screen_is(self, device: DeviceId, size: QSize) -> None:
        """Hear how large a pupil's chosen screen is."""
        pane = self.pane_of(device)
        if pane is None or size == pane.screen_size:
            return  # as with nearly every picture: nothing else is to be painted
        pane.screen_size = size
        if pane is self.pane:
            self.control.size = size
        self.changed.emit()

    @Slot()
    def drive(self) -> None:
        """Ask for mouse and keyboard of the screen that is shown."""
        self.control.take(self.pane.screen)

    def choose_screen(self, screen: int) -> None:
        if screen != self.pane.screen:
            self.control.give_back()  # what is driven is the screen that was seen
            self.pane.begin(screen)
            self.ask()
            self.changed.emit()

    def step(self, by: int) -> None:
        """Go to the next seat: of those that were opened side by side, else round the class."""
        together = self.desk.beside
        keys = together if len(together) > 1 else [key_of(each) for each in self.desk.wall.tiles()]
        if self.desk.focused in keys:
            key = keys[(keys.index(self.desk.focused) + by) % len(keys)]
            self.desk.turn_to(key) if len(together) > 1 else self.desk.open(key)

    def shown(self, pane: Pane | None = None) -> QImage | None:
        """Return the close picture, or the wall's until that has come."""
        tile = self.tile(pane)
        if tile is None or tile.state in WITHOUT_PICTURE or no_picture(tile):
            return None
        return (pane or self.pane).image or self.desk.wall.image(tile.device)

    def is_stale(self, pane: Pane | None = None) -> bool:
        tile = self.tile(pane)
        return tile is not None and tile.state is State.STALE

    def name(self, pane: Pane | None = None) -> str:
        tile = self.tile(pane)
        return name_of(tile) if tile else ""

    def state(self, pane: Pane) -> str:
        """Return in few words what a picture beside others is worth."""
        tile = self.tile(pane)
        if tile is None:
            return ""
        if tile.state is not State.LIVE:
            return tile_words(tile, self._clock()).title
        if pane.over:
            return say("the time for a close look is up")
        if self.control.on and pane is self.pane:
            return say("live · you drive")
        if self._misses(pane):
            return say("live, but small")
        return _lost(pane) or say("live")

    def _misses(self, pane: Pane) -> bool:
        """Whether a close picture was asked for and none came: the wall's stands in for it."""
        return not pane.frames and not self.coming.isActive()

    def beside_name(self) -> str:
        """Return what was just done, where nothing is to be said of the picture; else its `age`."""
        tile, pane = self.tile(), self.pane
        live = tile is not None and tile.state is State.LIVE
        plain = live and not (pane.over or pane.lost or self.control.on)
        return (self.desk.news() if plain else "") or self.age()

    def age(self) -> str:
        """Return what the picture is worth: live, or why not."""
        tile = self.tile()
        if tile is None:
            return ""
        if tile.state is not State.LIVE:
            return tile_words(tile, self._clock()).title
        if self.pane.over:
            return say("live, but small · the time for a close look is up")
        if self.control.on:
            return say("live · you drive")
        if self._misses(self.pane):
            return say("live, but small · the close picture has not come yet")
        if self.pane.lost:
            return _lost(self.pane)
        if not tile.pupil:
            return say("live · whoever sits there sees that you are looking")
        name = name_of(tile)
        return say("live · {name} sees that you are looking", name=name)

    def advice(self, pane: Pane | None = None) -> str:
        """Return what is said below that, where no picture can be shown."""
        tile = self.tile(pane)
        return advice(tile, self._clock()) if tile else ""

    def can_keep(self) -> bool:
        """Say whether there is a close picture to be kept."""
        tile = self.tile()
        live = tile is not None and tile.state is State.LIVE and bool(tile.device)
        return live and self.pane.image is not None and not self.pane.over

    @Slot()
    def keep(self) -> None:
        """Keep the picture as it is shown now."""
        tile = self.tile()
        if tile and self.can_keep():
            self.desk.keep_picture(tile)

    def hand_title(self) -> str:
        tile = self.tile()
        if tile is None or tile.wish is None:
            return ""
        since = lasted(self._clock() - tile.wish.since)
        if tile.wish.kind == "hand":
            return say("Hand up, {time}", time=since)
        return say("Message, {time}", time=since)

    def claim(self) -> Claim | None:
        """Return the name that was chosen on the device and waits for a yes."""
        tiles = self.desk.wall.tiles()
        return next((one for one in claims(tiles) if one.key == self.desk.focused), None)

    def can_seat(self) -> bool:
        tile = self.tile()
        return tile is not None and bool(tile.device)

    def facts(self) -> str:
        tile = self.tile()
        if tile is None:
            return ""
        told = [say("Seat {seat}", seat=tile.seat)] if tile.seat else []
        if tile.battery_percent >= 0:
            told.append(say("Battery {percent} %", percent=tile.battery_percent))
        return " · ".join(told)

    @Slot()
    def _look(self) -> None:
        """Follow the desk: who is looked at, at which device, and which of them is meant."""
        panes = tuple(self._pane(key) for key in self.desk.looked_at())
        moved = panes != self.panes
        if moved:
            self.coming.start()
            self.control.give_back()  # what is driven is what was seen
        self.panes = panes
        before = self.pane
        self.pane = next((each for each in panes if each.key == self.desk.focused), self._nobody)
        if self.pane is not before:
            self.control.size = self.pane.screen_size
            self.control.look(self.pane.device or None)
        if moved and not self.several:
            self.ask()
        self.changed.emit()
        if moved and self.several:
            self._asking.start()

    def _pane(self, key: str) -> Pane:
        """Return the pane of a seat; as it is, where it shows that seat's device already."""
        tile = self.desk.wall.tile(key)
        device = tile.device if tile else DeviceId("")
        for pane in self.panes:
            if pane.device == device and (device or pane.key == key):
                pane.key = key
                return pane
        return Pane(key, device)


def _lost(pane: Pane) -> str:
    if not pane.lost:
        return ""
    return say("live · screen {number} is gone, this is the first", number=pane.lost)
