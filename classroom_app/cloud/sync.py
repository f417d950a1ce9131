"""The exchange with the central side: pull the roster, push the journal, push collected work.

Nothing of a lesson waits for it. What is refused never holds up what comes after, an answer lost
on the way costs a repetition (the server replays its answer), and a server that is away costs a
pause that grows.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal, NoReturn, Protocol

from msgspec import Struct
from msgspec.structs import replace

from central_mdm.contract.heads import HEADS_MAX, HeadsHeard, HeadsTold, SignedHead
from central_mdm.contract.journal import BATCH_MAX, SEQUENCE_TAKEN, Event, Outcome, Pushed
from central_mdm.contract.partage import FILES_ASKED_MAX, FilesAsked
from central_mdm.contract.roster import OWN_SCOPE, Changes, Scopes
from classroom_app.cloud.errors import (
    CloudError,
    NotAServer,
    NotSignedIn,
    ObjectsUnreachable,
    Refused,
    ServerBusy,
    Unreachable,
)
from classroom_app.cloud.files import NO_ROOM, OF_THE_WAY, Files, Held, Sending, TakesFiles
from classroom_app.cloud.line import Line
from classroom_app.cloud.ports import SyncStore
from classroom_app.cloud.trust import AsksTrust, trust_since
from classroom_app.domain.errors import NotKept

log = logging.getLogger(__name__)
Why = Literal[
    "",
    "not-tried",
    "unreachable",
    "try-again",
    "not-kept",
    "not-signed-in",
    "refused",
    "no-room",
    "storage",
    "portal",
    "certificate",
    "clock",
    "https",
    "not-a-server",
    "server-fault",
    "own-fault",
    "no-server",
]

Part = Callable[[], Awaitable[None]]

IN_STEP_SECONDS: Final = 60.0
SOON_SECONDS: Final = 5.0
TURNS_UNSUMMED: Final = 30
"""So seldom is a scope summed whose end is where it was: that it is wrong would be our fault.

So seldom is asked as well for work after which no act was taken."""
COUNT_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 300.0
# Who signs in at a portal changes no address: nothing but a try tells that the way is free.
PORTAL_SECONDS_MAX: Final = 20.0
PAGES_MAX: Final = 1000
# A batch is also bound by bytes, for bodies of 16 KiB times 200 are too much for a bad line.
BATCH_BYTES_MAX: Final = 512 * 1024

# Refusals of a request as a whole that may be the fault of one event in it.
OF_THE_BATCH: Final = frozenset({"too-large", "malformed"})
# What may be in the way of works alone: all else goes on.
OF_WORKS: Final[frozenset[Why]] = frozenset(
    {"storage", "no-room", "refused", "not-kept", "not-a-server", "server-fault"}
)
OF_AN_OLDER_ONE: Final = frozenset({"no-such-path", "no-such-method"})
"""Refusals by a central side that does not know yet what is asked of it."""


class SyncState(Struct, frozen=True):
    """How the exchange stands. `in_step_at`: UTC seconds when all was last exchanged; 0: never.

    `why`: what is in the way; "not-tried": no turn since this start has come that far.
    `restored`: the central side had gone back, and is given again what it lost. `doubts` counts
    its alarms: two witnesses of a lesson differ, or a journal is not what was signed of it.
    `held`: why collected work waits in spite of a server that is there. `tried_at`, `again_at`:
    UTC seconds of the last turn, and of the next one by itself, where the last one failed; else 0.
    """

    in_step_at: float = 0.0
    waiting: int = 0
    refused: int = 0
    why: Why = ""
    busy: bool = False
    restored: bool = False
    doubts: int = 0
    sending: Sending = Sending()
    held: Held = ""
    tried_at: float = 0.0
    again_at: float = 0.0

    @property
    def in_step(self) -> bool:
        """Whether the last turn left nothing to do, and nothing came since."""
        return bool(self.in_step_at) and not (self.why or self.busy or self.waiting)


class TakesTrust(Protocol):
    """Whoever keeps what the school has signed for everybody."""

    def deny_list_number(self) -> int: ...
    def deny_list(self) -> str:
        """Return the list itself, as the school has signed it."""
        ...

    def epoch(self) -> int:
        """Tell how many successions of the school's root are here."""
        ...

    async def follow(self, successions: tuple[str, ...]) -> None:
        """Keep the school's new root and carry it on; what its standby has not said is logged."""
        ...

    async def deny(self, deny_list: str) -> None:
        """Keep a newer deny list and carry it on; one that is not the school's is logged."""
        ...


class Central(TakesFiles, AsksTrust, Protocol):
    """The part of `Cloud` that the sync needs."""

    async def scopes(self) -> Scopes: ...
    async def changes(self, scope: str, cursor: str) -> Changes: ...
    async def push(self, events: tuple[Event, ...], after: int = 0) -> Pushed: ...
    async def tell_heads(self, told: HeadsTold) -> HeadsHeard: ...


async def carry_nothing() -> None:
    """Carry for nobody."""


class Sync:
    """Runs turns: at once when woken, else when the central side says, else after growing pauses.

    `changed` hears each new `SyncState`. `jitter` draws from 0.0 to 1.0 (full jitter). `carry`
    exchanges what devices tell and are told by this app; it raises a CloudError.
    """

    def __init__(  # noqa: PLR0913 - what passes by here, and who hears of it
        self,
        cloud: Central,
        store: SyncStore,
        takes: TakesTrust,
        changed: Callable[[SyncState], None],
        now: Callable[[], float],
        jitter: Callable[[], float] = random.random,
        *,
        carry: Callable[[], Awaitable[None]] = carry_nothing,
        line: Line | None = None,
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._takes = takes
        self._changed = changed
        self._now = now
        self._jitter = jitter
        self._carry = carry
        self._woken = asyncio.Event()
        self._stirred = asyncio.Event()
        self._turn, self._beside = asyncio.Lock(), asyncio.Lock()
        self._line = line or Line()
        self._files = Files(cloud, store, self._line, self._count, self._said_of_files, jitter)
        self._sending = False
        self._whole: dict[str, str] = {}
        """By scope: the cursor with which its sum was right, when it was last asked for."""
        self._skipped = 0
        self._unasked = 0
        self._next_seconds = IN_STEP_SECONDS
        self._sent_again = ""
        """The new id of this journal by which the central side had nothing, and was sent all.

        Where it had answered each act before, it has nothing by it until the next act.
        """
        self._small_problem: CloudError | None = None
        """What some of the small things met last; beside works they may have gone since."""
        self._works_problem: CloudError | NotKept | None = None
        self._of_works = False
        """Whether what is in the way is in that of works alone."""
        self.state = SyncState(in_step_at=store.in_step_at(), why="not-tried")

    def wake(self) -> None:
        """Ask for a turn soon: something waits, or the network came back."""
        self._files.look()
        self._woken.set()
        self._stirred.set()

    def written(self) -> None:
        """Note that something new waits; it goes out within seconds where the school is there."""
        self._stirred.set()

    def go_on(self) -> None:
        """Ask for a turn by what the store says since a sign-in, maybe of another server."""
        self._say(replace(self.state, in_step_at=self._store.in_step_at()))
        self.wake()

    def stop_files(self) -> None:
        """End the sending of collected work after the chunk that is under way, for an hour."""
        self._files.stop()
        self._said_of_files(self.state.sending, "stopped")

    def send_files(self) -> None:
        """Send the collected work that waits, though the network is paid for or it was stopped."""
        self._files.insist()
        self.wake()

    async def run(self) -> NoReturn:
        """Take turns until cancelled; tell first what waits: the first one may take its time."""
        with suppress(NotKept):  # the turn tells
            await self._count()
        self._changed(self.state)
        failures, works_at = 0, 0.0
        while True:
            waits = self._works_alone_wait() and _seconds() < works_at
            files = self._woken.is_set() or not waits
            self._woken.clear()
            try:
                await self.once(files=files)
                pause, failures = self._next_seconds, 0 if files else failures
                if files:  # works that still wait are sent by somebody else
                    works_at = _seconds() + pause
            except (CloudError, NotKept) as error:
                failures = failures + 1 if files else 1
                pause, floor = self._pause(error, failures)
                self._say(replace(self.state, again_at=self._now() + pause))
                # Whoever asks to be left alone is, even by a wake.
                await asyncio.sleep(floor)
                pause = max(0.0, pause - floor)
                works_at = _seconds() + pause
            if self._works_alone_wait():
                pause = min(self._next_seconds, max(0.0, works_at - _seconds()))
            await self._rest(pause)

    def _works_alone_wait(self) -> bool:
        """Say whether all but works goes on; where it is reading them back, new ones go as well."""
        return self._of_works and self.state.why != "storage"

    async def _rest(self, pause: float) -> None:
        """Wait until woken or for `pause` seconds; what is written meanwhile is counted.

        Where nothing but works is kept from going, it also shortens the pause: a lesson reaches the
        school while it runs.
        """
        now = asyncio.get_running_loop().time
        until = now() + pause
        while not self._woken.is_set():
            try:
                async with asyncio.timeout_at(until):
                    await self._stirred.wait()
            except TimeoutError:
                return
            self._stirred.clear()
            with suppress(NotKept):  # the next turn tells
                await self._count()
            if self.state.why in {"", "storage"} or self._of_works:
                until = min(until, now() + SOON_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(COUNT_SECONDS):
                    await self._woken.wait()

    async def once(self, *, files: bool = True) -> None:
        """Take one whole turn, for "Sync now". Raises what ended it: a CloudError, or NotKept.

        While one sends files, which may take an hour, only what is small is exchanged beside it.
        Without `files` none is sent: for who waits for the roster.
        """
        if self._sending:
            async with self._beside:
                await self._exchange(files=False)
            return
        async with self._turn, self._told():
            self._stirred.clear()  # what is written from now on may come too late for this turn
            await self._exchange(files=files)

    def _small(self) -> tuple[Part, ...]:
        """Return the small parts of a turn in their order: what keeps people out before all."""
        before = (self._trust, self._look_back, self._push_events, self._push_heads)
        return (*before, self._pull, self._look_for_work, self._carry)

    async def _exchange(self, *, files: bool) -> None:
        """Exchange what is small, then the files, which may take an hour.

        Work goes out even where the roster cannot come in, and the other way round.
        """
        self._small_problem = await self._problem_of(self._small())
        if self._small_problem is None:
            self._went()
        of_files = await self._problem_of((self._push_files,)) if files else None
        if problem := self._small_problem or of_files:
            raise problem

    async def _problem_of(self, parts: tuple[Part, ...]) -> CloudError | None:
        """Take each of these parts; return what kept the first that did not go through."""
        problem: CloudError | None = None
        for part in parts:
            try:
                await part()
            except (Refused, NotAServer) as error:
                if _word(error) in OF_THE_WAY:
                    raise  # it answers everything, and nothing of ours goes through
                problem = problem or error
        return problem

    def _went(self) -> None:
        """Say that the school is there; what is in the way of works alone stays until they go."""
        if not self._of_works:
            self._say(replace(self.state, why="", tried_at=0.0, again_at=0.0))

    @asynccontextmanager
    async def _told(self) -> AsyncGenerator[None]:
        self._say(replace(self.state, busy=True))
        begun, before, failed = _seconds(), self.state.waiting, ""
        try:
            yield
            self._went()
            await self._count()
            await self._note_in_step()
        except (CloudError, NotKept) as error:
            why, failed = _word(error), _reason(error)
            if why != self.state.why:
                log.info("sync waits", extra={"why": why})
            self._of_works = error is self._works_problem and why in OF_WORKS
            self._say(replace(self.state, why=why, tried_at=self._now()))
            await self._count()
            raise
        except Exception:  # a bug: it is said, and raised to whoever logs it
            self._of_works, failed = False, "own-fault"
            self._say(replace(self.state, why="own-fault", tried_at=self._now()))
            raise
        finally:
            self._say(replace(self.state, busy=False))
            self._note(before, begun, failed)

    async def _note_in_step(self) -> None:
        """Keep that all was exchanged now, unless some of it waits on."""
        if self.state.waiting or self.state.why:
            return
        self._say(replace(self.state, in_step_at=self._now()))
        with suppress(NotKept):  # said it is all the same
            await self._store.keep_in_step(self.state.in_step_at)

    def _note(self, before: int, begun: float, failed: str) -> None:
        """Write the turn's line into the log: counts and words of ours, nobody's name."""
        took = {"waited": before, "waiting": self.state.waiting, "refused": self.state.refused}
        took["ms"] = round(1000 * (_seconds() - begun))
        took["bytes_per_second"] = round(self._line.bytes_per_second)
        log.info("sync turn", extra={**took, "failed": failed, "held": self.state.held})

    async def _trust(self) -> None:
        """Bring what the school has signed for everybody; teachers carry it to the devices."""
        takes = self._takes
        trust = await trust_since(
            self._cloud, takes.deny_list_number(), takes.deny_list(), takes.epoch()
        )
        if trust.successions:
            await self._takes.follow(trust.successions)
        if trust.deny_list:
            await self._takes.deny(trust.deny_list)

    async def _pull(self) -> None:
        told = await self._cloud.scopes()
        self._next_seconds = told.next_seconds or IN_STEP_SECONDS
        await self._store.keep_scopes(told.scopes)
        ends = dict(zip(told.scopes, told.cursors, strict=False))  # an older server tells none
        self._skipped = (self._skipped + 1) % TURNS_UNSUMMED
        for scope in told.scopes:
            _, here = await self._store.cursor(scope)
            nothing_new = here and here == ends.get(scope) == self._whole.get(scope)
            if not (nothing_new and self._skipped):
                self._whole[scope] = await self._pull_scope(scope)

    async def _pull_scope(self, scope: str) -> str:
        """Pull one scope to its end, and return the cursor there.

        One whose sum differs is pulled afresh, once a turn. Raises NotAServer.
        """
        afresh = False
        for _ in range(PAGES_MAX):
            epoch, cursor = await self._store.cursor(scope)
            page = await self._cloud.changes(scope, cursor)
            if epoch and page.epoch != epoch and scope.startswith(OWN_SCOPE):
                await self._doubt_work()  # before the new epoch is kept: a crash hides nothing
            total = "" if page.has_more else page.checksum
            if not await self._store.apply(
                scope, page.epoch, page.changes, page.cursor, page.count, total
            ):
                log.info("scope doubted", extra={"scope": scope})
                if afresh:
                    raise NotAServer("checksum")
                afresh = True
            elif not page.has_more:
                return page.cursor
            elif page.cursor == cursor:
                break  # it goes on nowhere: a central side of before says no cursor
        raise NotAServer("endless")

    async def _doubt_work(self) -> None:
        """Offer all work anew that is here: who was set back may have an act and not its file."""
        self._sent_again = ""
        self._files.doubt()
        if doubted := await self._store.doubt_work():
            log.warning("the central side is asked for its files", extra={"files": doubted})

    async def _push_events(self) -> None:
        """Push what waits of the journal.

        Where the central side has other events of it, this store was put back from a copy, or two
        computers go on with it: what waits is then a journal of its own, once a turn.
        """
        limit, anew = BATCH_MAX, False
        while events := await self._store.waiting_events(limit):
            batch = _within(events, BATCH_BYTES_MAX)
            try:
                pushed = await self._cloud.push(batch, self._store.after)
            except Refused as error:
                if error.code not in OF_THE_BATCH:
                    raise
                if len(batch) == 1:
                    pushed = Pushed((Outcome(batch[0].id, "refused", error.code),))
                    limit = BATCH_MAX  # it was this one
                else:
                    limit = 1  # one of them spoils the batch: let each stand for itself
                    continue
            if {outcome.id for outcome in pushed.outcomes} != {event.id for event in batch}:
                raise NotAServer("answers")
            forked = _forked(batch, pushed) if not anew else None
            if forked is not None:
                log.warning("the journal goes on under another id", extra={"after": forked})
                await self._store.go_on_anew(forked)
                anew = True
                continue
            await self._store.settled(pushed.outcomes)
            await self._count()

    async def _look_back(self) -> None:
        """Ask whether the central side still has what it had taken, before anything new goes.

        One that was restored from a backup does not, and a new event would hide it. What it lost
        goes again, each event under its id, so what it still has is not doubled. Nothing is rolled
        back here.
        """
        if self.state.waiting or await self._store.waiting_count():
            if await self._store.waiting_events(1):
                self._sent_again = ""
            await self._tell_heads(())

    async def _push_heads(self) -> None:
        """Carry signed heads, after the events that they are of."""
        while await self._tell_heads(await self._store.waiting_heads(HEADS_MAX)):
            pass

    async def _tell_heads(self, heads: tuple[SignedHead, ...]) -> bool:
        """Tell some heads, maybe none; return whether more may wait."""
        try:
            heard = await self._cloud.tell_heads(HeadsTold(self._store.origin, heads))
        except Refused as error:
            if error.code in OF_AN_OLDER_ONE:
                return False
            raise
        if len(heard.outcomes) != len(heads):
            raise NotAServer("answers")
        await self._store.heads_told(heads)
        for code in {outcome.code for outcome in heard.outcomes if outcome.code}:
            log.warning("head refused", extra={"why": code})
        await self._hear_of_journals(heard)
        return len(heads) == HEADS_MAX

    async def _hear_of_journals(self, heard: HeadsHeard) -> None:
        if await self._store.alarmed(heard.alarms):
            kinds = " ".join(sorted({alarm.code for alarm in heard.alarms}))
            log.warning("journals differ", extra={"alarms": len(heard.alarms), "kinds": kinds})
        lost = await self._store.lost(heard.held)
        # Of an id that is new here it may only have heard nothing yet.
        known = heard.held > 0 or not self._store.after
        if lost and (known or self._store.origin != self._sent_again):
            log.warning("the central side lacks events", extra={"events": lost})
            await self._doubt_work()  # before the events wait again: a crash hides nothing
            await self._store.unsettle(heard.held)
            origin = self._store.origin
            await self._push_events()
            self._sent_again = origin
        restored = (bool(lost) and known) or self.state.restored
        self._say(replace(self.state, restored=restored, doubts=len(heard.alarms)))

    async def _look_for_work(self) -> None:
        """Ask for kept work of which no act can tell that it is there still.

        A central side that was set back to a moment between the acts and the work lacks none of
        the acts. Asked is after each act that was taken since, at each start, and now and then.
        """
        all_of_them = not self._unasked
        unsure = await self._store.unsure_files(all_of_them=all_of_them)
        lacking = set[str]()
        for start in range(0, len(unsure), FILES_ASKED_MAX):
            asked = unsure[start : start + FILES_ASKED_MAX]
            try:
                told = await self._cloud.lacking(FilesAsked(asked))
            except Refused as error:
                if error.code not in OF_AN_OLDER_ONE:
                    raise
                break
            lacking.update(set(told.ids) & set(asked))
            await self._store.sure_files([each for each in asked if each not in lacking])
        self._unasked = (self._unasked + 1) % TURNS_UNSUMMED
        # Nobody can tell a server that was set back from one that keeps for a shorter time.
        if lacking and (doubted := await self._store.lacking_files(lacking)):
            log.warning("the central side lacks files", extra={"files": doubted})
            self._files.doubt()

    async def _push_files(self) -> None:
        """Push what was collected. No revocation and no journal waits for it meanwhile."""
        self._sending, self._works_problem = True, None
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = tasks.create_task(self._keep_in_step(), name="sync-beside")
                problem = await self._files.push()
                async with self._beside:  # it is in the middle of nothing
                    beside.cancel()
        finally:
            self._sending = False
        self._works_problem, self._of_works = problem, False
        if problem:
            raise problem

    async def _keep_in_step(self) -> NoReturn:
        """Exchange what is small: soon after something was written, else as between turns."""
        pause, floor = self._next_seconds, 0.0
        while True:
            await asyncio.sleep(floor)  # as `run`: whoever asks to be left alone is
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - floor):
                    await self._stirred.wait()
                    await asyncio.sleep(SOON_SECONDS)
            async with self._beside:
                # Not before: where the files end first, `_rest` is to know that something waits.
                self._stirred.clear()
                pause, floor = await self._small_turn()

    async def _small_turn(self) -> tuple[float, float]:
        """Exchange what is small; return the next pause and the part of it that nothing shortens.

        What ends it is no end of the files: it may be of the roster alone. They meet the rest.
        """
        try:
            await self._exchange(files=False)
            await self._count()
        except (CloudError, NotKept) as error:
            log.info("not in step beside the files", extra={"why": _reason(error)})
            floor = error.after_seconds if isinstance(error, ServerBusy) else 0.0
            return IN_STEP_SECONDS + floor, floor
        return self._next_seconds, 0.0

    def _said_of_files(self, sending: Sending, held: Held) -> None:
        self._say(replace(self.state, sending=sending, held=held))

    async def _count(self) -> None:
        waiting, refused = await self._store.waiting_count(), await self._store.refused_count()
        self._say(replace(self.state, waiting=waiting, refused=refused))

    def _say(self, state: SyncState) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)

    def _pause(self, error: CloudError | NotKept, failures: int) -> tuple[float, float]:
        """Return (whole pause, the part of it that no wake shortens), in seconds."""
        longest = _LONGEST.get(_word(error), PAUSE_SECONDS_MAX)
        grown = min(PAUSE_SECONDS * 2.0 ** min(failures, 20), longest)
        pause = max(PAUSE_SECONDS, grown * self._jitter())
        if isinstance(error, ServerBusy) and error.after_seconds:
            return error.after_seconds + pause, error.after_seconds
        return pause, PAUSE_SECONDS


_OF_AN_ANSWER: Final[Mapping[str, Why]] = {
    "portal": "portal",
    "certificate": "certificate",
    "clock": "clock",
    "https": "https",
    # What follows none but our own server could say: all else of the answer was right.
    "checksum": "server-fault",
    "endless": "server-fault",
    "answers": "server-fault",
    "forgets-chunks": "server-fault",
    "another-document": "server-fault",
    "wrong-hash": "server-fault",
}
_LONGEST: Final[Mapping[Why, float]] = {
    "portal": PORTAL_SECONDS_MAX,
    "certificate": PORTAL_SECONDS_MAX,  # a portal that takes what is encrypted as well
    "clock": PORTAL_SECONDS_MAX,  # nor does who sets it tell us
    "storage": IN_STEP_SECONDS,  # all but reading work back goes on
}


def _forked(events: tuple[Event, ...], pushed: Pushed) -> int | None:
    """Return how much of the journal comes before what another event has the place of, or None."""
    taken = {each.id for each in pushed.outcomes if each.reason == SEQUENCE_TAKEN}
    return min((each.sequence - 1 for each in events if each.id in taken), default=None)


def _within(events: tuple[Event, ...], bytes_max: int) -> tuple[Event, ...]:
    """Return the first events that fit, one at least."""
    total = 0
    for number, event in enumerate(events):
        total += len(bytes(event.body)) + 512
        if total > bytes_max and number:
            return events[:number]
    return events


def _seconds() -> float:
    return asyncio.get_running_loop().time()


def _reason(error: CloudError | NotKept) -> str:
    """Name an error for the log, with the short word that it carries."""
    word = getattr(error, "why", "") or getattr(error, "code", "")
    return f"{type(error).__name__} {word}".rstrip()


def _word(error: CloudError | NotKept) -> Why:
    match error:
        case ObjectsUnreachable():
            return "storage"
        case Unreachable():
            return "unreachable"
        case ServerBusy():
            return "try-again"
        case NotKept():
            return "not-kept"
        case NotSignedIn():
            return "not-signed-in"
        case Refused(code=code):
            return "no-room" if code == NO_ROOM else "refused"
        case NotAServer(why=why):
            return _OF_AN_ANSWER.get(why, "not-a-server")
        case _:
            return "not-a-server"
