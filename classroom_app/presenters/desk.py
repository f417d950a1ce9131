"""The desk: what its buttons do, and how a lesson comes and goes. Every slot returns at once."""

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal, Slot

from classroom_app.domain.errors import RoomError
from classroom_app.domain.lesson import ClassId, Lesson
from classroom_app.domain.ready import ReadyDocument
from classroom_app.domain.tile import Tile
from classroom_app.presenters.acts import Acts, Starts
from classroom_app.presenters.bars import UNDO_SECONDS, Bars
from classroom_app.presenters.paced import timer
from classroom_app.presenters.ready import ReadyPresenter
from classroom_app.presenters.saving import Saving
from classroom_app.presenters.seating import Seating
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.standing import failed_words
from classroom_app.presenters.wall import WallModel, key_of
from classroom_app.presenters.words import say
from classroom_app.services.attention import SENTENCE_CHARACTERS_MAX

GO_ON_SECONDS = 60.0
ATTENTION_SECONDS = 0.7  # presenter remotes send their key twice
GROUP_NAMES = 4  # as many as bar B and a menu have room for
MESSAGE_HELD_MS = 3000  # Undo within them, and nobody has read it


class DeskPresenter(Bars):
    """`clock` is the room's clock in seconds, `today` is UTC seconds since 1970."""

    sheet_asked = Signal(str)  # "lock", "hand-out", "documents", "collect", "message", "seats"…
    sentence_chosen = Signal(str)
    unchanged_chosen = Signal(bool)
    standing_asked = Signal()  # what waits and what was decided, anew
    decided_seen = Signal()
    work_asked = Signal()  # to see the folder that collected work lies in
    pictures_asked = Signal()  # the same of kept pictures
    anew_asked = Signal()  # the school no longer knows the sign-in

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
        super().__init__(wall, clock=clock, today=today, parent=parent)
        self._acts, self._tasks = acts, tasks
        self.unfinished = unfinished
        self.seating = Seating(wall, self)
        self.saving = Saving(acts, tasks, self)
        self.ready = ReadyPresenter(acts, tasks, self.refused, self)
        self.page_changed.connect(self.seating.done)
        self.summary = ""
        self.sentence = ""  # what pupils read at the next lock
        self._ended_at = -GO_ON_SECONDS
        self._attention_at = -ATTENTION_SECONDS
        self.holding = timer(self, MESSAGE_HELD_MS, self.send_message, once=True)

    # a lesson

    def begin(self, lesson: Lesson) -> None:
        """Show a lesson's wall; called as well when the app opens again in its middle."""
        self.lesson, self.summary = lesson, ""
        self._kind, self._ended_at = "", -GO_ON_SECONDS
        self.seating.enter(lesson.class_id)
        self.ready.open(lesson.class_id, lesson.class_name)
        self.go("wall")

    def moved(self, lesson: Lesson) -> None:
        """Take the lesson as it is now: its end moved, or it is shared or no longer."""
        before, self.lesson = self.lesson, lesson
        shared = before is not None and before.shared != lesson.shared
        self._acted("share" if shared else "extend", self._keys)

    def clock_set(self, lesson: Lesson) -> None:
        """Take it in silence that the end moved along with the clock, and what is left did not."""
        if self.lesson is not None and self.lesson.clock_set != lesson.clock_set:
            ends = {"ends_at": lesson.ends_at, "clock_set": lesson.clock_set}
            self.lesson = replace(self.lesson, **ends)
            self.touch()

    def ended(self, summary: str, *, goes_on: bool = True) -> None:
        """Leave the wall; `summary` stands above the classes. `goes_on`: if the teacher says so."""
        self.lesson, self.summary = None, summary
        self._ended_at = self._clock() if goes_on else -GO_ON_SECONDS
        self._kind, self._receipt, self.taking = "", None, None
        self.wall.forget()
        self.go("classes")

    def summed_up(self, summary: str) -> None:
        """Say anew how the lesson ended: devices have answered since."""
        if self.summary and summary != self.summary:
            self.summary = summary
            self.touch()

    def goes_on(self) -> bool:
        """Return whether the last lesson's end can still be taken back."""
        return self.lesson is None and self._clock() - self._ended_at < GO_ON_SECONDS

    def words_after(self) -> str:
        """Return what stands above the classes: what went wrong just now, else the summary."""
        fresh = self._clock() - self._acted_at < UNDO_SECONDS
        return self._trouble if self._kind == "refused" and fresh else self.summary

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

    def hand_out(self, paths: Sequence[Path], ready: Sequence[ReadyDocument] = ()) -> None:
        """Give files, and documents that stand ready."""
        tiles = self._act("hand-out") if paths or ready else ()
        if tiles:
            self._run(self._acts.hand_out(tiles, tuple(paths), tuple(ready)), "hand-out")

    def ask_documents(self, class_id: ClassId, class_name: str) -> None:
        """Show what stands ready for a class; no lesson need be on."""
        self.ready.open(class_id, class_name)
        self.sheet_asked.emit("documents")

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

    @Slot()
    def send_message(self) -> None:
        """Let the held message go now."""
        held, self._message = self._message, None
        self.holding.stop()
        if held:
            self._run(self._acts.message(*held), "message")
            self.touch()

    def seat(self, seats: Sequence[tuple[Tile, str]], words: str) -> None:
        """Say who sits where, "" for nobody; `words` then stand in bar B with their Undo."""
        if not seats:
            return
        tile, pupil = seats[0]
        if self.page == "focus":
            self.rename(key_of(tile), pupil or tile.device)
        self._seated = words
        self._acted("seat", frozenset(key_of(tile) for tile, _ in seats))
        self._run(self._acts.seat(seats), "seat")

    def keep_picture(self, tile: Tile) -> None:
        """Ask the device whether its picture may be kept; its answer is the receipt."""
        self._receipt = None
        self._acted("still", frozenset({key_of(tile)}))
        self._run(self._acts.keep_picture(tile), "keep-picture")

    @Slot()
    def keep_pictures(self) -> None:
        """Keep a picture of each screen in scope; `taking` tells how far that is."""
        tiles = self._act("stills") if self.taking is None else ()
        if tiles:
            self._run(self._acts.keep_pictures(tiles), "keep-pictures")

    @Slot()
    def stop_pictures(self) -> None:
        self._acts.stop_pictures()

    @Slot()
    def show_work(self) -> None:
        self.work_asked.emit()

    @Slot()
    def show_pictures(self) -> None:
        self.pictures_asked.emit()

    def answer_hand(self, key: str) -> None:
        tile = self.wall.tile(key)
        if tile and tile.wish:
            self._run(self._acts.answer_hand(tile), "answer-hand")

    @Slot()
    def arrange(self) -> None:
        """Let seats be moved to where they stand in the room."""
        if self.enabled():
            self.go("wall")
            self.seating.begin()

    @Slot()
    def escape(self) -> None:
        if self.seating.on:
            self.seating.done()
        else:
            super().escape()

    def keep_group(self, number: int) -> None:
        """Keep who is selected as that group, until another is kept under its number."""
        keys = self.wall.selected
        if self.lesson and keys:
            self.seating.keep_group(number, keys)
            self._seated = self.group_words(number)
            self._acted("group", keys)

    def choose_group(self, number: int) -> None:
        """Select that group; where there is none, say how one is kept."""
        keys = self.seating.groups().get(number, frozenset())
        if not self.lesson:
            return
        if not keys:
            self._trouble = say(
                "Group {number} is empty. Ctrl+Shift+{number} keeps the chosen.", number=number
            )
            self._acted("refused", self._keys)
            return
        if any(self.wall.row(key) < 0 for key in keys):
            self.wall.show_all()
        self.wall.select(keys)

    @Slot()
    def look_closely(self) -> None:
        """Open who is chosen, side by side; there, show one of them alone, or all again."""
        chosen = self.wall.selected
        if self.page == "focus":
            self.turn_alone()
        elif self.page != "wall" or not self.lesson:
            return
        elif len(chosen) == 1:
            self.open(*chosen)
        elif not self.open_together(chosen):
            self._trouble = say("Choose two to four pupils to see them side by side.")
            self._acted("refused", self._keys)

    def group_words(self, number: int) -> str:
        """Return who is in a group, as one line."""
        keys = self.seating.groups().get(number, frozenset())
        names = [name_of(tile) for tile in self.wall.tiles() if key_of(tile) in keys]
        if len(names) > GROUP_NAMES:
            more = len(names) - GROUP_NAMES
            shown = ", ".join(names[:GROUP_NAMES])
            return say("Group {number}: {names} +{more}", number=number, names=shown, more=more)
        return say("Group {number}: {names}", number=number, names=", ".join(names))

    @Slot()
    def turn_unchanged(self) -> None:
        """Say under each picture how long it has been the same, or no longer."""
        self.wall.set_unchanged(not self.wall.unchanged)
        self.unchanged_chosen.emit(self.wall.unchanged)

    @Slot()
    def undo(self) -> None:
        if self.seating.on:
            self.seating.undo()
            return
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
        elif kind == "group":
            self.seating.undo_group()
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

    def share(self, *, shared: bool) -> None:
        """Let a colleague teach beside, or no longer."""
        if self.lesson is not None:
            self._run(self._acts.share(shared=shared), "share")

    @Slot()
    def collect_then_end(self) -> None:
        """Collect from all, and end when the work of those who are here has come."""
        tiles = self.wall.tiles()
        self._receipt = None
        self._acted("collect", frozenset(key_of(tile) for tile in tiles))
        self._run(self._acts.collect_then_end(tiles), "collect-then-end")

    @Slot()
    def sync_now(self) -> None:
        self._tasks.start(self._acts.sync_now(), name="sync-now", refused=self._not_in_step)

    @Slot()
    def ask_standing(self) -> None:
        """Exchange at once, and show how it stands with the school meanwhile."""
        self.sync_now()
        self.sheet_asked.emit("standing")

    @Slot()
    def sign_in_anew(self) -> None:
        """Ask for the password again; all that is open stays so."""
        self.anew_asked.emit()

    @Slot()
    def stop_files(self) -> None:
        """Send no more collected work for now; what has gone is not lost."""
        self._acts.stop_files()

    @Slot()
    def send_files(self) -> None:
        """Send the collected work that waits, now."""
        self._acts.send_files()

    @Slot()
    def seen_decided(self) -> None:
        """List no more what the school decided: the teacher has seen it."""
        self.decided_seen.emit()

    def ask(self, sheet: str, about: str = "") -> None:
        """Open a sheet; `about` is the one seat that it is about."""
        if self.enabled():
            self.about = about
            self.sheet_asked.emit(sheet)

    # inside

    def _not_in_step(self, error: Exception) -> None:
        """Leave word of the server to the sheet in a lesson: bar B tells of the class there."""
        if self.lesson is None or isinstance(error, RoomError):
            self._trouble = failed_words(self.school, error)
            self._acted("refused", self._keys)

    def _act(self, kind: str) -> tuple[Tile, ...]:
        tiles = self.scope() if self.lesson else ()
        if tiles:
            self._receipt = None
            self.wall.select(())
            self._acted(kind, frozenset(key_of(tile) for tile in tiles))
        return tiles

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.start(work, name=name, refused=self.refused)
