"""The desk: what bars A, B and D say, and what their buttons do. Every slot returns at once."""

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance, Slot

from classroom_app.domain.lesson import Lesson
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters import receipts
from classroom_app.presenters.acts import Acts, Starts
from classroom_app.presenters.chips import Chip, chips
from classroom_app.presenters.receipts import ABSENT, HELD, Receipt, Said, School
from classroom_app.presenters.sentences import name_of, refusal
from classroom_app.presenters.wall import PACE_MS, WallModel, key_of
from classroom_app.presenters.words import say
from classroom_app.services.attention import SENTENCE_CHARACTERS_MAX
from classroom_app.services.presence import longest_until

UNDO_SECONDS = 30.0
GO_ON_SECONDS = 60.0
ATTENTION_SECONDS = 0.7  # presenter remotes send their key twice
MESSAGE_HELD_MS = 3000  # Undo within them, and nobody has read it
PAGES = ("sign-in", "classes", "wall", "focus", "journal", "check")
WORDS_LONGEST = 16
# Where a lock failed, Lock was pressed already: what is likely next is to free.
HELD_OR_TRIED = HELD | {State.NOT_COVERED}


class DeskPresenter(QObject):
    """`clock` is the room's clock in seconds, `today` is UTC seconds since 1970."""

    changed = Signal()
    page_changed = Signal(str)
    sheet_asked = Signal(str)  # "lock", "hand-out", "collect", "message", "seats", "seat", "end"…
    sentence_chosen = Signal(str)
    revealed = Signal(str)  # scroll to this seat and frame it
    announced = Signal(str)  # for screen readers

    def __init__(  # noqa: PLR0913 - what bootstrap joins
        self,
        wall: WallModel,
        acts: Acts,
        tasks: Starts,
        *,
        clock: Callable[[], float],
        today: Callable[[], float],
        unfinished: Callable[[], int] = lambda: 0,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.wall = wall
        self._acts, self._tasks = acts, tasks
        self._clock, self._today = clock, today
        self.unfinished = unfinished
        self.lesson: Lesson | None = None
        self.page = "sign-in"
        self.focused = ""
        self.summary = ""
        self._ended_at = -GO_ON_SECONDS
        self.sentence = self._locked_with = ""  # what pupils read: at the next lock, at the last
        self.warning = ""  # stands in bar D until it is no longer so: "key beside the store"
        self.full = ""  # the same of a full disk, which is the more pressing
        self.school = School()
        self._kind, self._keys, self._acted_at = "", frozenset[str](), -UNDO_SECONDS
        self._receipt: Receipt | None = None
        self._trouble, self._chosen_at = "", -1.0
        self._attention_at = -ATTENTION_SECONDS
        self._message: tuple[tuple[Tile, ...], str] | None = None
        self._chip_key = self._last_said = self._seated = ""
        self.about = ""  # the seat that a sheet or the check is about; else the whole class
        self.check_stays = False
        self._checked_from = ""
        self._pace = _timer(self, PACE_MS, self.changed, once=True)
        self.holding = _timer(self, MESSAGE_HELD_MS, self.send_message, once=True)
        self._second = _timer(self, 1000, self._tick)
        self._second.start()
        wall.tiles_changed.connect(self.touch)
        wall.selection_changed.connect(self._on_selection)

    # what comes in

    @Slot()
    def touch(self) -> None:
        """Note that the bars may say something else now; they are told within 33 ms."""
        if not self._pace.isActive():
            self._pace.start()

    def begin(self, lesson: Lesson) -> None:
        """Show a lesson's wall; called as well when the app opens again in its middle."""
        self.lesson, self.summary = lesson, ""
        self._kind, self._ended_at = "", -GO_ON_SECONDS
        self.go("wall")

    def moved(self, lesson: Lesson) -> None:
        """Take the lesson with its new end."""
        self.lesson = lesson
        self._acted("extend", self._keys)

    def ended(self, summary: str) -> None:
        """Leave the wall; `summary` stands above the classes."""
        self.lesson, self.summary = None, summary
        self._ended_at = self._clock()
        self._kind, self._receipt = "", None
        self.wall.forget()
        self.go("classes")

    def summed_up(self, summary: str) -> None:
        """Say anew how the lesson ended: devices have answered since."""
        if self.summary and summary != self.summary:
            self.summary = summary
            self.touch()

    def told(self, receipt: Receipt) -> None:
        """Show what devices answered to a hand-out, collection or message, if it is the last act.

        What was done since, or went wrong with it, is the news.
        """
        if receipt.kind == self._kind:
            self._receipt = receipt
            self.touch()

    def show_school(self, school: School) -> None:
        self.school = school
        self.touch()

    def refused(self, error: Exception, name: str = "") -> None:
        """Turn an expected error into the sentence of bar B."""
        self._trouble = refusal(error, name)
        self._acted("refused", self._keys)

    def warn(self, sentence: str) -> None:
        self.warning = sentence
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
        minutes = max(0, int(self.lesson.ends_at - self._today() + 59) // 60)
        return say("{n} min left", minutes)

    def ends(self, minutes: int = 0) -> str:
        """Return when the lesson ends, or would, so many minutes on; "" where it may not."""
        lesson = self.lesson
        if lesson is None or (minutes and lesson.ends_at >= longest_until(lesson)):
            return ""
        ends_at = min(lesson.ends_at + minutes * 60, longest_until(lesson))
        return receipts.clock_time(ends_at)

    def goes_on(self) -> bool:
        """Return whether the last lesson's end can still be taken back."""
        return self.lesson is None and self._clock() - self._ended_at < GO_ON_SECONDS

    def words_after(self) -> str:
        """Return what stands above the classes: what went wrong just now, else the summary."""
        fresh = self._clock() - self._acted_at < UNDO_SECONDS
        return self._trouble if self._kind == "refused" and fresh else self.summary

    def scope(self) -> tuple[Tile, ...]:
        """Return whom an act would touch: in focus that pupil, else the selected, else all."""
        tile = self.wall.tile(self.focused) if self.page == "focus" else None
        return (tile,) if tile else self.wall.chosen()

    def scope_words(self) -> str:
        tiles = self.scope()
        everyone = len(self.wall.tiles())
        if self.page != "focus" and not self.wall.selected:
            return say("all {count}", count=everyone)
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
        return receipts.taken(tiles, now, self._today()) or receipts.present(tiles, now)

    def chips(self) -> list[Chip]:
        return chips(self.wall.tiles(), self._clock())

    def school_words(self) -> str:
        return receipts.school_words(self.school)

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

    # what the buttons do

    @Slot()
    def lock(self) -> None:
        tiles = self._act("lock")
        if tiles:
            self._locked_with = self.sentence
            self._run(self._acts.lock(tiles, self.sentence), "lock")

    def lock_saying(self, sentence: str) -> None:
        self.choose_sentence(sentence)
        self.lock()

    def choose_sentence(self, sentence: str) -> None:
        """Remember what this lock and the next ones say; "" for nothing."""
        self.sentence = " ".join(sentence.split())[:SENTENCE_CHARACTERS_MAX]
        self.sentence_chosen.emit(self.sentence)
        self.touch()

    @Slot()
    def free(self) -> None:
        tiles = self._act("free")
        if tiles:
            self._run(self._acts.free(tiles), "free")

    @Slot()
    def attention(self) -> None:
        """Lock if anyone in reach is free, else free; deaf for 700 ms after itself."""
        now = self._clock()
        if now - self._attention_at < ATTENTION_SECONDS:
            return
        self._attention_at = now
        self.lock() if self.locks_next() else self.free()

    def hand_out(self, paths: Sequence[Path]) -> None:
        tiles = self._act("hand-out") if paths else ()
        if tiles:
            self._run(self._acts.hand_out(tiles, tuple(paths)), "hand-out")

    @Slot()
    def collect(self) -> None:
        tiles = self._act("collect")
        if tiles:
            self._run(self._acts.collect(tiles), "collect")

    def message(self, text: str) -> None:
        """Say `text` after 3 s in which Undo stops it; a second message sends the first."""
        self.send_message()
        tiles = self._act("message") if text.strip() else ()
        if tiles:
            self._message = (tiles, text.strip())
            self.holding.start()

    def seat(self, seats: Sequence[tuple[Tile, str]], words: str) -> None:
        """Say who sits where, "" for nobody; `words` then stand in bar B with their Undo."""
        if not seats:
            return
        tile, pupil = seats[0]
        if self.page == "focus" and self.focused == key_of(tile):
            self.focused = pupil or tile.device
        self._seated = words
        self._acted("seat", frozenset(key_of(tile) for tile, _ in seats))
        self._run(self._acts.seat(seats), "seat")

    def answer_hand(self, key: str) -> None:
        tile = self.wall.tile(key)
        if tile and tile.wish:
            self._run(self._acts.answer_hand(tile), "answer-hand")

    @Slot()
    def undo(self) -> None:
        if self.goes_on():
            self.go_on()
        if not self.said().undo:
            return
        kind, self._kind = self._kind, ""
        if kind == "hand-out":
            self._receipt = None
            self._acted("withdrawn", self._keys)
        if self._message:
            self._message = None
            self.holding.stop()
        else:
            self._run(self._acts.undo(), "undo")
        self.touch()

    @Slot()
    def end(self) -> None:
        """End the lesson; asks in a sheet only while work is out."""
        if self.lesson is None:
            return
        if self.unfinished():
            self.sheet_asked.emit("end")
        else:
            self.end_now()

    @Slot()
    def end_now(self) -> None:
        self.send_message()
        self._run(self._acts.end(), "end")

    @Slot()
    def go_on(self) -> None:
        """Take the lesson's end back; where that is refused, it may be tried again."""
        if self.goes_on():
            since, self._ended_at = self._ended_at, -GO_ON_SECONDS

            def stays_over(error: Exception) -> None:
                self._ended_at = since
                self.refused(error)

            self._tasks.start(self._acts.go_on(), name="go-on", refused=stays_over)
            self.touch()

    def extend(self, minutes: int) -> None:
        """Let the lesson last so many minutes more."""
        if self.lesson is not None:
            self._run(self._acts.extend(minutes * 60), "extend")

    @Slot()
    def collect_then_end(self) -> None:
        """Collect from all, and end when the work of those who are here has come."""
        tiles = self.wall.tiles()
        self._receipt = None
        self._acted("collect", frozenset(key_of(tile) for tile in tiles))
        self._run(self._acts.collect_then_end(tiles), "collect-then-end")

    @Slot()
    def sync_now(self) -> None:
        self._run(self._acts.sync_now(), "sync-now")

    def ask(self, sheet: str, about: str = "") -> None:
        """Open a sheet; `about` is the one seat that it is about."""
        if self.enabled():
            self.about = about
            self.sheet_asked.emit(sheet)

    def one(self) -> Tile | None:
        """Return the one seat that is spoken of: the menu's, else the one looked at closely."""
        return self.wall.tile(self.about or self.focused)

    def go(self, page: str) -> None:
        """Show a page; the wall is where one comes back to."""
        self.page = page
        self.page_changed.emit(page)
        self.touch()

    def check(self, key: str = "", *, stays: bool = False) -> None:
        """Show why nothing is found, or why this one pupil is not here.

        It turns into the wall when whoever was asked about is here; one opened to look at the
        network itself (F5) `stays` until it is left.
        """
        if self.page != "check":
            self._checked_from = self.page
        self.about, self.check_stays = key, stays
        self.go("check")

    def go_home(self) -> None:
        self.go("wall" if self.lesson else "classes")

    def open(self, key: str) -> None:
        """Look closely at one pupil."""
        if self.wall.tile(key):
            if self.wall.selected == frozenset({key}):
                # The first half of a double click: whoever looks closely has not chosen yet.
                self.wall.select(())
            self.focused = key
            self.go("focus")

    @Slot()
    def escape(self) -> None:
        """Clear the filter, then the selection, then leave focus. Never frees anyone."""
        if self.page == "wall" and self.wall.filter:
            self.wall.set_filter("")
        elif self.page == "wall" and self.wall.selected:
            self.wall.select(())
        elif self.page == "check" and self.lesson and self._checked_from in {"focus", "journal"}:
            self.go(self._checked_from)
        elif self.page in {"focus", "journal", "check"}:
            self.go_home()

    def next_chip(self, step: int = 1) -> None:
        """Go to who needs the teacher next."""
        keys = [chip.key for chip in self.chips()]
        if not keys:
            return
        at = keys.index(self._chip_key) + step if self._chip_key in keys else min(0, step)
        self._chip_key = keys[at % len(keys)]
        self.reveal(self._chip_key)

    def reveal(self, key: str) -> None:
        if self.page == "focus":
            self.open(key)
            return
        if self.page != "wall":
            self.go_home()
        if self.wall.row(key) < 0:
            self.wall.set_filter("")
        self.revealed.emit(key)

    # inside

    def _act(self, kind: str) -> tuple[Tile, ...]:
        tiles = self.scope() if self.lesson else ()
        if tiles:
            self._receipt = None
            self.wall.select(())
            self._acted(kind, frozenset(key_of(tile) for tile in tiles))
        return tiles

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
            case "seat":
                return Said(self._seated, undo=True)
            case "extend":
                return Said(say("The lesson ends at {time}", time=self.ends()))
            case kind if self._receipt and self._receipt.kind == kind:
                said = receipts.received(self._receipt)
                return Said(said.text, said.second, undo=kind == "hand-out")
            case _:
                return self._under_way()

    def _under_way(self) -> Said:
        """Return what is said of the last act before any device has answered."""
        match self._kind:
            case "message":
                return Said(say("Message goes out"), undo=self._message is not None)
            case "collect":
                return Said(say("Collecting…"))
            case "withdrawn":
                return Said(say("Withdrawing…"))
            case _:
                return Said(say("Handing out…"), undo=True)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.start(work, name=name, refused=self.refused)

    @Slot()
    def send_message(self) -> None:
        """Let the held message go now."""
        held, self._message = self._message, None
        self.holding.stop()
        if held:
            self._run(self._acts.message(*held), "message")
            self.touch()

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


def _timer(
    parent: QObject,
    milliseconds: int,
    slot: SignalInstance | Callable[[], None],
    *,
    once: bool = False,
) -> QTimer:
    timer = QTimer(parent, singleShot=once, interval=milliseconds)
    timer.timeout.connect(slot)
    return timer
