"""What bars A, B and D say: the class, whom an act would touch, and what became of the last one."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot

from classroom_app.domain.tile import State, Tile
from classroom_app.presenters import receipts
from classroom_app.presenters.paced import timer
from classroom_app.presenters.pages import Pages
from classroom_app.presenters.receipts import ABSENT, HELD, Receipt, Said, School
from classroom_app.presenters.sentences import name_of, refusal
from classroom_app.presenters.standing import Standing
from classroom_app.presenters.wall import WallModel
from classroom_app.presenters.words import say
from classroom_app.services.presence import longest_until
from device_bridge.protocol.plain import plain

UNDO_SECONDS = 30.0
WORDS_LONGEST = 16
# Where a lock failed, Lock was pressed already: what is likely next is to free.
HELD_OR_TRIED = HELD | {State.NOT_COVERED, State.TWIN}


class Bars(Pages):
    """`today` is UTC seconds since 1970."""

    announced = Signal(str)  # for screen readers

    def __init__(
        self,
        wall: WallModel,
        *,
        clock: Callable[[], float],
        today: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(wall, clock, parent)
        self.today = today
        self.warning = ""  # stands in bar D until it is no longer so: "the journal was altered"
        self.full = ""  # the same of a full disk, which is the more pressing
        self._key_lies_beside = False
        self._company: tuple[str, ...] = ()
        self.school = School()
        self.standing = Standing()
        self._kind, self._keys, self._acted_at = "", frozenset[str](), -UNDO_SECONDS
        self._receipt: Receipt | None = None
        self.taking: Receipt | None = None
        """How far the pictures of many screens are, while they are being kept."""
        self._trouble, self._chosen_at = "", -1.0
        self._locked_with = self._seated = self._last_said = ""
        self._message: tuple[tuple[Tile, ...], str] | None = None  # Undo still stops it
        self._second = timer(self, 1000, self._tick)
        self._second.start()
        wall.selection_changed.connect(self._on_selection)

    # what comes in

    def told(self, receipt: Receipt) -> None:
        """Show what devices answered to a hand-out, collection or message, if it is the last act.

        What was done since, or went wrong with it, is the news.
        """
        if receipt.kind == "stills":
            self.taking = receipt if receipt.ended < receipt.asked else None
            if receipt.kind == self._kind:
                self._acted_at = self._clock()  # it may last longer than its first words stand
        if receipt.kind == self._kind:
            self._receipt = receipt
            self.touch()

    def show_school(self, school: School) -> None:
        self.school = school
        self.touch()

    def show_standing(self, standing: Standing) -> None:
        self.standing = standing
        self.touch()

    def refused(self, error: Exception, name: str = "") -> None:
        """Turn an expected error into the sentence of bar B."""
        self._trouble = refusal(error, name)
        self._acted("refused", self._keys)

    def warn(self, sentence: str) -> None:
        self.warning = sentence
        self.touch()

    def note_key_beside(self) -> None:
        """Hear that the store's key lies in a file beside it, as long as this run lasts."""
        self._key_lies_beside = True
        self.touch()

    def accompanied(self, names: tuple[str, ...]) -> None:
        """Take which colleagues teach this class beside us now."""
        if names != self._company:
            self._company = names
            self.touch()

    def warn_full(self, sentence: str) -> None:
        if sentence != self.full:
            self.full = sentence
            self.touch()

    # what the bars say

    def class_name(self) -> str:
        return self.lesson.class_name if self.lesson else "Pupitre"

    def time_left(self) -> str:
        if self.lesson is None:
            return ""
        minutes = max(0, int(self.lesson.ends_at - self.today() + 59) // 60)
        return say("{n} min left", minutes)

    def ends(self, minutes: int = 0) -> str:
        """Return when the lesson ends, or would, so many minutes on; "" where it may not."""
        lesson = self.lesson
        if lesson is None or (minutes and lesson.ends_at >= longest_until(lesson)):
            return ""
        ends_at = min(lesson.ends_at + minutes * 60, longest_until(lesson))
        return receipts.clock_time(ends_at)

    def scope(self) -> tuple[Tile, ...]:
        """Return whom an act would touch: in focus that pupil, else the selected, else all."""
        tile = self.wall.tile(self.focused) if self.page == "focus" else None
        return (tile,) if tile else self.wall.chosen()

    def everyone_words(self) -> str:
        """Return whom an act for all touches: the pupils' number, where each tile is a pupil's.

        A device where nobody sits yet is touched as well, and is no pupil.
        """
        tiles = self.wall.tiles()
        if all(tile.pupil for tile in tiles) or not any(tile.pupil for tile in tiles):
            return say("all {count}", count=len(tiles))
        return say("everybody")

    def scope_words(self) -> str:
        tiles = self.scope()
        everyone = len(self.wall.tiles())
        if self.page != "focus" and not self.wall.selected and everyone != 1:
            return self.everyone_words()
        names = [name_of(tile) for tile in tiles]
        if len(names) == 1 and len(names[0]) <= WORDS_LONGEST:
            return say("{name} only", name=names[0])
        if len(names) == 2 and len(", ".join(names)) <= WORDS_LONGEST:  # noqa: PLR2004
            return ", ".join(names)
        return say("{n} pupils chosen", len(names))

    def said(self) -> Said:
        """Return bar B's sentence: the newest of the last receipt and the selection."""
        now = self._clock()
        tiles = self.wall.tiles()
        fresh = now - self._acted_at < UNDO_SECONDS
        if self._kind and fresh and self._acted_at >= self._chosen_at:
            return self._of_last_act(tiles)
        if self.wall.selected:
            return receipts.chosen(self.wall.chosen(), len(tiles))
        if self._kind and fresh:
            return self._of_last_act(tiles)
        return receipts.taken(tiles, now, self.today()) or receipts.present(tiles, now)

    def news(self) -> str:
        """Return what became of the last act, for a page whose headline is its own; "": nothing."""
        if not self._kind or self._clock() - self._acted_at >= UNDO_SECONDS:
            return ""
        said = self._of_last_act(self.wall.tiles())
        return " · ".join(part for part in (said.text, said.second) if part)

    def school_words(self) -> str:
        return receipts.school_words(self.school, self.today())

    @property
    def accompanied_now(self) -> bool:
        """Whether the note is of a colleague."""
        return self.lesson is not None and bool(self._company)

    def note(self) -> str:
        """Return the few words that always stand in bar D, quieter than a warning."""
        if self.accompanied_now:
            names = ", ".join(plain(name, WORDS_LONGEST) for name in self._company)
            return say("{names} teaches beside you", len(self._company), names=names)
        return say("No keyring here") if self._key_lies_beside else ""

    def note_more(self) -> str:
        """Return what the note means and what helps."""
        if self.accompanied_now:
            return say(
                "You both see the screens, lock, free, hand out and collect. The newest lock "
                "holds. Whoever shared the class ends that under the time left."
            )
        return say(
            "The key to your lessons lies beside them: whoever gets this computer's disk can read "
            "them. Ask to have the disk encrypted, or for a keyring."
        )

    def facts(self) -> str:
        """Return the room in grey words for wide windows."""
        pupils = [tile for tile in self.wall.tiles() if tile.pupil]
        here = sum(tile.state not in ABSENT for tile in pupils)
        return say("{count} of {all} here", count=here, all=len(pupils)) if pupils else ""

    def locks_next(self) -> bool:
        """Return whether somebody in reach is free, so Lock is the likelier next act."""
        reachable = [tile for tile in self.scope() if tile.state not in ABSENT]
        return not reachable or any(tile.state not in HELD_OR_TRIED for tile in reachable)

    def frees_somebody(self) -> bool:
        return any(tile.state in HELD_OR_TRIED for tile in self.scope())

    def enabled(self) -> bool:
        return self.lesson is not None and bool(self.wall.tiles())

    # the last act

    def _acted(self, kind: str, keys: frozenset[str]) -> None:
        self._kind, self._keys, self._acted_at = kind, keys, self._clock()
        self._chosen_at = -1.0
        self.touch()

    def _of_last_act(self, tiles: Sequence[Tile]) -> Said:
        match self._kind:
            case "lock":
                text = receipts.held(tiles, self._keys).text
                until = say("until {time} at most", time=self.ends())
                return Said(text, receipts.with_sentence(self._locked_with, until), undo=True)
            case "free":
                return Said(receipts.freed(tiles, self._keys).text, undo=True)
            case "refused":
                return Said(self._trouble)
            case "seat" | "group":
                return Said(self._seated, undo=True)
            case "extend":
                return Said(say("The lesson ends at {time}", time=self.ends()))
            case kind if self._receipt and self._receipt.kind == kind:
                said = receipts.received(self._receipt)
                return Said(said.text, said.second, undo=kind == "hand-out", stop=said.stop)
            case _:
                return self._under_way()

    def _under_way(self) -> Said:
        """Return what is said of the last act before any device has answered."""
        match self._kind:
            case "message":
                return Said(say("Message goes out"), undo=self._message is not None)
            case "collect":
                return Said(say("Collecting…"))
            case "share" if self.lesson and self.lesson.shared:
                return Said(say("Another teacher of the class may join now"))
            case "share":
                return Said(say("The class is no longer shared"))
            case "still":
                return Said(say("Telling the pupil…"))
            case "withdrawn":
                return Said(say("Withdrawing…"))
            case _:
                return Said(say("Handing out…"), undo=True)

    @Slot()
    def _on_selection(self) -> None:
        self._chosen_at = self._clock() if self.wall.selected else -1.0
        self.touch()

    @Slot()
    def _tick(self) -> None:
        self.wall.tick()
        text = self.said().text
        if text != self._last_said:
            self._last_said = text
            self.announced.emit(text)
        self.touch()
