"""The teacher's side under events in any order: a wall that never lies, a journal that arrives."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from blake3 import blake3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from central_mdm.contract.heads import HeadOutcome, HeadsHeard, HeadsTold
from central_mdm.contract.identity import Trust
from central_mdm.contract.journal import Event, Outcome, Pushed
from central_mdm.contract.partage import FileAnswer, FileOffered, FilesAsked, FilesLacking
from central_mdm.contract.roster import Changes, Scopes
from classroom_app.cloud.errors import CloudError, Refused, Unreachable
from classroom_app.cloud.sync import Sync
from classroom_app.domain import evidence
from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import ASKED_AFTER_SECONDS, LockWanted, Place, tile_of
from classroom_app.domain.tile import State, Tile
from device_bridge.protocol.fields import GONE_SECONDS, PROOF_OLD_SECONDS, STALE_SECONDS
from device_bridge.protocol.hello import Pulse, Report, Superseded, Welcome
from device_bridge.protocol.hello import Refused as RefusedThere
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import Company
from tests.machines import QUICK
from tests.sync_store import MemoryStore, Trusting

PLACE: Final = Place(PupilId("p-1"), DeviceId("dev-1"), "Zoé", 1)
LONG_AGO: Final = -math.inf
HERE: Final = frozenset(State) - {State.NOT_HERE, State.GONE, State.OTHER_NETWORK}


class AnyTile(RuleBasedStateMachine):
    """One tile: whatever a device says and whatever is wished, it shows what is known and no more.

    What is known is written down here by itself: when the device was last heard, last sent a
    picture or said that it still holds, and last proved which lock.
    """

    @initialize()
    def begin(self) -> None:
        self.now, self.seen, self.lock = 1000.0, Evidence(DeviceId("dev-1")), LockWanted()
        self.up, self.frame = False, -1
        self.company, self.told_in_company = False, 0
        self.heard = self.true_picture = LONG_AGO
        self.proofs: dict[int, float] = {}
        self.watching = self.attention = ""

    def hear(self, seen: Evidence) -> None:
        self.seen = seen
        self.heard = self.now

    @rule(boot=st.sampled_from(["boot-1", "boot-2"]))
    def comes(self, boot: str) -> None:
        welcome = Welcome(1, "dev-1", boot, "agent", "linux", bytes(32), bytes(16))
        if boot not in self.seen.boots[-1:]:
            self.watching = self.attention = ""
        self.hear(evidence.came(self.seen, welcome, self.now, 0.0))
        self.up, self.frame, self.company = True, -1, False

    @precondition(lambda self: self.up)
    @rule(why=st.sampled_from(["lost", "silent", "closed"]))
    def goes(self, why: str) -> None:
        self.seen, self.up = evidence.went(self.seen, why, self.now), False

    @precondition(lambda self: self.up)
    @rule(
        back=st.integers(0, 1),
        current=st.booleans(),
        version=st.integers(0, 4),
        age_ms=st.sampled_from([0, 3000, 9000, 20_000]),
    )
    def pulses(self, back: int, current: bool, version: int, age_ms: int) -> None:  # noqa: FBT001
        pulse = Pulse(max(0, self.frame - back), current, version, age_ms)
        self.hear(evidence.pulsed(self.seen, pulse, self.now, 0.0))
        if current and pulse.frame == self.frame:
            self.true_picture = self.now
        if version:
            proved_at = self.now - age_ms / 1000
            self.proofs[version] = max(self.proofs.get(version, LONG_AGO), proved_at)

    @precondition(lambda self: self.up)
    @rule()
    def sends_a_picture(self) -> None:
        self.frame += 1
        frame = Frame(self.frame, 1, 320, 180, 1366, 768, covering(b"x", 320, 180))
        self.hear(evidence.framed(self.seen, frame, self.now))
        self.true_picture = self.now

    @precondition(lambda self: self.up)
    @rule(version=st.integers(1, 4), state=st.sampled_from(["locked", "free", "failed"]))
    def reports_a_lock(self, version: int, state: Any) -> None:  # noqa: ANN401 - one of three words
        before = self.seen.report("attention")
        report = Report("attention", version, state)
        self.hear(evidence.reported(self.seen, report, self.now))
        if before is None or version >= before[0].version:
            self.told_in_company = version if self.company else self.told_in_company
            self.attention = state
            if state == "locked":
                self.proofs[version] = self.now
            else:
                self.proofs.pop(version, None)

    @precondition(lambda self: self.up)
    @rule(version=st.integers(1, 4), state=st.sampled_from(["on", "private", "dark", "failed"]))
    def reports_a_look(self, version: int, state: Any) -> None:  # noqa: ANN401 - one of four words
        before = self.seen.report("watching")
        self.hear(evidence.reported(self.seen, Report("watching", version, state), self.now))
        if before is None or version >= before[0].version:
            self.watching = state

    @precondition(lambda self: self.up)
    @rule(other=st.booleans())
    def will_not(self, other: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        if other:
            told = Superseded("presence", 1, "Omar")
            self.hear(evidence.of_colleagues(self.seen, told, self.now))
            self.company = False
        else:
            no = RefusedThere("lock-declared", "not-allowed", "verb")
            self.hear(evidence.refused(self.seen, no, self.now))

    @precondition(lambda self: self.up)
    @rule(shared=st.booleans())
    def a_colleague_comes_or_goes(self, shared: bool) -> None:  # noqa: FBT001 - handed in
        told = Company(("Omar",) if shared else ())
        self.hear(evidence.of_colleagues(self.seen, told, self.now))
        self.company = shared

    @rule(locked=st.booleans())
    def is_wished(self, locked: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        self.lock = LockWanted(self.lock.version + 1, locked, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 6.0, 11.0, 16.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def no_twin_is_met(self) -> None:
        self.seen = evidence.alone(self.seen, self.now)

    def tile(self) -> Tile:
        return tile_of(PLACE, self.seen, self.lock, others_locked=False, now=self.now)

    def holds(self) -> tuple[int, bool, float]:
        """Return the newest lock, ours or a colleague's who shares the class, and since when."""
        kept = self.seen.report("attention")
        ours = kept is None or not self.lock.version < kept[0].version <= self.told_in_company
        if kept is None or ours or self.seen.overruled:
            return self.lock.version, self.lock.locked, self.lock.since
        return kept[0].version, kept[0].state != "free", kept[1]

    @invariant()
    def who_is_not_heard_is_not_here(self) -> None:
        tile = self.tile()
        if not self.up or self.now - self.heard > GONE_SECONDS:
            assert tile.state not in HERE
            assert not tile.held
            assert not tile.free

    @invariant()
    def a_picture_is_live_only_while_the_screen_is_known_to_show_it(self) -> None:
        if self.tile().state is State.LIVE:
            assert self.now - self.true_picture <= STALE_SECONDS
            assert self.watching in {"", "on"}

    @invariant()
    def a_lock_is_a_proof_of_its_own_version(self) -> None:
        tile = self.tile()
        if tile.held:
            version, locked, _ = self.holds()
            proved_at = self.proofs.get(version, LONG_AGO)
            assert locked
            assert self.now - proved_at <= PROOF_OLD_SECONDS + 1e-6
            assert self.seen.twin_at is None
        if tile.state is State.LOCKED and not tile.held:
            assert self.now - self.holds()[2] < ASKED_AFTER_SECONDS
            assert self.attention == "locked"

    @invariant()
    def free_is_the_devices_own_last_word(self) -> None:
        tile = self.tile()
        if tile.free:
            version, locked, _ = self.holds()
            assert not tile.held
            assert not locked
            assert not version or self.attention == "free"


class Lossy:
    """A central side that keeps each thing once, behind a line that breaks at some word.

    `breaks`: after so many words; `answered`: whether that word had its effect.
    """

    def __init__(self) -> None:
        self.order: list[str | Event] = []
        """What it has: events, and the works by their ids."""
        self.breaks, self.answered = -1, False
        self.spoilt: set[str] = set()

    def _word(self, done: bool) -> None:  # noqa: FBT001 - before or after the effect
        if not done:
            self.breaks -= 1
        if self.breaks == 0 and done == self.answered:
            self.breaks = -1
            raise Unreachable("cut")

    async def trust(self, deny_list: int, epoch: int) -> Trust:
        del deny_list, epoch
        self._word(False)  # noqa: FBT003 - before
        return Trust()

    async def bring_list(self, deny_list: str) -> None:
        raise AssertionError(deny_list)

    async def scopes(self) -> Scopes:
        self._word(False)  # noqa: FBT003 - before
        return Scopes(())

    async def changes(self, scope: str, cursor: str) -> Changes:
        raise AssertionError((scope, cursor))

    async def push(self, events: tuple[Event, ...], after: int = 0) -> Pushed:
        del after
        self._word(False)  # noqa: FBT003 - before
        if self.spoilt & {one.id for one in events}:
            raise Refused("malformed")
        kept = self.events()
        self.order += [one for one in events if one.id not in kept]
        self._word(True)  # noqa: FBT003 - after
        return Pushed(tuple(Outcome(one.id, "applied") for one in events))

    async def tell_heads(self, told: HeadsTold) -> HeadsHeard:
        self._word(False)  # noqa: FBT003 - before
        held = max((one.sequence for one in self.events().values()), default=0)
        return HeadsHeard(tuple(HeadOutcome() for _ in told.heads), held)

    async def offer_file(self, offered: FileOffered) -> FileAnswer:
        self._word(False)  # noqa: FBT003 - before
        if offered.id not in self.order:
            self.order.append(offered.id)
        self._word(True)  # noqa: FBT003 - after
        return FileAnswer(offered.id, "kept", document=blake3(offered.manifest).hexdigest())

    async def lacking(self, asked: FilesAsked) -> FilesLacking:
        self._word(False)  # noqa: FBT003 - before
        return FilesLacking(tuple(each for each in asked.ids if each not in self.order))

    async def put_chunk(
        self, name: str, content: bytes, gone: Callable[[int], None] = lambda _: None
    ) -> None:
        del name
        gone(len(content))

    async def get_chunk(self, name: str, file: str) -> bytes:
        raise NotImplementedError(name, file)

    def events(self) -> dict[str, Event]:
        return {one.id: one for one in self.order if isinstance(one, Event)}

    def works(self) -> set[str]:
        return {one for one in self.order if isinstance(one, str)}


class AnyExchange(RuleBasedStateMachine):
    """Events and work go to the central side by a line that breaks anywhere; none is lost."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        logging.disable(logging.CRITICAL)  # it warns of what is played here
        self.there, self.store = Lossy(), MemoryStore()
        self.written = self.work = 0
        self.copies = [list[str | Event]()]
        self.starts()

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()
            logging.disable(logging.NOTSET)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    @rule(count=st.integers(1, 5), spoilt=st.booleans())
    def writes(self, count: int, spoilt: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
        for _ in range(count):
            self.written += 1
            self.store.write(self.written)
        if spoilt:
            self.there.spoilt.add(self.store.events[-1].id)

    @rule()
    def collects(self) -> None:
        self.work += 1
        self.store.collect(f"work-{self.work}", "p-1", [])

    @rule(breaks=st.integers(1, 9), answered=st.booleans())
    def turn_that_breaks(self, breaks: int, answered: bool) -> None:  # noqa: FBT001
        self.there.breaks, self.there.answered = breaks, answered
        with suppress(CloudError):
            self.run(self.sync.once())
        self.there.breaks = -1

    @rule()
    def starts(self) -> None:
        self.sync = Sync(self.there, self.store, Trusting(), lambda _: None, lambda: 1000.0)

    @rule(count=st.integers(0, 3))
    def is_put_back_a_little(self, count: int) -> None:
        del self.there.order[max(0, len(self.there.order) - count) :]

    @rule()
    def is_copied(self) -> None:
        self.copies.append(list(self.there.order))

    @rule(which=st.integers(0, 3))
    def is_put_back_from_a_copy(self, which: int) -> None:
        self.there.order = list(self.copies[-1 - which % len(self.copies)])

    @rule()
    def turn_in_peace(self) -> None:
        """After a start and a turn or two nothing waits, and all that could be taken is there."""
        self.starts()
        for _ in range(2):  # the first may be the one that hears of a server that went back
            self.run(self.sync.once())
        assert self.run_count() == 0
        ids = {one.id for one in self.store.events}
        assert set(self.there.events()) == ids - self.there.spoilt
        assert self.there.works() == {one.id for one in self.store.files}

    def run_count(self) -> int:
        return self.loop.run_until_complete(self.store.waiting_count())

    @invariant()
    def nothing_comes_twice_and_what_is_refused_is_only_the_spoilt_one(self) -> None:
        assert len(self.there.order) == len(self.there.events()) + len(self.there.works())
        settled = self.store.outcomes.values()
        assert {one.id for one in settled if one.state == "refused"} <= self.there.spoilt


MACHINES = (AnyTile, AnyExchange)
for machine in MACHINES:
    machine.TestCase.settings = settings(QUICK, max_examples=15, stateful_step_count=25)
TestAnyTile = AnyTile.TestCase
TestAnyExchange = AnyExchange.TestCase
