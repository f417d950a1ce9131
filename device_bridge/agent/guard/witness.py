"""The second witness: signs how far this device's journal goes, and keeps what teachers signed.

A teacher's app shows its own head at a lesson's end and hears this device's, with an account of the
lesson. Both go on to the central side, each by whoever meets it first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NoReturn, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.heads import TOLD_MAX, Account, Head, Mark, SignedHead, after, fault_of
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.enrolled import Enrolment
from device_bridge.agent.guard.journal import Entry, entries_of, marks_at, newest_count
from device_bridge.agent.guard.ports import Link
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.errors import Broken, NotAllowed
from device_bridge.protocol.journal import HeadAsked, HeadTold
from device_bridge.trust.heads import read_head, sign_head
from device_bridge.trust.identity import write_private

log = logging.getLogger(__name__)
WAITING_MAX: Final = 4
"""Apps that wait for a head; more than links can be. Who asks faster is not answered."""
OWN_MAX: Final = 4
"""Own heads that wait for the central side: one a lesson, the newest."""
TEACHERS_MAX: Final = 16
"""Teachers' journals of which the newest head is kept."""


class OffLoop(Protocol):
    async def __call__(self, work: Callable[..., Any], *args: object) -> Any: ...  # noqa: ANN401


class Shown(Struct, frozen=True):
    """A head as it is kept. `told`: the central side has answered it."""

    signed: SignedHead
    head: Head
    told: bool = False


class HeadsKept(Struct, frozen=True):
    """`heads.json`: own heads, the newest last, and the newest of each teacher's journal."""

    own: tuple[Shown, ...] = ()
    teachers: tuple[Shown, ...] = ()


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_heads: Final = msgspec.json.Decoder(HeadsKept)


class Witness:
    """`asked` returns at once; `run` answers until cancelled. Without an enrolment it is silent."""

    def __init__(
        self,
        folder: Folder,
        voice: Voice,
        off_loop: OffLoop,
        write_notes: Callable[[], Awaitable[None]],
    ) -> None:
        self._folder, self._voice = folder, voice
        self._off_loop, self._write_notes = off_loop, write_notes
        self._asked = asyncio.Queue[tuple[Link, HeadAsked]](WAITING_MAX)
        self._turn = asyncio.Lock()
        self._enrolment: Enrolment | None = None
        self._now: Callable[[], float] = float

    def introduce(self, enrolment: Enrolment, now: Callable[[], float]) -> None:
        """Say whose journal it is; `now` is the time floor, UTC seconds."""
        self._enrolment, self._now = enrolment, now

    def asked(self, link: Link, message: HeadAsked) -> None:
        if not self._asked.full():
            self._asked.put_nowait((link, message))

    async def run(self) -> NoReturn:
        while True:
            link, message = await self._asked.get()
            try:
                await self._answer(link, message)
            except (OSError, Broken) as error:
                log.info("no head told", extra={"why": type(error).__name__})

    async def waiting(self, central_count: int, limit: int) -> tuple[SignedHead, ...]:
        """Return what the central side has not answered yet; a fresh own head where it is behind.

        `central_count`: how far the newest own head goes that it holds.
        """
        if self._enrolment is None:
            return ()
        await self._write_notes()
        async with self._turn:
            kept: HeadsKept = await self._off_loop(self._caught_up, self._enrolment, central_count)
        newest, *older = (*kept.own[::-1], None)
        rows = [row for row in (*older, *kept.teachers) if row and not row.told]
        # A central side that was restored is told again what it knew before.
        if newest and (not newest.told or central_count < newest.head.newest.count):
            rows.insert(0, newest)
        return tuple(row.signed for row in rows[:limit])

    async def answered(self, heads: Sequence[SignedHead]) -> None:
        """Note that the central side has answered these heads, kept or refused."""
        if heads:
            async with self._turn:
                await self._off_loop(self._mark_told, {one.head for one in heads})

    async def _answer(self, link: Link, message: HeadAsked) -> None:
        if self._enrolment is None:
            return
        async with self._turn:
            theirs: Shown | None = await self._off_loop(self._take, self._enrolment, message)
            await self._write_notes()
            told = (message.lesson, message.held, theirs.head if theirs else None)
            own: Shown = await self._off_loop(self._sign, self._enrolment, *told)
            await self._off_loop(self._keep, own, theirs)
        link.send(HeadTold(own.signed.head, own.signed.certificate))

    def _take(self, enrolment: Enrolment, message: HeadAsked) -> Shown | None:
        """Read a teacher's head; note where it does not go on from what was signed before."""
        signed = SignedHead(message.head, message.certificate)
        try:
            head = read_head(signed, enrolment.school, "teacher")
        except NotAllowed as error:
            log.info("head not taken", extra={"why": error.why})
            return None
        kept = read_heads(self._folder).teachers
        before = next((row.head for row in kept if row.head.journal == head.journal), None)
        if fault := fault_of(before, head):
            facts = {"code": fault, "teacher": head.party, "count": head.newest.count}
            self._voice.note("head-refused", facts)
        return Shown(signed, head)

    def _sign(
        self, enrolment: Enrolment, lesson: str, earlier_count: int, beside: Head | None = None
    ) -> Shown:
        newest = newest_count(self._folder)
        last = read_heads(self._folder).own[-1:]
        marks = marks_at(self._folder, {newest, earlier_count})
        account = account_of(entries_of(self._folder, lesson), beside) if lesson else None
        head = Head(
            school=enrolment.school.id,
            role="device",
            party=enrolment.device,
            journal=enrolment.device,
            newest=marks.get(newest, Mark()),
            earlier=marks.get(earlier_count, Mark()),
            lesson=lesson,
            issued_at=after(last[0].head if last else None, int(self._now())),
            account=account,
        )
        return Shown(sign_head(head, enrolment.identity), head)

    def _keep(self, own: Shown, theirs: Shown | None) -> None:
        kept = read_heads(self._folder)
        # An older head of the same lesson says nothing that the newer one does not.
        rest = [row for row in kept.own if row.head.lesson != own.head.lesson]
        kept = replace(kept, own=(*rest, own)[-OWN_MAX:])
        if theirs is not None:
            kept = replace(kept, teachers=_newest(kept.teachers, theirs))
        write_private(self._folder.heads, msgspec.json.encode(kept))

    def _caught_up(self, enrolment: Enrolment, central_count: int) -> HeadsKept:
        kept = read_heads(self._folder)
        newest = max((row.head.newest.count for row in kept.own), default=0)
        # A journal that became shorter is signed as well: the other witness then sees it.
        if newest_count(self._folder) != newest or central_count > newest:
            self._keep(self._sign(enrolment, "", central_count), None)
        return read_heads(self._folder)

    def _mark_told(self, tokens: set[str]) -> None:
        kept = read_heads(self._folder)

        def marked(rows: tuple[Shown, ...]) -> tuple[Shown, ...]:
            return tuple(replace(r, told=r.told or r.signed.head in tokens) for r in rows)

        told = HeadsKept(marked(kept.own), marked(kept.teachers))
        write_private(self._folder.heads, msgspec.json.encode(told))


def account_of(mine: Sequence[Entry], beside: Head | None) -> Account:
    """Gather what a lesson's entries tell; the newest of what is too much for a head."""
    locks = _distinct(e.facts.get("version", 0) for e in mine if e.kind == "attention-locked")
    handouts = _distinct(e.facts.get("handout", "") for e in mine if e.kind == "hand-out")
    given = (e for e in mine if e.kind == "hand-in-offered" and e.facts.get("files"))
    tickets = _distinct(e.facts.get("id", "") for e in given)
    return Account(
        beside=beside.journal if beside else "",
        until=beside.newest.count if beside else 0,
        locks=tuple(int(one) for one in locks[-TOLD_MAX:]),
        looks=sum(e.kind == "look-close" for e in mine),
        stills=sum(e.kind == "still" for e in mine),
        handouts=tuple(str(one) for one in handouts[-TOLD_MAX:]),
        tickets=tuple(str(one) for one in tickets[-TOLD_MAX:]),
        more=max(len(locks), len(handouts), len(tickets)) > TOLD_MAX,
    )


def read_heads(folder: Folder) -> HeadsKept:
    """Read `heads.json`; a spoilt one is as none, for others hold the same heads."""
    try:
        return _heads.decode(read_kept(folder.heads) or b"{}")
    except (ValueError, RecursionError):
        return HeadsKept()


def _newest(rows: tuple[Shown, ...], shown: Shown) -> tuple[Shown, ...]:
    """Put a journal's newest head last; one with a fault stands beside what it contradicts."""
    rest = [row for row in rows if row.head.journal != shown.head.journal]
    mine = [row for row in rows if row.head.journal == shown.head.journal]
    if mine and fault_of(mine[0].head, shown.head):
        mine = [mine[0], shown]
    elif not mine or shown.head.newest.count >= mine[0].head.newest.count:
        mine = [shown]
    return (*rest, *mine)[-TEACHERS_MAX:]


def _distinct(values: Iterator[str | int]) -> list[str | int]:
    return list(dict.fromkeys(values))
