"""The sync's own decisions, without a network: order, pauses, and what is told."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise

import msgspec
import pytest
from blake3 import blake3

from central_mdm.contract.heads import Alarm, HeadOutcome, HeadsHeard, HeadsTold, SignedHead
from central_mdm.contract.identity import Trust
from central_mdm.contract.journal import SEQUENCE_TAKEN, Event, Outcome, Pushed
from central_mdm.contract.partage import (
    FILES_ASKED_MAX,
    FileAnswer,
    FileOffered,
    FilesAsked,
    FilesLacking,
)
from central_mdm.contract.roster import OWN_SCOPE, Change, Changes, ClassRow, Scopes
from classroom_app.cloud.errors import (
    CloudError,
    NotAServer,
    NotSignedIn,
    OutOfDate,
    Refused,
    ServerBusy,
    Unreachable,
)
from classroom_app.cloud.sync import (
    IN_STEP_SECONDS,
    PAUSE_SECONDS_MAX,
    PORTAL_SECONDS_MAX,
    SOON_SECONDS,
    TURNS_UNSUMMED,
    Sync,
    SyncState,
)
from tests.sync_store import MemoryStore, Trusting, sum_of

ROW = Change(1, "class", "5B", ClassRow("5B", "5e B"))


class Script:
    """A central side that does as told: fails as `failing` says, refuses what `spoils` names."""

    def __init__(self) -> None:
        self.failing: CloudError | None = None
        self.spoils: set[str] = set()
        self.code = "malformed"
        self.pushed: list[list[str]] = []
        self.epoch, self.sums = "one", [sum_of([ROW])]
        self.asked_at: list[float] = []
        self.missing: list[tuple[str, ...]] = []
        self.full, self.lost, self.refuses = False, "", ""
        self.forked: set[str] = set()
        self.noted: set[str] = set()
        self.taught: tuple[str, ...] = ("class:5B",)
        self.document = ""
        self.looked_for: list[tuple[str, str]] = []
        self.heads: list[HeadsTold] = []
        self.held: int | None = None
        self.alarms: tuple[Alarm, ...] = ()
        self.order: list[str] = []
        self.cursors: list[str] = []
        self.ends: tuple[str, ...] = ()
        self.next_seconds = 0
        self.asked_for: list[tuple[str, ...]] = []
        self.lacks: set[str] = set()
        self.older = False

    def _fail(self) -> None:
        if self.failing:
            raise self.failing

    async def trust(self, deny_list: int, epoch: int) -> Trust:
        del deny_list, epoch
        self.order.append("trust")
        if self.failing:
            self.asked_at.append(asyncio.get_running_loop().time())
        self._fail()
        return Trust()

    async def bring_list(self, deny_list: str) -> None:
        raise AssertionError(deny_list)

    async def scopes(self) -> Scopes:
        self.order.append("scopes")
        self._fail()
        return Scopes(self.taught, self.ends, self.next_seconds)

    async def changes(self, scope: str, cursor: str) -> Changes:
        self.cursors.append(cursor)
        changes = () if cursor == self.epoch else (ROW,)
        total = self.sums.pop(0) if len(self.sums) > 1 else self.sums[0]
        return Changes(scope, self.epoch, changes, False, self.epoch, 1, total)  # noqa: FBT003 - no more

    async def push(self, events: tuple[Event, ...], after: int = 0) -> Pushed:
        self.order.append(f"push {after}" if after else "push")
        self.asked_at.append(asyncio.get_running_loop().time())
        self._fail()
        self.pushed.append([event.id for event in events])
        if self.spoils & {event.id for event in events}:
            raise Refused(self.code)
        forked = bool(self.forked & {event.origin for event in events})
        return Pushed(tuple(self._outcome(event.id, forked=forked) for event in events))

    def _outcome(self, event: str, *, forked: bool) -> Outcome:
        if forked or event in self.noted:
            return Outcome(event, "refused", SEQUENCE_TAKEN)
        return Outcome(event, "applied")

    async def tell_heads(self, told: HeadsTold) -> HeadsHeard:
        self.order.append("heads")
        self._fail()
        self.heads.append(told)
        held = 2**53 if self.held is None else self.held
        return HeadsHeard(tuple(HeadOutcome() for _ in told.heads), held, self.alarms)

    async def offer_file(self, offered: FileOffered) -> FileAnswer:
        self.order.append("file")
        if self.refuses:
            raise Refused(self.refuses)
        if self.missing:
            return FileAnswer(offered.id, "missing", self.missing.pop(0))
        if self.full:
            return FileAnswer(offered.id, "refused", reason="quota", left_bytes=7)
        document = self.document or blake3(offered.manifest).hexdigest()
        self.lacks.discard(offered.id)
        return FileAnswer(offered.id, "kept", document=document)

    async def lacking(self, asked: FilesAsked) -> FilesLacking:
        self.asked_for.append(asked.ids)
        if self.older:
            raise Refused("no-such-method")
        return FilesLacking(tuple(self.lacks))

    async def put_chunk(
        self, name: str, content: bytes, gone: Callable[[int], None] = lambda _: None
    ) -> None:
        del name
        gone(len(content))

    async def get_chunk(self, name: str, file: str) -> bytes:
        self.looked_for.append((name, file))
        if self.lost:
            raise Refused(self.lost)
        return b""


def make(
    script: Script, store: MemoryStore, jitter: Callable[[], float] = lambda: 1.0
) -> tuple[Sync, list[SyncState]]:
    told: list[SyncState] = []
    return Sync(script, store, Trusting(), told.append, lambda: 1000.0, jitter), told


async def test_a_turn_pulls_pushes_and_says_so() -> None:
    script, store = Script(), MemoryStore()
    store.write(1)
    store.collect("work-1", "p-1", [])
    sync, told = make(script, store)
    await sync.once()
    assert list(store.rows["class:5B"]) == [("class", "5B")]
    assert store.outcomes["event-1"].state == "applied"
    assert store.answers["work-1"].state == "kept"
    assert told[0].busy
    assert told[-1] == SyncState(in_step_at=1000.0)


async def test_a_scope_is_pulled_on_by_the_cursor_that_the_server_gave() -> None:
    script, store = Script(), MemoryStore()
    sync, _ = make(script, store)
    for _ in range(2):
        await sync.once()
    assert script.cursors == ["", "one"]
    store.cursors["class:5B"] = "one", ""  # as an older store is opened
    await sync.once()
    assert script.cursors == ["", "one", ""]
    assert list(store.rows["class:5B"]) == [("class", "5B")]


async def test_a_scope_that_ends_where_it_did_is_not_asked_for_but_summed_now_and_then() -> None:
    script, store = Script(), MemoryStore()
    script.ends = ("one",)
    sync, _ = make(script, store)
    for _ in range(TURNS_UNSUMMED - 1):
        await sync.once()
    assert script.cursors == [""]
    await sync.once()
    assert script.cursors == ["", "one"], "its sum once more"
    script.ends = ("further",)
    await sync.once()
    assert script.cursors == ["", "one", "one"]
    script.ends = ("one",)
    fresh, _ = make(script, store)
    await fresh.once()
    assert script.cursors == ["", "one", "one", "one"], "an app that was started sums all"


async def test_a_side_of_before_that_says_no_cursor_is_not_asked_for_its_first_page_for_ever() -> (
    None
):
    class Older(Script):
        async def changes(self, scope: str, cursor: str) -> Changes:
            self.cursors.append(cursor)
            return Changes(scope, self.epoch, (ROW,), has_more=True)

    script, store = Older(), MemoryStore()
    sync, _ = make(script, store)
    with pytest.raises(NotAServer):
        await sync.once()
    assert script.cursors == [""]


async def test_the_central_side_says_when_to_come_again_and_what_is_written_comes_before() -> None:
    script, store = Script(), MemoryStore()
    script.next_seconds = 300
    sync, _ = make(script, store)
    await run_for(sync, 299)
    assert script.order.count("scopes") == 1
    await run_for(sync, 301)
    assert script.order.count("scopes") == 3, "once more at its start"

    async def write_soon() -> None:
        await asyncio.sleep(10)
        sync.written()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_soon())
        await run_for(sync, 16)
    assert script.order.count("scopes") == 5


async def test_events_go_in_order_and_in_batches() -> None:
    script, store = Script(), MemoryStore()
    for number in range(1, 451):
        store.write(number)
    sync, _ = make(script, store)
    await sync.once()
    assert [len(batch) for batch in script.pushed] == [200, 200, 50]
    assert [name for batch in script.pushed for name in batch] == [e.id for e in store.events]


async def test_large_events_go_in_smaller_batches() -> None:
    script, store = Script(), MemoryStore()
    for number in range(1, 101):
        store.write(number, body=msgspec.Raw(b'"' + b"x" * 16000 + b'"'))
    sync, _ = make(script, store)
    await sync.once()
    assert max(len(batch) for batch in script.pushed) < 40


async def test_an_event_that_spoils_a_batch_is_found_and_the_others_arrive() -> None:
    script, store = Script(), MemoryStore()
    script.spoils = {"event-2"}
    for number in range(1, 5):
        store.write(number)
    sync, told = make(script, store)
    await sync.once()
    states = [store.outcomes[event.id].state for event in store.events]
    assert states == ["applied", "refused", "applied", "applied"]
    assert told[-1].refused == 1


async def test_after_the_one_that_spoilt_a_batch_whole_batches_go_again() -> None:
    script, store = Script(), MemoryStore()
    script.spoils = {"event-2"}
    for number in range(1, 1003):
        store.write(number)
    sync, _ = make(script, store)
    await sync.once()
    assert [len(batch) for batch in script.pushed] == [200, 1, 1, 200, 200, 200, 200, 200]
    assert (sync.state.waiting, sync.state.refused) == (0, 1)


async def test_a_journal_whose_places_are_taken_goes_on_under_another_id_once_a_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    central, store = Script(), MemoryStore()
    for number in (4, 5):
        store.write(number)
    central.forked = {"store-1"}
    await make(central, store)[0].once()
    assert [one for one in central.order if one.startswith("push")] == ["push", "push 3"]
    assert {one.state for one in store.outcomes.values()} == {"applied"}
    store.write(6)
    central.forked |= {"store-1-anew", "store-1-anew-anew"}  # it lies: no id is good enough
    sync, _ = make(central, store)
    await sync.once()
    assert store.origin == "store-1-anew-anew"
    assert (sync.state.waiting, sync.state.refused) == (0, 1)
    caplog.clear()


async def test_of_an_id_by_which_nothing_was_taken_the_journal_is_sent_again_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    central, store = Script(), MemoryStore()
    central.taught = (f"{OWN_SCOPE}t-1",)
    for number in range(1, 4):
        store.write(number)
    sync, _ = make(central, store)
    await sync.once()
    store.write(4)
    central.noted = {"event-4"}  # by one of before, which goes on to say so
    await sync.once()
    assert (store.origin, store.outcomes["event-4"].state) == ("store-1-anew", "refused")
    central.pushed.clear()
    central.held = 0
    for _ in range(3):
        await sync.once()
    assert central.pushed == [["event-1", "event-2", "event-3"]]
    assert sync.state.in_step
    central.epoch = "two"  # it was set back: now it may have lost them
    for _ in range(3):
        await sync.once()
    assert central.pushed == [["event-1", "event-2", "event-3"]] * 2
    store.write(5)  # so it may in silence; what it takes now would hide that
    await sync.once()
    assert central.pushed[2:] == [["event-1", "event-2", "event-3", "event-5"]]
    caplog.clear()


async def test_a_refusal_of_the_whole_is_not_taken_for_the_events_fault() -> None:
    script, store = Script(), MemoryStore()
    script.spoils, script.code = {"event-1"}, "wrong-role"
    store.write(1)
    sync, told = make(script, store)
    with pytest.raises(Refused):
        await sync.once()
    assert not store.outcomes
    assert "class:5B" in store.rows  # the roster came all the same
    assert (told[-1].why, told[-1].waiting) == ("refused", 1)


async def test_a_scope_whose_sum_differs_is_doubted_and_pulled_afresh_once() -> None:
    script, store = Script(), MemoryStore()
    script.sums = ["0" * 16, sum_of([ROW])]
    sync, _ = make(script, store)
    await sync.once()
    assert store.doubted == 1
    assert "class:5B" in store.rows
    script.sums = ["0" * 16]
    with pytest.raises(NotAServer):
        await sync.once()
    assert store.doubted == 3


async def test_work_whose_chunk_is_lost_here_is_shown_and_holds_nothing_up() -> None:
    script, store = Script(), MemoryStore()
    store.collect("lost", "p-1", [b"gone"])
    store.collect("fine", "p-2", [b"there already"])
    store.chunks.clear()
    script.missing = [(store.files[0].manifest[-32:].hex(),)]
    sync, told = make(script, store)
    await sync.once()
    assert store.answers["lost"].reason == "lost-here"
    assert store.answers["fine"].state == "kept"
    assert told[-1].refused == 1


@pytest.mark.parametrize(
    ("code", "state"),
    [("malformed", "refused"), ("too-large", "refused"), ("no-such-path", ""), ("wrong-role", "")],
)
async def test_only_a_refusal_of_the_work_itself_is_for_good(code: str, state: str) -> None:
    script, store = Script(), MemoryStore()
    store.collect("work", "p-1", [b"piece"])
    script.refuses = code
    sync, told = make(script, store)
    with nullcontext() if state else pytest.raises(Refused):
        await sync.once()
    assert [each.state for each in store.answers.values()] == ([state] if state else [])
    script.refuses = ""
    await sync.once()
    assert store.answers["work"].state == (state or "kept")
    assert told[-1].waiting == 0


@pytest.mark.parametrize("name", ["ab" * 32, "no hash"])
async def test_a_server_that_wants_what_is_not_of_a_work_has_not_refused_it(name: str) -> None:
    script, store = Script(), MemoryStore()
    store.collect("work", "p-1", [b"piece"])
    script.missing = [(store.files[0].manifest[-32:].hex(), name)]
    sync, _ = make(script, store)
    with pytest.raises(NotAServer):
        await sync.once()
    assert not store.answers
    await sync.once()
    assert store.answers["work"].state == "kept"


async def test_a_server_that_forgets_what_it_was_given_is_not_asked_for_ever() -> None:
    script, store = Script(), MemoryStore()
    store.collect("work", "p-1", [b"piece"])
    name = store.files[0].manifest[-32:].hex()
    script.missing = [(name,), (name,)]
    sync, _ = make(script, store)
    with pytest.raises(NotAServer):
        await sync.once()
    assert not store.answers


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Unreachable(), "unreachable"),
        (ServerBusy(3), "try-again"),
        (NotSignedIn(), "not-signed-in"),
        (NotAServer("html"), "not-a-server"),
        (NotAServer("malformed"), "not-a-server"),
        (NotAServer("answers"), "server-fault"),
        (NotAServer("https"), "https"),
        (NotAServer("portal"), "portal"),
        (NotAServer("certificate"), "certificate"),
        (OutOfDate(), "clock"),
    ],
)
async def test_each_trouble_has_its_word(error: CloudError, why: str) -> None:
    script, store = Script(), MemoryStore()
    script.failing = error
    store.write(1)
    sync, told = make(script, store)
    with pytest.raises(type(error)):
        await sync.once()
    assert (told[-1].why, told[-1].in_step_at, told[-1].waiting) == (why, 0.0, 1)
    script.failing = None
    await sync.once()
    assert (told[-1].why, told[-1].waiting) == ("", 0)


async def run_for(sync: Sync, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await sync.run()


async def test_before_the_first_turn_ends_it_says_what_waits_and_when_all_was_last_exchanged() -> (
    None
):
    class Silent(Script):
        async def trust(self, deny_list: int, epoch: int) -> Trust:
            await asyncio.sleep(20)
            return await super().trust(deny_list, epoch)

    store = MemoryStore(all_at=500.0)
    store.write(1)
    script = Silent()
    script.failing = Unreachable()
    sync, told = make(script, store)
    await run_for(sync, 10)
    assert {(one.waiting, one.in_step_at, one.why) for one in told} == {(1, 500.0, "not-tried")}
    assert not sync.state.in_step
    script.failing = None
    await run_for(sync, 30)
    assert (told[-1], store.all_at) == (SyncState(in_step_at=1000.0), 1000.0)
    sync, told_later = make(script, store)
    await run_for(sync, 10)
    assert told_later[0] == SyncState(in_step_at=1000.0, why="not-tried")


async def test_pauses_grow_to_a_cap_while_the_server_is_away() -> None:
    script, store = Script(), MemoryStore()
    script.failing = Unreachable()
    store.write(1)
    sync, told = make(script, store)
    await run_for(sync, 3000)
    again = [one.again_at - one.tried_at for one in told if one.tried_at and not one.busy]
    assert list(dict.fromkeys(again))[1:5] == [2, 4, 8, 16], "a person is told when it goes on"
    pauses = [round(b - a) for a, b in zip(script.asked_at, script.asked_at[1:], strict=False)]
    assert pauses[:6] == [2, 4, 8, 16, 32, 64]
    assert pauses[-1] == PAUSE_SECONDS_MAX


async def test_jitter_may_shorten_a_pause_to_a_second_and_never_less() -> None:
    script, store = Script(), MemoryStore()
    script.failing = Unreachable()
    store.write(1)
    sync, _ = make(script, store, lambda: 0.0)
    await run_for(sync, 10.5)
    assert 10 <= len(script.asked_at) <= 11


async def test_a_wake_shortens_a_pause_but_not_what_the_server_asked_for() -> None:
    script, store = Script(), MemoryStore()
    store.write(1)
    sync, _ = make(script, store)

    async def wake_each_second() -> None:
        while True:
            await asyncio.sleep(1)
            sync.wake()

    async def watch(seconds: float) -> list[float]:
        begun = asyncio.get_running_loop().time()
        script.asked_at.clear()
        with pytest.raises(TimeoutError):  # noqa: PT012 - the turn and what it left are one story
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(sync.run())
                tasks.create_task(wake_each_second())
        return [at - begun for at in script.asked_at]

    script.failing = ServerBusy(40)
    assert [round(at) for at in await watch(60)] == [0, 40]
    script.failing = Unreachable()
    assert len(await watch(20)) >= 10


@pytest.mark.parametrize(
    "error", [NotAServer("portal"), NotAServer("certificate"), OutOfDate()], ids=lambda one: one.why
)
async def test_what_nothing_here_tells_the_end_of_is_tried_again_soon(error: NotAServer) -> None:
    script, store = Script(), MemoryStore()
    script.failing = error
    store.write(1)
    sync, told = make(script, store)
    await run_for(sync, 600)
    pauses = {round(b - a) for a, b in zip(script.asked_at, script.asked_at[1:], strict=False)}
    assert max(pauses) <= PORTAL_SECONDS_MAX
    assert (told[-1].why, told[-1].waiting, store.outcomes) == (error.why, 1, {})
    assert set(script.order) == {"trust"}, "nothing else would go through"


async def test_small_things_go_before_files_and_what_keeps_people_out_before_all() -> None:
    script, store = Script(), MemoryStore()
    store.write(1)
    store.collect("work-1", "p-1", [])
    sync, _ = make(script, store)
    await sync.once()
    assert list(dict.fromkeys(script.order)) == ["trust", "heads", "push", "scopes", "file"]


async def test_each_turn_is_one_line_of_the_log_without_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script, store = Script(), MemoryStore()
    sync, _ = make(script, store)
    script.failing = NotAServer("portal")
    with caplog.at_level(logging.INFO, "classroom_app"):
        with pytest.raises(NotAServer):
            await sync.once()
        script.failing = None
        await sync.once()
    turns = [vars(record) for record in caplog.records if record.message == "sync turn"]
    assert [turn["failed"] for turn in turns] == ["NotAServer portal", ""]
    assert all({"waited", "waiting", "refused", "ms"} <= set(turn) for turn in turns)


async def test_signed_heads_are_carried_until_they_are_answered() -> None:
    script, store = Script(), MemoryStore()
    store.heads = [SignedHead(f"a.b.{number}", b"c") for number in range(60)]
    sync, _ = make(script, store)
    await sync.once()
    assert [len(told.heads) for told in script.heads] == [50, 10]  # nothing waited: no look back
    assert {told.journal for told in script.heads} == {store.origin}
    assert store.heads == []


async def test_a_restored_central_side_is_given_again_what_it_lost_and_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script, store = Script(), MemoryStore()
    script.spoils, script.code = {"event-3"}, "too-large"
    for number in range(1, 6):
        store.write(number)
    sync, told = make(script, store)
    await sync.once()
    assert not told[-1].restored
    script.pushed.clear()
    script.held = 2
    store.write(6)
    await sync.once()
    # What it could not read stays refused; what is new goes after what was lost.
    assert script.pushed[0] == ["event-4", "event-5", "event-6"]
    assert told[-1].restored
    assert told[-1].waiting == 0
    assert "the central side lacks events" in caplog.text
    caplog.clear()


async def test_a_central_side_that_lacks_work_and_no_act_is_given_it_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script, store = Script(), MemoryStore()
    for name in ("work-1", "work-2"):
        store.collect(name, "p-1", [])
    store.write(1)
    sync, _ = make(script, store)
    await sync.once()
    assert script.asked_for == []
    script.lacks = {"work-2", "another's"}
    for _ in range(TURNS_UNSUMMED - 2):
        await sync.once()
    assert script.asked_for == [], "no act was taken since"
    await sync.once()
    await sync.once()
    assert script.asked_for == [("work-1", "work-2")]
    assert script.lacks == {"another's"}
    assert "the central side lacks files" in caplog.text
    caplog.clear()


async def test_work_is_asked_for_at_each_start_and_once_after_an_act_that_was_taken() -> None:
    script, store = Script(), MemoryStore()
    store.collect("work-1", "p-1", [])
    for _ in range(3):
        await make(script, store)[0].once()
    assert script.asked_for == [("work-1",)] * 2
    sync, _ = make(script, store)
    await sync.once()
    store.collect("work-2", "p-1", [])
    store.write(1)
    await sync.once()
    assert script.asked_for[3:] == [("work-1",)], "work-2 came after the act"
    await sync.once()
    await make(script, store)[0].once()
    assert script.asked_for[4:] == [("work-2",)], "of work-1 an act tells from now on"


async def test_much_work_is_asked_for_in_parts_and_an_older_central_side_is_not_asked_twice() -> (
    None
):
    script, store = Script(), MemoryStore()
    for number in range(FILES_ASKED_MAX + 1):
        store.collect(f"work-{number}", "p-1", [])
    sync, _ = make(script, store)
    await sync.once()
    await make(script, store)[0].once()
    assert [len(ids) for ids in script.asked_for] == [FILES_ASKED_MAX, 1]
    script.older = True
    sync, told = make(script, store)
    for _ in range(2):
        await sync.once()
    assert len(script.asked_for) == 3
    assert told[-1].in_step


async def test_who_ends_while_it_hears_of_a_restore_offers_all_work_at_its_next_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Killed(BaseException):
        pass

    class Dies(MemoryStore):
        """Dies after the first of the writes that a restore costs."""

        dies = False

        async def doubt_work(self) -> int:
            return self._die(await super().doubt_work())

        async def unsettle(self, held: int) -> int:
            return self._die(await super().unsettle(held))

        def _die(self, count: int) -> int:
            if self.dies:
                raise Killed
            return count

    class SetBack(Script):
        async def push(self, events: tuple[Event, ...], after: int = 0) -> Pushed:
            self.held = None  # from here on it has all again
            return await super().push(events, after)

    script, store = SetBack(), Dies()
    store.collect("work-1", "p-1", [b"x"])
    store.write(1)
    await make(script, store)[0].once()
    store.write(2)
    script.held, store.dies = 0, True
    with pytest.raises(Killed):
        await make(script, store)[0].once()
    store.dies = False
    script.order.clear()
    await make(script, store)[0].once()
    assert "file" in script.order
    assert script.pushed[-1] == ["event-1", "event-2"]
    assert store.answers["work-1"].state == "kept"
    caplog.clear()


async def test_what_the_two_witnesses_differ_in_is_told_once_in_the_log_and_always_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script, store = Script(), MemoryStore()
    script.alarms = (Alarm(5, "lock-untold", "device", "dev-1", "dev-1", "lesson-1"),)
    sync, told = make(script, store)
    for _ in range(2):
        await sync.once()
        assert told[-1].doubts == 1
    assert [record.getMessage() for record in caplog.records] == ["journals differ"]
    caplog.clear()


async def test_a_central_side_that_knows_no_heads_takes_all_else() -> None:
    script, store = Script(), MemoryStore()
    store.write(1)
    store.heads = [SignedHead("a.b.c", b"c")]

    async def no_such_path(told: HeadsTold) -> HeadsHeard:
        del told
        raise Refused("no-such-path")

    script.tell_heads = no_such_path
    sync, told = make(script, store)
    await sync.once()
    assert told[-1] == SyncState(in_step_at=1000.0)
    assert len(store.heads) == 1


async def test_what_the_school_has_no_room_for_waits_and_holds_nothing_up() -> None:
    script, store = Script(), MemoryStore()
    store.write(1)
    store.collect("work-1", "p-1", [b"x"])
    script.full = True
    sync, told = make(script, store)
    with pytest.raises(Refused, match="quota"):
        await sync.once()
    assert not store.answers
    assert (told[-1].waiting, told[-1].refused, told[-1].why) == (1, 0, "no-room")
    assert list(store.rows["class:5B"]) == [("class", "5B")]
    script.full = False
    await sync.once()
    assert store.answers["work-1"].state == "kept"


async def test_while_somebody_sends_works_the_small_turns_beside_it_keep_their_pauses() -> None:
    class Slow(Script):
        async def offer_file(self, offered: FileOffered) -> FileAnswer:
            if not self.full:
                await asyncio.sleep(1200)
            return await super().offer_file(offered)

    script, store = Slow(), MemoryStore()
    script.full = True
    store.collect("work-1", "p-1", [b"x"])
    sync, told = make(script, store)

    async def send_by_hand() -> None:
        await asyncio.sleep(10)
        assert told[-1].why == "no-room"
        script.full = False
        script.order.clear()
        await sync.once()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_for(sync, 1300))
        tasks.create_task(send_by_hand())
    assert 20 < script.order.count("scopes") < 50, "each minute, and so does who sends"
    assert store.answers["work-1"].state == "kept"


async def test_a_bug_in_a_turn_is_said_and_does_not_stay_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, store = Script(), MemoryStore()
    sync, told = make(script, store)
    store.write(1)
    with monkeypatch.context() as patched:
        patched.setattr(script, "push", None)
        with pytest.raises(TypeError):
            await sync.once()
    assert (told[-1].why, told[-1].busy) == ("own-fault", False)
    await sync.once()
    assert (told[-1].why, told[-1].waiting) == ("", 0)


@pytest.mark.parametrize("why", ["no-room", "server-fault"])
async def test_while_works_alone_wait_what_is_small_goes_as_between_other_turns(why: str) -> None:
    class Loaded(Script):
        async def offer_file(self, offered: FileOffered) -> FileAnswer:
            offers.append(asyncio.get_running_loop().time())
            return await super().offer_file(offered)

    script, store, offers = Loaded(), MemoryStore(), list[float]()
    script.full, script.document = why == "no-room", "ab" * 32
    store.collect("work-1", "p-1", [b"x"])
    sync, told = make(script, store)
    written = list[float]()

    async def teach() -> None:
        for number in range(1, 11):
            await asyncio.sleep(90)
            store.write(number)
            written.append(asyncio.get_running_loop().time())
            sync.written()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_for(sync, 1300))
        tasks.create_task(teach())
    took = [at - since for at, since in zip(script.asked_at, written, strict=True)]
    assert round(max(took)) == SOON_SECONDS
    assert told[-1].why == why
    pauses = [round(b - a) for a, b in pairwise(offers)]
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300], "the works alone are asked less"
    assert script.order.count("scopes") > 1300 / IN_STEP_SECONDS


async def test_once_works_have_gone_by_hand_the_next_one_waits_for_no_pause_of_theirs() -> None:
    script, store = Script(), MemoryStore()
    script.full = True
    store.collect("work-1", "p-1", [b"x"])
    sync, _ = make(script, store)

    async def make_room() -> None:
        await asyncio.sleep(520)  # the next try is at 810 s
        script.full = False
        await sync.once()
        store.collect("work-2", "p-1", [b"y"])
        sync.written()
        await asyncio.sleep(SOON_SECONDS + 1)
        assert store.answers.keys() == {"work-1", "work-2"}

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_for(sync, 600))
        tasks.create_task(make_room())


async def test_a_server_that_says_kept_and_has_it_not_is_not_believed() -> None:
    script, store = Script(), MemoryStore()
    store.collect("work-1", "p-1", [b"x", b"y"])
    drawn = iter((0.05, 0.05))
    sync, _ = make(script, store, jitter=lambda: next(drawn, 0.5))
    script.document = "ab" * 32
    with pytest.raises(NotAServer) as told:
        await sync.once()
    assert told.value.why == "another-document"
    script.document, script.lost = "", "lost-chunk"
    for _ in range(3):  # drawn once, and then believed by no later turn
        with pytest.raises(NotAServer) as told:
            await sync.once()
        assert told.value.why == "forgets-chunks"
        assert not store.answers
        sync, _ = make(script, store, jitter=lambda: 0.5)  # nor after a new start
    script.lost = ""
    script.looked_for.clear()
    await sync.once()
    assert store.answers["work-1"].state == "kept"
    names = [blake3(piece).hexdigest() for piece in (b"x", b"y")]
    assert script.looked_for == [(name, "work-1") for name in names], "all of it was shown"


async def test_of_a_class_that_was_taken_away_the_servers_word_has_to_do_and_of_no_other() -> None:
    script, store = Script(), MemoryStore()
    store.collect("work-1", "p-1", [b"x"])
    script.lost = "no-file"
    sync, _ = make(script, store, jitter=lambda: 0.05)
    with pytest.raises(NotAServer):
        await sync.once()
    assert (store.answers, store.suspected) == ({}, {"work-1"})
    script.taught = ()
    await sync.once()
    assert store.answers["work-1"].state == "kept"


async def test_who_is_cut_off_while_it_should_show_work_is_not_believed_in_the_next_turn() -> None:
    class CutsOff(Script):
        async def get_chunk(self, name: str, file: str) -> bytes:
            await super().get_chunk(name, file)
            raise Unreachable

    script, store = CutsOff(), MemoryStore()
    store.collect("work-1", "p-1", [b"x"])
    drawn = iter((0.05, 0.05))
    sync, _ = make(script, store, jitter=lambda: next(drawn, 0.5))
    for _ in range(2):
        with pytest.raises(Unreachable):
            await sync.once()
    assert not store.answers
