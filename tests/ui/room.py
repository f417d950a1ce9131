"""A room for the window's tests: a class, acts that only remember, a clock that is told."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3
from msgspec import structs
from PySide6.QtCore import QCoreApplication, QRect, QSize
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtWidgets import QAbstractButton, QApplication

from central_mdm.contract.second_factor import FactorMade
from classroom_app.cloud.errors import CloudError, Unreachable
from classroom_app.domain.errors import RoomError
from classroom_app.domain.founding import Founding
from classroom_app.domain.lesson import ClassId, DeviceId, Lesson, LessonId, PupilId, Roster
from classroom_app.domain.ready import Offered, ReadyDocument
from classroom_app.domain.tile import State, Tile, Wish
from classroom_app.pictures import Pictures
from classroom_app.presenters.check import Check
from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.journal import JournalModel
from classroom_app.presenters.showing import Choice, Point, ShowingPresenter, Told, Tool
from classroom_app.presenters.wall import WallModel
from classroom_app.services.watching import Closely
from classroom_app.views.motion import Motion
from classroom_app.views.theme import Theme, load_fonts
from classroom_app.views.window import DeskWindow
from device_bridge.protocol.errors import DeviceError

NAMES = (
    "Adam",
    "Aïcha",
    "Anouk",
    "Bilal",
    "Camille",
    "Chloé",
    "Diego",
    "Elif",
    "Emma",
    "Enzo",
    "Fatou",
    "Gabriel",
    "Hugo",
    "Inès",
    "Jonas",
    "Kenji",
    "Léa",
    "Lina",
    "Louis",
    "Maëlle",
    "Mehdi",
    "Nina",
    "Noah",
    "Olivia",
    "Rayan",
    "Sacha",
    "Tom",
    "Yara",
)
NOW = 1_000_000.0
LESSON = Lesson(LessonId("l1"), ClassId("c1"), "5e B", "Claire", int(NOW) - 600, int(NOW) + 32 * 60)


def offered(name: str, size: int = 1_240_000, *, here: bool = True) -> Offered:
    """Return a document that stands ready; its id is made of its name."""
    ready = ReadyDocument(blake3(name.encode()).hexdigest(), name, size, int(NOW))
    return Offered(ready, here)


@dataclass
class FakeActs:
    """Keeps what was asked, newest last; can refuse as a service does."""

    asked: list[tuple[str, tuple[str, ...], str]] = field(
        default_factory=list[tuple[str, tuple[str, ...], str]]
    )
    refuses: Exception | None = None
    refuses_once: Exception | None = None
    account: str = ""
    away: str = ""
    """A server that does not answer."""
    ready: dict[ClassId, tuple[Offered, ...]] = field(
        default_factory=dict[ClassId, tuple[Offered, ...]]
    )

    async def _keep(self, what: str, tiles: Sequence[Tile] = (), more: str = "") -> None:
        once, self.refuses_once = self.refuses_once, None
        if error := once or self.refuses:
            raise error
        self.asked.append((what, tuple(tile.name for tile in tiles), more))

    async def lock(self, tiles: Sequence[Tile], sentence: str) -> None:
        await self._keep("lock", tiles, sentence)

    async def free(self, tiles: Sequence[Tile]) -> None:
        await self._keep("free", tiles)

    async def hand_out(
        self, tiles: Sequence[Tile], paths: Sequence[Path], ready: Sequence[ReadyDocument] = ()
    ) -> None:
        names = [*(one.name for one in ready), *(path.name for path in paths)]
        await self._keep("hand-out", tiles, ",".join(names))

    async def ready_for(self, class_id: ClassId) -> tuple[Offered, ...]:
        return self.ready.get(class_id, ())

    async def keep_ready(self, class_id: ClassId, path: Path) -> None:
        await self._keep("keep-ready", more=f"{class_id} {path.name}")
        self.ready[class_id] = (*self.ready.get(class_id, ()), offered(path.name))

    async def take_out_ready(self, class_id: ClassId, document: str) -> None:
        await self._keep("take-out-ready", more=f"{class_id} {document[:6]}")
        left = (one for one in self.ready[class_id] if one.ready.document != document)
        self.ready[class_id] = tuple(left)

    async def collect(self, tiles: Sequence[Tile]) -> None:
        await self._keep("collect", tiles)

    async def message(self, tiles: Sequence[Tile], text: str) -> None:
        await self._keep("message", tiles, text)

    async def answer_hand(self, tile: Tile) -> None:
        await self._keep("answer-hand", (tile,))

    async def seat(self, seats: Sequence[tuple[Tile, str]]) -> None:
        for tile, pupil in seats:
            await self._keep("seat", (tile,), pupil)

    async def keep_picture(self, tile: Tile) -> None:
        await self._keep("keep-picture", (tile,))

    async def keep_pictures(self, tiles: Sequence[Tile]) -> None:
        await self._keep("keep-pictures", tiles)

    def stop_pictures(self) -> None:
        self.asked.append(("stop-pictures", (), ""))

    async def undo(self) -> None:
        await self._keep("undo")

    async def end(self) -> None:
        await self._keep("end")

    async def go_on(self) -> None:
        await self._keep("go-on")

    async def extend(self, seconds: int) -> None:
        await self._keep("extend", (), str(seconds))

    async def share(self, *, shared: bool) -> None:
        await self._keep("share", (), str(shared))

    async def collect_then_end(self, tiles: Sequence[Tile]) -> None:
        await self._keep("collect-then-end", tiles)

    async def sync_now(self) -> None:
        await self._keep("sync-now")

    def stop_files(self) -> None:
        self.asked.append(("stop-files", (), ""))

    def send_files(self) -> None:
        self.asked.append(("send-files", (), ""))

    async def save_works(
        self, works: Sequence[str], folder: Path, goes_on: Callable[[int], bool]
    ) -> tuple[int, int]:
        await self._keep("save-works", more=f"{folder} {','.join(works)}")
        saved = 0
        while saved < len(works) and goes_on(saved + 1):
            saved += 1
        return 0, 0

    async def sign_in(
        self, server: str, school: str, login: str, password: str, code: str = ""
    ) -> None:
        typed = (server, school, login, password, code)
        await self._keep("sign-in", (), "/".join(filter(None, typed)))

    async def account_at(self, server: str, school: str) -> str:
        del school
        if server == self.away:
            raise Unreachable
        return self.account

    async def sign_in_by_account(self, server: str, school: str) -> bool:
        await self._keep("sign-in-by-account", (), f"{server}/{school}")
        return True

    async def choose_factor(self) -> FactorMade:
        await self._keep("choose-factor")
        return FactorMade(
            "otpauth://totp/Pupitre%20e1:claire?digits=6&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            "&algorithm=SHA1&issuer=Pupitre%20e1&period=30",
            tuple(f"{at:X}BCDEFGH23456789" for at in range(10)),
        )

    async def give_code(self, code: str) -> None:
        await self._keep("give-code", more=code)

    def give_up_account(self) -> None:
        self.asked.append(("give-up-account", (), ""))

    async def dial(self, address: str) -> None:
        await self._keep("dial", (), address)

    async def found_school(self, asked: Founding) -> None:
        await self._keep("found-school", more=f"{asked.school} {len(asked.pupils)}")

    async def add_devices(self, class_id: ClassId, passphrase: str = "") -> None:
        await self._keep("add-devices", more=f"{class_id} {passphrase}".strip())

    async def back_up(self, path: str, passphrase: str) -> None:
        await self._keep("back-up", more=f"{path} {passphrase}")

    async def restore_school(self, path: str, passphrase: str, teacher: str) -> None:
        await self._keep("restore", more=f"{path} {passphrase} {teacher}")

    async def succeed(self, safe: str, passphrase: str, next_safe: str) -> None:
        await self._keep("succeed", more=f"{safe} {passphrase} {next_safe}")

    async def release(self, device: DeviceId, path: str, passphrase: str) -> None:
        await self._keep("release", more=f"{device} {path} {passphrase}")

    async def note_left(self, path: str) -> str:
        await self._keep("left", more=path)
        return "d1"

    async def choose_passphrase(self, before: str, passphrase: str) -> str:
        await self._keep("passphrase", more=f"{before}>{passphrase}")
        return "passphrase" if passphrase else "beside"

    async def start_lesson(self, class_id: ClassId, seconds: int) -> None:
        await self._keep("start-lesson", (), f"{class_id} {seconds}")


@dataclass
class FakeShows:
    """Two screens and a window of this computer; shows at once."""

    offers: tuple[Choice, ...] = (
        Choice("screen", side="here"),
        Choice("screen", 1, side="right"),
        Choice("region"),
        Choice("window", 77, "Climat.odp — LibreOffice"),
    )
    ours: int = 0
    show: Told | None = None
    frozen: bool = False
    strokes: tuple[tuple[Tool, tuple[Point, ...]], ...] = ()
    asked: list[tuple[Choice, str, int]] = field(default_factory=list[tuple[Choice, str, int]])

    def choices(self) -> Sequence[Choice]:
        return self.offers

    def on_our_screen(self, choice: Choice) -> bool:
        return choice.kind == "screen" and choice.id == self.ours

    async def start(self, choice: Choice, mode: str, tiles: Sequence[Tile]) -> None:
        self.asked.append((choice, mode, len(tiles)))
        self.show = Told(len(tiles) - 1, len(tiles))

    async def start_pupil(self, tile: Tile, mode: str, tiles: Sequence[Tile]) -> None:
        self.asked.append((Choice("pupil", name=tile.name), mode, len(tiles)))
        self.show = Told(len(tiles), len(tiles), whose=tile.name)

    def freeze(self) -> bool:
        self.frozen = True
        return True

    def thaw(self) -> None:
        self.frozen = False

    def mark(self, strokes: Sequence[tuple[Tool, tuple[Point, ...]]]) -> None:
        self.strokes = tuple(strokes)

    def still(self) -> QImage | None:
        return screen(2, QSize(1280, 720)) if self.frozen else None

    def pause(self, *, paused: bool) -> None:
        if self.show:
            self.show = structs.replace(self.show, paused=paused)

    async def stop(self) -> None:
        self.show = None

    def told(self) -> Told | None:
        return self.show

    def shown_at(self) -> QRect | None:
        return QRect(1920, 0, 1280, 720)


class AtOnce:
    """Runs a coroutine to its end where it is started: the fakes never really wait."""

    def start(
        self,
        work: Coroutine[Any, Any, None],
        *,
        name: str,
        refused: Callable[[Exception], None],
    ) -> None:
        del name
        try:
            work.send(None)
        except StopIteration:
            pass
        except (TimeoutError, OSError, ValueError, RoomError, DeviceError, CloudError) as error:
            refused(error)


def live(number: int, name: str, state: State = State.LIVE, **more: Any) -> Tile:  # noqa: ANN401
    facts: dict[str, Any] = {"held": state is State.LOCKED, "free": state is State.LIVE}
    return Tile(
        PupilId(f"p{number}"),
        DeviceId("" if state is State.NOT_HERE else f"d{number}"),
        name,
        number + 1,
        state,
        **(facts | more),
    )


def classroom(count: int = 28, state: State = State.LIVE) -> list[Tile]:
    names = [
        f"{NAMES[at % 28]}{'' if at < 28 else ' ' + 'BCDE'[at // 28 - 1]}" for at in range(count)
    ]
    return [live(at, name, state) for at, name in enumerate(names)]


def replace(tiles: list[Tile], name: str, state: State, **more: Any) -> None:  # noqa: ANN401
    at = next(at for at, tile in enumerate(tiles) if tile.name == name)
    tiles[at] = live(at, name, state, **more)


def lively() -> list[Tile]:
    """Return the class of the design's first picture."""
    tiles = classroom()
    replace(tiles, "Camille", State.LIVE, fact="handed-in")
    replace(tiles, "Elif", State.DARK, since=NOW - 40)
    replace(tiles, "Emma", State.STALE)
    tiles[8] = Tile(PupilId("p8"), DeviceId("d8"), "Emma", 9, State.STALE, since=NOW - 12)
    replace(tiles, "Hugo", State.PRIVATE, reason="password")
    replace(tiles, "Kenji", State.NOT_HERE, reason="asleep")
    replace(tiles, "Lina", State.LIVE, wish=Wish("hand", NOW - 120, 1))
    replace(tiles, "Noah", State.LIVE, wish=Wish("hand", NOW - 20, 2))
    replace(tiles, "Olivia", State.LIVE, battery_percent=9)
    replace(tiles, "Tom", State.GONE, since=NOW - 185)
    replace(tiles, "Yara", State.LIVE, wish=Wish("words", NOW - 15, 0, "J'ai fini"))
    return tiles


def locked() -> list[Tile]:
    tiles = classroom(state=State.LOCKED)
    replace(tiles, "Emma", State.NOT_COVERED, reason="second-screen", since=NOW - 4)
    replace(tiles, "Lina", State.LOCKED, wish=Wish("hand", NOW - 120, 1))
    replace(tiles, "Olivia", State.LOCKED, battery_percent=9)
    replace(tiles, "Tom", State.GONE, since=NOW - 12)
    replace(tiles, "Rayan", State.ASKED)
    return tiles


def screen(number: int, size: QSize) -> QImage:
    """Draw a screen as a pupil's might look."""
    image = QImage(size, QImage.Format.Format_RGB32)
    bars = ("#2B579A", "#217346", "#7B4BA0", "#C43E1C", "#3B3F46")
    grounds = ("#FFFFFF", "#F4F6F8", "#FFFDF6", "#20262D", "#FFFFFF")
    image.fill(QColor(grounds[number % 5]))
    painter = QPainter(image)
    wide, high = size.width(), size.height()
    painter.fillRect(0, 0, wide, high // 14, QColor(bars[number % 5]))
    painter.fillRect(0, high - high // 18, wide, high // 18, QColor("#1E252B"))
    ink = QColor("#E6EAEE" if number % 5 == 3 else "#2B3640")
    painter.setPen(ink)
    made = QFont("Inter")
    made.setPixelSize(max(7, high // 15))
    made.setBold(True)
    painter.setFont(made)
    titles = ("Le climat de Lille", "Tableur", "Les vents d'ouest", "Fiche 3", "Notre ville")
    painter.drawText(wide // 8, high // 5, titles[number % 5])
    for line in range(7):
        length = wide * (5 + (number * 7 + line * 3) % 4) // 12
        painter.fillRect(
            wide // 8, high * (27 + line * 9) // 100, length, max(2, high // 60), ink.lighter(170)
        )
    for bar in range(8):
        tall = high * (5 + (number * 5 + bar * 11) % 20) // 100
        painter.fillRect(
            wide * 6 // 10 + bar * wide // 28,
            high * 85 // 100 - tall,
            wide // 40,
            tall,
            QColor(bars[(number + 1) % 5]),
        )
    painter.end()
    return image


CHECKS = (
    Check(
        "addresses",
        "ok",
        {
            "addresses": ("wlan0 10.12.0.7/24",),
            "interfaces": ("wlan0",),
            "cause": "wifi",
            "wifi": ("Collège",),
        },
    ),
    Check("multicast", "ok"),
    Check("own-announcement", "ok"),
    Check("firewall", "ok"),
    Check("other-machines", "ok", {"machines": 2}),
    Check("reach", "failed", {"cause": "isolation", "tried": 3}),
    Check("class", "failed", {"cause": "isolation", "here": 0, "all": 28, "names": "Adam"}),
    Check("school", "failed"),
)


class Room:
    """The window and all it stands on; `seen` is what the wall last said it looks at.

    With `pictures` it asks a real lesson, and shows what comes.
    """

    def __init__(
        self, language: str = "en", theme: str = "light", pictures: Pictures | None = None
    ) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        load_fonts(app)
        self.now = NOW
        self.acts = FakeActs()
        self.seen: Mapping[DeviceId, QSize] = {}
        self.closely: list[tuple[Closely, ...]] = []
        self.unfinished = 0
        tasks = AtOnce()
        self.wall = pictures.wall if pictures else WallModel(lambda: self.now, self._look)
        self.desk = DeskPresenter(
            self.wall,
            self.acts,
            tasks,
            clock=lambda: self.now,
            today=lambda: self.now,
            unfinished=lambda: self.unfinished,
        )
        self.focus = (
            pictures.focus_of(self.desk)
            if pictures
            else FocusPresenter(
                self.desk, lambda: self.now, lambda looks: self.closely.append(tuple(looks))
            )
        )
        self.checked = 0
        self.first = FirstRunPresenter(self.acts, tasks, self._check, language, "https://ecole")
        self.classes = ClassesPresenter(self.acts, tasks)
        self.journal = JournalModel()
        self.shows = FakeShows()
        self.showing = ShowingPresenter(self.desk, self.shows, tasks)
        self.window = DeskWindow(
            self.desk,
            self.wall,
            self.focus,
            self.first,
            self.classes,
            self.journal,
            self.showing,
            Theme(theme),
            Motion(lambda: self.now),
        )

    def _look(self, seen: Mapping[DeviceId, QSize]) -> None:
        self.seen = seen

    def _check(self) -> None:
        self.checked += 1

    def begin(self, tiles: Sequence[Tile], size: tuple[int, int] = (1366, 768)) -> None:
        self.window.resize(*size)
        self.wall.show(tiles)
        self.desk.begin(LESSON)
        self.window.show()
        self.settle()
        self.window.wall.look()
        for at, (device, pixels) in enumerate(sorted(self.seen.items())):
            self.wall.picture(device, screen(at, pixels))
        self.settle()

    def settle(self) -> None:
        """Let what is paced speak at once, and what moves be there."""
        self.speak()
        self.window.motion.finish()

    def speak(self) -> None:
        self.wall.flush()
        self.window.refresh()
        QCoreApplication.sendPostedEvents()
        self.focus.changed.emit()
        QCoreApplication.sendPostedEvents()

    def grab(self) -> QImage:
        return self.window.grab().toImage()

    def button(self, name: str) -> QAbstractButton:
        return next(w for w in self.window.findChildren(QAbstractButton, name) if w.isVisible())

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()


def roster() -> Roster:
    return Roster(ClassId("c1"), "5e B", "Technologie")
