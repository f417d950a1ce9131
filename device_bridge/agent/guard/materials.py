"""Hand-outs to the pupil's folder and hand-ins back: joins `papers` to library, lanes and seat."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, NoReturn

from msgspec.structs import replace

from device_bridge.agent.folder import Folder, name_of
from device_bridge.agent.guard.commands import BUSY, Commands
from device_bridge.agent.guard.folders import Away, Lying, PupilsFolders
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.papers import (
    Paper,
    Papers,
    as_declared,
    changed,
    declared,
    report_of,
    sat,
    taken_back,
)
from device_bridge.agent.guard.ports import Link, Wire, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.materials.bulk import BulkEnd, Lent
from device_bridge.materials.errors import DiskFull, MaterialError, Unreadable, Withheld
from device_bridge.materials.library import Library
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.declared import Overruled, judge
from device_bridge.protocol.errors import DeviceError, Malformed, TryAgain
from device_bridge.protocol.materials import (
    Document,
    HandInAsked,
    HandInOffered,
    HandInTaken,
    MaterialsDeclared,
)
from device_bridge.protocol.seat import Opened, OpenFile

log = logging.getLogger(__name__)

REPORT_SECONDS: Final = 0.5
"""How often progress is told: a bar on a tile moves no faster."""
NO_LESSON: Final = "no-lesson"
_JOBS_MAX: Final = 32
_OPEN_MAX: Final = 100
AGAIN_SECONDS: Final = 60.0
"""When a withdrawn copy that could not be looked at is tried again."""


class Counted:
    """A wire that counts what came, so that a resumed document can be told from a restarted one."""

    def __init__(self, wire: Wire, came: Callable[[int], None]) -> None:
        self._wire = wire
        self._came = came
        self.send = wire.send
        self.close = wire.close

    async def receive(self) -> bytes:
        raw = await self._wire.receive()
        self._came(len(raw))
        return raw


class MaterialsGuard:
    def __init__(  # noqa: PLR0913, PLR0917 - what it joins
        self,
        voice: Voice,
        folder: Folder,
        folders: PupilsFolders,
        makings: Makings,
        held: Papers,
        presence: PresenceGuard,
        commands: Commands,
    ) -> None:
        """Open the library; raises `Unreadable` where it cannot be."""
        self._voice = voice
        self._folders = folders
        self._makings = makings
        self._presence = presence
        self._commands = commands
        self._library = Library(folder.library, **makings.library)
        lacking = {row.document.document for row in held.lacking()}
        self._library.sweep(lacking, placed_in=folder.received)
        self.held = held
        self.fetched_bytes = 0
        self._fetching: set[bytes] = set()
        self._offered: dict[str, set[bytes]] = {}
        self._opening: OrderedDict[str, str] = OrderedDict()
        self._shared: dict[str, MaterialsDeclared] = {}
        self._numbers = count(1)
        self._jobs = asyncio.Queue[Callable[[], Awaitable[object]]](_JOBS_MAX)
        self._wanted = asyncio.Event()
        self._tell_bar()
        self._later_back: asyncio.TimerHandle | None = None
        if held.leaving(whose=folders.whose):
            self._do(self._take_back)

    def told(self, link: Link, told: MaterialsDeclared) -> None:
        """Take what one teacher hands out; where several share the class, beside the others'."""
        author, told = author_of(link), self._with_the_others(author_of(link).lesson, told)
        own, author = author.lesson, replace(author, lesson=told.lesson)
        now = self._makings.clock.boot()
        verdict = judge(self.held.author, self.held.version, author, told.version, now)
        foreign = author.lesson != self.held.author.lesson
        if verdict == "older":
            if foreign:
                loser = Overruled(author.lesson, self.held.version, self.held.author.teacher)
                self._voice.act("materials", [loser])
            return
        if foreign and self.held.author.lesson == self._presence.lesson:
            loser = Overruled(self.held.author.lesson, told.version, author.teacher)
            self._voice.act("materials", [loser])
        before, opening = self.held, self._opening.values()
        folder = name_of(told.lesson, self._presence.class_of(told.lesson))
        whose = self._folders.whose if self._folders.there else None
        self.held, reports = declared(
            before, told, author, self._fetching, opening, folder, whose=whose, lesson=own
        )
        self._voice.changed()
        for report in reports:
            self._voice.all(report)
        if self.held.leaving(whose=self._folders.whose):
            self._do(self._take_back)  # before what may find no room behind it
        for row in before.papers:
            if row.document.handout in told.withdrawn:
                self._let_go(row.document.document)
        self._tell_bar()
        self._wanted.set()

    def _with_the_others(self, lesson: str, told: MaterialsDeclared) -> MaterialsDeclared:
        """Return what all teachers hand out who share the class, under the lesson that came first.

        Where nobody shares it that is what was `told`.
        """
        if not (self._presence.shared and lesson in self._presence.lessons):
            self._shared = {}
            return told
        before = self._shared or as_declared(self.held)
        on = self._presence.lessons
        self._shared = {one: theirs for one, theirs in before.items() if one in on}
        if lesson not in self._shared or self._shared[lesson].version <= told.version:
            self._shared[lesson] = told
        documents = tuple(one for theirs in self._shared.values() for one in theirs.documents)
        version = max(self.held.version, told.version)
        home = self._presence.lesson
        return MaterialsDeclared(version, home, documents, told.withdrawn)

    @property
    def folder(self) -> Path:
        """Where the hand-outs of the newest lesson lie: no class finds another's among its own."""
        return self._folders.received(self.held.folder)

    def _tell_bar(self) -> None:
        self._presence.papers(self.held.received, self.folder)

    async def run(self) -> NoReturn:
        """Do what takes disk or time, one after another, until cancelled."""
        while True:
            job = await self._jobs.get()
            await job()

    # Hand-outs

    async def bulk(self, link: Link, wire: Wire) -> None:
        """Fetch what lacks and supply what was offered, until the lane ends."""
        lent = Lent(self._library, lambda document: self._may(link, document))
        end = BulkEnd(Counted(wire, self._came), lent, self._makings.bulk)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(end.run(), name="bulk")
                group.create_task(self._fetch_all(link, end), name="fetch")
        except* (OSError, DeviceError) as ended:
            log.info("bulk lane ended", extra={"why": type(ended.exceptions[0]).__name__})

    def _came(self, size: int) -> None:
        self.fetched_bytes += size

    async def _fetch_all(self, link: Link, end: BulkEnd) -> NoReturn:
        while True:
            self._wanted.clear()
            paper = self._next(link)
            if paper is None:
                await self._wanted.wait()
                continue
            await self._fetch(paper, end)

    async def _fetch(self, paper: Paper, end: BulkEnd | None) -> None:
        """Bring a document over `end`, or where that is None give what has come before."""
        document = paper.document.document
        self._fetching.add(document)
        try:
            await self._give(paper, end)
        finally:
            self._fetching.discard(document)
            self._cut(paper.document.handout)
            self._let_go(document)
            self._wanted.set()  # another lesson's link may have waited for this document

    def _next(self, link: Link) -> Paper | None:
        """Choose what to fetch over `link`: only its own lesson's, and not what comes already."""
        lesson = author_of(link).lesson
        for paper in self.held.lacking():
            if not self._gives(lesson, paper.document.handout):
                continue
            waits = paper.state == "failed" or paper.reason == NO_SEAT
            if not waits and paper.document.document not in self._fetching:
                return paper
        return None

    def _gives(self, lesson: str, handout: str) -> bool:
        return lesson == self.held.giver(handout).lesson

    async def _give(self, paper: Paper, end: BulkEnd | None) -> None:  # noqa: C901 - one an error
        one, folder = paper.document, self.held.folder
        try:
            lying = await self._lying(one, folder)
            found = lying is not None
            if lying is None:
                lying = await self._bring(paper, folder, end)
        except Away:
            self._waits(one)
        except TryAgain as again:
            await asyncio.sleep(again.after_seconds)
        except DiskFull as error:
            self._failed(one.handout, error.reason, free_bytes=error.has)
        except (MaterialError, Unreadable) as error:
            self._failed(one.handout, error.reason)
        except Malformed:
            self._failed(one.handout, "not-whole")
        else:
            if lying is not None:
                self._arrived(one.handout, folder, lying, found=found)

    async def _bring(self, paper: Paper, folder: str, end: BulkEnd | None) -> Lying | None:
        """Fetch it where that is to be done, and lay it there; None once it was withdrawn."""
        one = paper.document
        if end is not None:
            await end.fetch(
                one.document, self._library, size=one.size, progress=self._progress(paper)
            )
        if self.held.of(one.handout) is None:
            return None
        keep = self._is_offered(one.document)
        return await self._folders.place(self._library, folder, one, keep=keep)

    async def _lying(self, one: Document, folder: str) -> Lying | None:
        """Look whether it lies with the pupil: given before, or by a kill."""
        if not self._folders.there:
            return None
        lying = await self._folders.lying(self._library, folder, one)
        if lying is not None and not self._is_offered(one.document):
            await self._makings.in_bulk(self._library.drop, one.document)
        return lying

    def _waits(self, one: Document) -> None:
        """Keep what nobody is here for: it is given to who logs in."""
        paper = self.held.of(one.handout)
        if paper is not None:
            self._put(replace(paper, state="wanted", have=one.size, reason=NO_SEAT))
            if self._folders.there:  # somebody came as it was laid by
                self._do(self._give_waiting)

    async def _give_waiting(self) -> None:
        """Give what has come while nobody was here; what is not whole is fetched by a link."""
        for paper in self.held.lacking():
            one = paper.document
            if paper.reason != NO_SEAT or one.document in self._fetching:
                continue
            if not self._folders.there:
                return
            if await self._makings.in_bulk(self._library.holds, one.document):
                await self._fetch(paper, None)
            else:
                self._put(Paper(one))
                self._wanted.set()

    def _progress(self, paper: Paper) -> Callable[[int], None]:
        loop = asyncio.get_running_loop()
        due = loop.time()

        def moved(have: int) -> None:
            nonlocal due
            now = self.held.of(paper.document.handout)
            if now is None:
                if not self.held.wants(paper.document.document):
                    raise Withheld("withdrawn on its way")
                return
            self._put(replace(now, state="fetching", have=have), tell=loop.time() >= due)
            if loop.time() >= due:
                due = loop.time() + REPORT_SECONDS

        moved(paper.have)
        return moved

    def _arrived(self, handout: str, folder: str, lying: Lying, *, found: bool) -> None:
        paper = self.held.of(handout)
        if paper is None:  # withdrawn while it was placed
            if not found:
                self._do(partial(self._remove_quietly, folder, lying))
            return
        paper = replace(
            paper,
            state="arrived",
            name=lying.name,
            hash=lying.hash,
            reason="",
            found=found,
            whose=lying.whose,
        )
        self._put(paper)
        self._voice.note(
            "hand-out",
            {
                "handout": handout,
                "hash": lying.hash.hex(),
                "lesson": self.held.giver(handout).lesson,
            },
            lying.name,
        )
        self._voice.changed()
        self._tell_bar()
        if self._folders.there and lying.whose != self._folders.whose:
            self.seat_came()  # another one sat down meanwhile
        elif not lying.readable:
            self._put(replace(paper, state="failed", reason="unreadable"))
        elif paper.document.open:
            self._open(paper)

    def _cut(self, handout: str) -> None:
        """Ask for another lane where this one ended before the document did."""
        paper = self.held.of(handout)
        if paper is not None and paper.state == "fetching":
            self._put(replace(paper, state="wanted"))

    def _failed(self, handout: str, reason: str, free_bytes: int = 0) -> None:
        paper = self.held.of(handout)
        if paper is not None:
            self._put(replace(paper, state="failed", reason=reason, free_bytes=free_bytes))
            self._voice.note("hand-out-failed", {"handout": handout, "why": reason})

    def seat_came(self) -> None:
        """Give and open what came while nobody sat here, or what the seat before had not opened.

        What lies with another user of the device is given to this one anew.
        """
        self._opening.clear()
        before, self.held = self.held, sat(self.held, self._folders.whose)
        if self.held != before:
            self._voice.changed()
            for paper in self.held.papers:
                self._voice.all(report_of(self.held, paper))
        self._tell_bar()
        self._do(self._give_waiting)
        self._wanted.set()
        if self.held.leaving(whose=self._folders.whose):
            self._do(self._take_back)
        for paper in self.held.papers:
            if paper.state == "arrived" and paper.document.open:
                self._open(paper)

    def opened(self, opened: Opened) -> None:
        paper = self.held.of(self._opening.pop(opened.id, ""))
        if paper is not None and paper.arrived:
            reason = "cannot-open" if opened.reason else ""
            self._put(replace(paper, state="failed" if reason else "opened", reason=reason))
            self._voice.changed()

    def _open(self, paper: Paper) -> None:
        if not self._folders.there:
            return
        id_ = f"paper-{next(self._numbers)}"
        if self._voice.seat(OpenFile(id_, str(self.folder / paper.name))):
            self._opening[id_] = paper.document.handout
        while len(self._opening) > _OPEN_MAX:
            self._opening.popitem(last=False)

    def _put(self, paper: Paper, *, tell: bool = True) -> None:
        self.held = changed(self.held, paper)
        if tell:
            self._voice.all(report_of(self.held, paper))

    # Withdrawn hand-outs

    async def _take_back(self) -> None:
        """Remove our copies of what was withdrawn before anybody opened it; say what became."""
        withheld = set[str]()
        while paper := self.held.leaving(withheld, self._folders.whose):
            folder = paper.folder or self.held.folder
            try:
                whole = await self._folders.take_back(folder, paper.name, paper.hash)
            except Away:
                return  # it is taken back when its pupil is here
            except (OSError, Unreadable, DiskFull):
                withheld.add(paper.document.handout)
                continue
            self.held = taken_back(self.held, paper, whole=whole)
            self._voice.changed()
            now = next((row for row in self.held.gone if row.document == paper.document), None)
            if now is not None and self.held.is_settled(now):  # else handed out again meanwhile
                self._voice.all(report_of(self.held, now))
                self._voice.note(
                    "hand-out-withdrawn", {"handout": now.document.handout, "state": now.state}
                )
        if self._later_back:
            self._later_back.cancel()
        if withheld:
            loop = asyncio.get_running_loop()
            self._later_back = loop.call_later(AGAIN_SECONDS, self._do, self._take_back)

    async def _remove_quietly(self, folder: str, lying: Lying) -> None:
        with suppress(OSError, DeviceError):
            await self._folders.take_back(folder, lying.name, lying.hash)

    def _let_go(self, document: bytes) -> None:
        """Drop from the library what no hand-out is of any more, unless it is offered back."""
        offered = self._is_offered(document)
        if not (self.held.wants(document) or offered or document in self._fetching):
            self._later(document)

    # Hand-ins

    def hand_in_asked(self, link: Link, asked: HandInAsked) -> None:
        ends_at = self._makings.clock.boot() + asked.deadline_seconds
        # Told again, it is offered again: what was offered may have been lost with its link.
        again = self._commands.is_done(asked.id)
        if not self._commands.begin(link, asked.id, ends_at) and not again:
            return
        if self._jobs.full():
            self._commands.end(asked.id, "refused", BUSY)
            return
        self._jobs.put_nowait(lambda: self._offer(link, asked))

    async def _offer(self, link: Link, asked: HandInAsked) -> None:
        declared, folder = self._presence.held.declared, self._presence.hand_in()
        on = self._presence.lessons
        known = declared is not None and asked.lesson in {declared.lesson, *on}
        if folder is None or not known:
            self._commands.end(asked.id, "refused", NO_LESSON)
            return
        try:
            gathered = await self._folders.gather(self._library, folder.name, asked)
        except Away:
            self._commands.end(asked.id, "failed", NO_SEAT)
            return
        except (OSError, Unreadable, DiskFull):
            self._commands.end(asked.id, "failed", "unreadable")
            return
        documents = {file.document for file in gathered.files}
        # One ticket a teacher: an older one's papers are offered no more.
        others = {one: theirs for one, theirs in self._offered.items() if one in on}
        self._offered = others | {asked.lesson: documents}
        link.send(HandInOffered(asked.id, gathered.files, gathered.left_out))
        self._commands.end(asked.id, "done")
        facts = {"id": asked.id, "files": len(gathered.files), "lesson": asked.lesson}
        self._voice.note("hand-in-offered", facts)

    def hand_in_taken(self, link: Link, taken: HandInTaken) -> None:
        """Let go of copies that the app holds; the pupil's own files stay."""
        lacking = {row.document.document for row in self.held.lacking()}
        offered = self._offered.get(author_of(link).lesson, set())
        for document in offered.intersection(taken.documents) - lacking:
            offered.discard(document)
            if not self._is_offered(document):
                self._later(document)
        self._voice.note("hand-in-taken", {"id": taken.id, "files": len(taken.documents)})

    def _later(self, document: bytes) -> None:
        async def drop() -> None:
            with suppress(OSError):
                await self._makings.in_bulk(self._library.drop, document)

        self._do(drop)

    def _do(self, job: Callable[[], Awaitable[object]]) -> None:
        """Do it after what waits; where too much waits, the next start finds what is left."""
        if not self._jobs.full():
            self._jobs.put_nowait(job)

    def _is_offered(self, document: bytes) -> bool:
        return any(document in documents for documents in self._offered.values())

    def _may(self, link: Link, document: bytes) -> bool:
        """Decide, in a worker thread, whether this link may have `document`."""
        return document in self._offered.get(author_of(link).lesson, ())
