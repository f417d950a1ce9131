"""One pupil, closely: the newest picture, the pupil's words, the class as a map."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, QSize, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.control import ControlPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.seats import Claim, claims
from classroom_app.presenters.sentences import advice, name_of, no_picture, tile_words
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import lasted, say

# Told (device, screen) when a close look begins, (None, 0) when it ends.
LooksClosely = Callable[[DeviceId | None, int], None]
# An old picture would look like the screen of now.
WITHOUT_PICTURE = ABSENT | {State.LOCKED, State.PRIVATE, State.DARK, State.TWIN}


class FocusPresenter(QObject):
    changed = Signal()
    pictured = Signal()  # the picture, and nothing else
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
        self._looking: tuple[DeviceId | None, int] = (None, 0)
        self.image: QImage | None = None
        self.frames = 0
        self.over = False
        self.screens = 1
        self.screen = 0
        self.screen_size = QSize()
        self.room = QSize(1280, 720)
        self.size = QSize()  # of the picture as the device sends it
        self.control = ControlPresenter(desk, self)
        self.control.changed.connect(self.changed)
        desk.page_changed.connect(self._on_page)
        desk.changed.connect(self.changed)

    def tile(self) -> Tile | None:
        return self.desk.wall.tile(self.desk.focused)

    def news(self, device: DeviceId, size: QSize, at: QPoint, image: QImage) -> None:
        """Take what is new in the picture; of others than the looked-at it is dropped.

        `image` is not kept: it may be of a memory that is its caller's.
        """
        if device != self._looking[0]:
            return
        if image.size() == size:
            self.image = image.convertToFormat(QImage.Format.Format_RGB32)  # a copy
        else:
            if self.image is None or self.image.size() != size:
                self.image = QImage(size, QImage.Format.Format_RGB32)
            painter = QPainter(self.image)
            painter.drawImage(at, image)
            painter.end()
        self.frames += 1
        self.pictured.emit()
        if self.frames == 1:
            self.changed.emit()

    def picture(self, device: DeviceId, image: QImage) -> None:
        """Take all of the picture."""
        self.news(device, image.size(), QPoint(), image)

    def see(self, room: QSize) -> None:
        """Hear from the view how many real pixels there are for the picture."""
        if room != self.room and not room.isEmpty():
            self.room = room
            self.resized.emit()

    def look_ended(self, device: DeviceId) -> None:
        """Hear that the device has ended the close look: its picture is small again."""
        if device == self._looking[0]:
            self.over = True
            self.changed.emit()

    @Slot(bool)
    def come_in_sight(self, seen: bool) -> None:  # noqa: FBT001 - a signal's own word
        """Hear whether anybody can see the window; its pupil is told that nobody looks."""
        if self._looking[0] is not None and not self.over:
            self._closely(*(self._looking if seen else (None, 0)))

    @Slot()
    def look_again(self) -> None:
        """Take the close look up again; the pupil is told anew."""
        self.over = False
        self._closely(*self._looking)
        self.changed.emit()

    def screens_are(self, count: int, size: QSize) -> None:
        """Hear how many screens the pupil has and how large the chosen one is."""
        if (max(1, count), size) != (self.screens, self.screen_size):
            self.screens, self.screen_size = max(1, count), size
            self.changed.emit()
        self.control.size = size

    @Slot()
    def drive(self) -> None:
        """Ask for mouse and keyboard of the screen that is shown."""
        self.control.take(self.screen)

    def choose_screen(self, screen: int) -> None:
        self.control.give_back()  # what is driven is the screen that was seen
        self.screen = screen
        self._look()

    def step(self, by: int) -> None:
        """Go to the next seat, round the class."""
        keys = [key_of(tile) for tile in self.desk.wall.tiles()]
        if self.desk.focused in keys:
            self.desk.open(keys[(keys.index(self.desk.focused) + by) % len(keys)])

    def shown(self) -> QImage | None:
        """Return the close picture, or the wall's until that has come."""
        tile = self.tile()
        if tile is None or tile.state in WITHOUT_PICTURE or no_picture(tile):
            return None
        return self.image or self.desk.wall.image(tile.device)

    def is_stale(self) -> bool:
        tile = self.tile()
        return tile is not None and tile.state is State.STALE

    def name(self) -> str:
        tile = self.tile()
        return name_of(tile) if tile else ""

    def age(self) -> str:
        """Return what the picture is worth: live, or why not."""
        tile = self.tile()
        if tile is None:
            return ""
        if tile.state is not State.LIVE:
            return tile_words(tile, self._clock()).title
        if self.over:
            return say("live, but small · the time for a close look is up")
        if self.control.on:
            return say("live · you drive")
        if not tile.pupil:
            return say("live · whoever sits there sees that you are looking")
        name = name_of(tile)
        return say("live · {name} sees that you are looking", name=name)

    def advice(self) -> str:
        """Return what is said below that, where no picture can be shown."""
        tile = self.tile()
        return advice(tile, self._clock()) if tile else ""

    def can_keep(self) -> bool:
        """Say whether there is a close picture to be kept."""
        tile = self.tile()
        live = tile is not None and tile.state is State.LIVE and bool(tile.device)
        return live and self.image is not None and not self.over

    @Slot()
    def keep(self) -> None:
        """Keep the picture as it is shown now."""
        tile = self.tile()
        if tile and self.image and self.can_keep():
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

    @Slot(str)
    def _on_page(self, page: str) -> None:
        self.screen = 0
        if page != "focus":
            self._tell((None, 0))
        else:
            self._look()

    def _look(self) -> None:
        tile = self.tile()
        self._tell((tile.device or None if tile else None, self.screen))

    def _tell(self, looking: tuple[DeviceId | None, int]) -> None:
        if looking != self._looking:
            if looking[0] != self._looking[0]:
                self.screens = 1
            self._looking, self.image, self.frames, self.over = looking, None, 0, False
            self.control.look(looking[0])
            self._closely(*looking)
        self.changed.emit()
