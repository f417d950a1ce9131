"""Collected work on a slow or metered line: what goes, what waits, and what never waits for it."""

import asyncio
from collections.abc import Callable

import pytest
from blake3 import blake3
from msgspec import msgpack

from central_mdm.contract.partage import FileAnswer, FileOffered, Manifest
from classroom_app.cloud.errors import (
    CloudError,
    NotAServer,
    ObjectsUnreachable,
    Refused,
    ServerBusy,
    Unreachable,
)
from classroom_app.cloud.files import (
    FILES_AT_ONCE,
    FILES_BESIDE,
    SMALL_BYTES,
    STOPPED_SECONDS,
    Sending,
)
from classroom_app.cloud.line import SLOW_BYTES, Line
from classroom_app.cloud.sync import Sync, SyncState
from classroom_app.domain.errors import NotKept
from tests.sync_store import MemoryStore, Trusting
from tests.unit.test_cloud_sync import Script

LARGE = b"x" * (SMALL_BYTES // 2 + 1)
LARGE_SIZE = 2 * len(LARGE)


class SlowScript(Script):
    """A central side at the end of a line that takes `bytes_per_second`, shared by all."""

    def __init__(self, bytes_per_second: float) -> None:
        super().__init__()
        self.bytes_per_second = bytes_per_second
        self.beside = self.most_beside = 0
        self.sent: list[str] = []
        self.breaks = False
        self.fails: dict[str, CloudError] = {}
        """What answers the offer of a work."""
        self.far = False
        """Whether the place where chunks lie is out of reach."""
        self._line = asyncio.Lock()

    async def put_chunk(
        self, name: str, content: bytes, gone: Callable[[int], None] = lambda _: None
    ) -> None:
        if self.breaks:
            raise Unreachable
        self.beside += 1
        self.most_beside = max(self.most_beside, self.beside)
        try:
            async with self._line:
                self.order.append("chunk")
                await asyncio.sleep(len(content) / self.bytes_per_second)
                await super().put_chunk(name, content, gone)
                self.sent.append(name)
        finally:
            self.beside -= 1

    async def offer_file(self, offered: FileOffered) -> FileAnswer:
        if offered.id in self.fails:
            self.order.append("failed")
            raise self.fails[offered.id]
        chunks = msgpack.decode(offered.manifest, type=Manifest).chunks
        wanted = tuple(one.hash.hex() for one in chunks if one.hash.hex() not in self.sent)
        return (
            FileAnswer(offered.id, "missing", wanted)
            if wanted
            else await super().offer_file(offered)
        )

    async def get_chunk(self, name: str, file: str) -> bytes:
        found = await super().get_chunk(name, file)
        if self.far:
            raise ObjectsUnreachable
        return found


class Desk:
    """A sync with work to send; `metered` is what the system says of the network.

    `drawn`: what chance says, then 1.0 for ever.
    """

    def __init__(self, bytes_per_second: float = 10e6) -> None:
        self.script, self.store = SlowScript(bytes_per_second), MemoryStore()
        self.told: list[SyncState] = []
        self.metered: bool | None = None
        self.drawn = iter(tuple[float, ...]())
        self.line = Line(self._asked)
        self.sync = Sync(
            self.script,
            self.store,
            Trusting(),
            self.told.append,
            lambda: 1000.0,
            lambda: next(self.drawn, 1.0),
            line=self.line,
        )
        self.works = 0

    async def _asked(self) -> bool | None:
        return self.metered

    def collect(self, *pieces: bytes) -> str:
        """Take work of these chunks, of which the central side has none."""
        self.works += 1
        marked = [b"%d %d " % (self.works, at) + piece for at, piece in enumerate(pieces)]
        self.store.collect(f"work-{self.works}", "p-1", marked)
        return f"work-{self.works}"

    def kept(self) -> list[str]:
        return [name for name, answer in self.store.answers.items() if answer.state == "kept"]


async def test_on_a_metered_network_small_works_go_and_a_large_one_waits_for_a_word() -> None:
    desk = Desk()
    desk.metered = True
    large, small = desk.collect(LARGE, LARGE), desk.collect(b"small")
    desk.store.write(1)
    await desk.sync.once()
    assert desk.kept() == [small]
    assert desk.store.outcomes["event-1"].state == "applied"
    assert (desk.sync.state.held, desk.sync.state.waiting, desk.sync.state.why) == (
        "metered",
        1,
        "",
    )
    assert desk.sync.state.in_step_at == 0.0, "not all was exchanged"
    desk.sync.send_files()
    await desk.sync.once()
    assert desk.kept() == [small, large]
    assert desk.sync.state.held == ""
    desk.collect(LARGE, LARGE)
    await desk.sync.once()
    assert desk.sync.state.held == "metered", "the word was for the works of that time"
    desk.metered = None  # on a machine that does not know, nothing waits
    await desk.sync.once()
    assert len(desk.kept()) == 3


async def test_a_word_holds_until_the_works_are_there_however_often_the_line_breaks() -> None:
    desk = Desk()
    desk.metered = True
    desk.collect(LARGE, LARGE)
    desk.sync.send_files()
    desk.script.breaks = True
    with pytest.raises(Unreachable):
        await desk.sync.once()
    desk.script.breaks = False
    await desk.sync.once()
    assert len(desk.kept()) == 1


async def test_on_a_slow_line_large_works_go_one_at_a_time_and_say_so() -> None:
    desk = Desk(SLOW_BYTES / 2)
    for _ in range(3):
        desk.collect(LARGE, LARGE)
    await desk.sync.once()
    assert desk.line.slow
    assert desk.script.most_beside == 1
    assert len(desk.kept()) == 3
    assert {state.held for state in desk.told if state.sending.files > 1} == {"slow"}
    assert desk.sync.state.held == ""


async def test_a_line_that_is_known_to_be_fast_carries_large_works_beside_each_other() -> None:
    desk = Desk()
    for _ in range(4):
        desk.collect(LARGE, LARGE)
    await desk.sync.once()
    assert desk.line.fast
    assert desk.script.most_beside == 3, "the first alone: it tells how the line is"
    assert len(desk.kept()) == 4


async def test_it_is_not_looked_anew_what_waits_before_each_large_work_but_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(LARGE_SIZE)
    for _ in range(30):
        desk.collect(LARGE, LARGE)
    looks, asked = list[int](), desk.store.waiting_files

    async def waiting_files(limit: int) -> tuple[FileOffered, ...]:
        looks.append(len(desk.kept()))
        if len(looks) == 2:
            desk.collect(b"small")
        return await asked(limit)

    monkeypatch.setattr(desk.store, "waiting_files", waiting_files)
    await desk.sync.once()
    assert 2 < len(looks) < 6, looks
    small = "work-31"
    assert desk.kept().index(small) == looks[1], "it goes before the large ones that are left"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Refused("wrong-hash"), "refused"),
        (NotAServer("forgets-chunks"), "server-fault"),
        (NotAServer("malformed"), "not-a-server"),
        (ObjectsUnreachable("refused"), "storage"),
    ],
)
async def test_what_fails_for_itself_is_told_and_holds_up_none_of_the_larger_works(
    error: CloudError, why: str
) -> None:
    desk = Desk()
    works = [desk.collect(b"x" * size) for size in (1, 10, 2 * SMALL_BYTES, 3 * SMALL_BYTES)]
    desk.script.fails = {works[0]: error, works[2]: error}
    for _ in range(2):  # the next turn begins with it again
        with pytest.raises(type(error)):
            await desk.sync.once()
        assert sorted(desk.kept()) == [works[1], works[3]]
        assert (desk.sync.state.why, desk.sync.state.waiting) == (why, 2)
    desk.script.fails = {}
    await desk.sync.once()
    assert sorted(desk.kept()) == works
    assert desk.sync.state.in_step


class BadSector(MemoryStore):
    """A store that cannot read the chunk `bad` now."""

    bad = b""

    async def chunk(self, manifest: bytes, digest: bytes) -> bytes | None:
        if self.bad and digest == blake3(self.bad).digest():
            raise NotKept("Input/output error")
        return await super().chunk(manifest, digest)


async def test_a_work_that_cannot_be_read_now_is_told_and_holds_up_none_of_the_larger_works() -> (
    None
):
    desk = Desk()
    desk.store = store = BadSector()
    desk.sync = Sync(desk.script, store, Trusting(), desk.told.append, lambda: 0.0, lambda: 1.0)
    works = [desk.collect(b"x" * size) for size in (1, 10, 2 * SMALL_BYTES)]
    store.bad = b"1 0 x"
    for _ in range(2):
        with pytest.raises(NotKept):
            await desk.sync.once()
        assert (desk.kept(), desk.sync.state.waiting) == (works[1:], 1)
    store.bad = b""
    await desk.sync.once()
    assert sorted(desk.kept()) == works


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("cut off"),
        ServerBusy(5),
        NotAServer("portal"),
        NotAServer("certificate"),
        Refused("no-such-path"),
    ],
)
async def test_what_the_next_work_would_meet_as_well_ends_the_turn_at_once(
    error: CloudError,
) -> None:
    desk = Desk()
    desk.script.fails = {desk.collect(b"small"): error for _ in range(30)}
    with pytest.raises(type(error)):
        await desk.sync.once()
    assert desk.script.order.count("failed") == FILES_BESIDE


async def test_where_chunks_are_out_of_reach_is_looked_once_a_turn_and_the_rest_goes() -> None:
    desk = Desk()
    desk.script.far = True
    desk.drawn = iter((0.05, 0.05) * (FILES_BESIDE + 3))
    drawn = [desk.collect(b"drawn") for _ in range(FILES_BESIDE + 3)]
    large = desk.collect(LARGE, LARGE)
    with pytest.raises(ObjectsUnreachable):
        await desk.sync.once()
    assert desk.kept() == [large]
    assert desk.store.suspected == set(drawn)
    assert len(desk.script.looked_for) == 1
    sent = len(desk.script.sent)
    desk.sync.wake()
    with pytest.raises(ObjectsUnreachable):
        await desk.sync.once()
    assert len(desk.script.sent) == sent, "what was suspected is asked for before it is sent anew"


async def test_what_lies_out_of_reach_for_good_is_told_each_turn_and_asked_for_once_a_day() -> None:
    desk = Desk()
    desk.script.far = True
    drawn = FILES_AT_ONCE + 1
    desk.drawn = iter((0.05, 0.05) * drawn)
    for _ in range(drawn):
        desk.collect(b"drawn")

    async def turn() -> int:
        desk.script.order.clear()
        with pytest.raises(ObjectsUnreachable):
            await desk.sync.once()
        assert (desk.sync.state.why, desk.sync.state.waiting) == ("storage", drawn)
        return desk.script.order.count("file")

    asked = list[bool]()
    for _ in range(30 * 24):
        asked.append(bool(await turn()))
        await asyncio.sleep(3600)
    assert sum(asked[10 * 24 :]) <= 20, "once a day, and oftener at first"
    assert sum(asked[: 10 * 24]) >= 12
    await turn()
    large = desk.collect(LARGE)
    assert await turn() == 1
    assert desk.kept() == [large], "what was not drawn goes, behind as many as there are"
    desk.script.far = False
    desk.sync.wake()  # in another network
    await desk.sync.once()
    assert desk.sync.state.in_step


async def test_no_revocation_and_no_journal_waits_for_a_long_upload() -> None:
    desk = Desk(SLOW_BYTES / 8)
    desk.collect(LARGE, LARGE)
    begun = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(desk.sync.once())
        await asyncio.sleep(1)
        assert desk.script.order[-1] == "chunk"
        desk.store.write(1)
        desk.sync.written()
        await asyncio.sleep(10)
        assert desk.store.outcomes["event-1"].state == "applied"
        assert desk.script.order.count("trust") == 2
        desk.store.write(2)
        await desk.sync.once()  # "Sync now" does not wait either
        assert desk.store.outcomes["event-2"].state == "applied"
        await asyncio.sleep(70)
        assert desk.script.order.count("trust") >= 4, "each minute, without anything new"
        assert not turn.done()
    assert asyncio.get_running_loop().time() - begun > 120
    assert len(desk.kept()) == 1
    assert desk.sync.state.in_step


async def test_once_what_is_small_went_nobody_reads_beside_long_works_that_the_school_is_away() -> (
    None
):
    desk = Desk(SLOW_BYTES / 8)
    desk.collect(LARGE, LARGE)
    desk.script.failing = Unreachable()
    with pytest.raises(Unreachable):
        await desk.sync.once()
    assert (desk.sync.state.why, desk.sync.state.tried_at) == ("unreachable", 1000.0)
    desk.script.failing = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.sync.once())
        await asyncio.sleep(1)
        now = desk.sync.state
        assert now.sending.of_files == 1
        assert (now.why, now.tried_at, now.again_at) == ("", 0.0, 0.0)
        assert now.in_step_at == 0.0, "a work is still to go"
    assert desk.sync.state.in_step_at == 1000.0


async def test_a_small_turn_beside_works_takes_back_what_kept_the_small_things_before_them() -> (
    None
):
    desk = Desk(SLOW_BYTES / 8)
    desk.collect(LARGE, LARGE)
    desk.script.failing = Refused("wrong-role")
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(desk.sync.once())  # the work goes all the same
        await asyncio.sleep(1)
        desk.script.failing = None
        await desk.sync.once()
        assert not turn.done()
    assert desk.kept() == ["work-1"]
    assert (desk.sync.state.why, desk.sync.state.in_step) == ("", True)


async def test_what_is_in_the_way_of_works_alone_stays_said_until_they_go() -> None:
    desk = Desk()
    desk.script.full = True
    desk.collect(b"small")
    for _ in range(2):
        with pytest.raises(Refused):
            await desk.sync.once()
    assert {one.why for one in desk.told[-4:]} == {"no-room"}, "it does not come and go"
    await desk.sync.once(files=False)
    assert (desk.sync.state.why, desk.sync.state.in_step_at) == ("no-room", 0.0)
    desk.script.failing = Unreachable()
    with pytest.raises(Unreachable):
        await desk.sync.once()
    assert desk.sync.state.why == "unreachable"
    desk.script.failing, desk.script.full = None, False
    await desk.sync.once()
    assert desk.sync.state.in_step


async def test_what_ends_a_small_turn_ends_no_upload() -> None:
    desk = Desk(SLOW_BYTES / 8)
    desk.collect(LARGE, LARGE)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.sync.once())
        await asyncio.sleep(1)
        desk.script.failing = Unreachable()
        desk.sync.written()
        await asyncio.sleep(10)
        desk.script.failing = None
    assert len(desk.kept()) == 1


async def test_who_asks_to_be_left_alone_is_while_files_go_whatever_is_written() -> None:
    desk = Desk(SLOW_BYTES / 8)
    desk.collect(LARGE, LARGE)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(desk.sync.once())
        await asyncio.sleep(1)
        desk.script.failing = ServerBusy(40)
        began = loop.time()
        for number in range(50):
            desk.store.write(number)
            desk.sync.written()
            await asyncio.sleep(1)
        assert [round(at - began) for at in desk.script.asked_at] == [5, 50]
        desk.script.failing = None
        assert not turn.done()
    assert len(desk.kept()) == 1


async def test_who_waits_for_the_roster_waits_for_no_file() -> None:
    desk = Desk(SLOW_BYTES)
    desk.collect(LARGE, LARGE)
    desk.store.write(1)
    await desk.sync.once(files=False)
    assert "class:5B" in desk.store.rows
    assert (desk.kept(), desk.sync.state.waiting) == ([], 1)


async def test_how_far_it_is_is_told_in_files_and_bytes() -> None:
    desk = Desk(SLOW_BYTES)
    desk.collect(b"small")
    desk.collect(LARGE, LARGE)
    await desk.sync.once()
    told = [state.sending for state in desk.told if state.sending.of_files]
    size = sum(map(len, desk.store.chunks.values()))
    assert {(one.of_files, one.of_bytes) for one in told} == {(2, size)}
    assert [one.sent_bytes for one in told] == sorted(one.sent_bytes for one in told)
    assert (told[0].files, told[-1].files) == (0, 2)
    assert told[-1].sent_bytes == size
    assert desk.sync.state.sending == Sending()


async def test_a_stop_ends_it_after_the_chunk_and_what_has_gone_is_not_lost() -> None:
    desk = Desk(SLOW_BYTES)
    desk.collect(LARGE, LARGE)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.sync.once())
        await asyncio.sleep(1)
        desk.sync.stop_files()
        assert desk.sync.state.held == "stopped"
    assert len(desk.script.sent) == 1
    assert (desk.kept(), desk.sync.state.held, desk.sync.state.waiting) == ([], "stopped", 1)
    desk.store.write(1)
    desk.collect(b"small")
    await desk.sync.once()
    assert desk.store.outcomes["event-1"].state == "applied"
    assert desk.kept() == []
    desk.sync.send_files()
    await desk.sync.once()
    assert len(desk.kept()) == 2
    assert desk.sync.state.held == ""


async def test_what_was_stopped_goes_on_by_itself_after_an_hour() -> None:
    desk = Desk()
    desk.collect(b"small")
    desk.sync.stop_files()
    await desk.sync.once()
    assert desk.kept() == []
    await asyncio.sleep(STOPPED_SECONDS)
    await desk.sync.once()
    assert len(desk.kept()) == 1


def test_the_line_is_known_by_the_mean_of_its_last_chunks_however_many_go_beside() -> None:
    line = Line()
    line.took(1000, 0, 60)
    assert (line.slow, line.fast) == (False, False), "a small chunk tells of the distance only"
    line.took(1_000_000, 0, 10)
    assert line.bytes_per_second == pytest.approx(100_000)
    beside = Line()
    for at in (11, 12, 13):  # begun together, done one after another
        beside.took(1_000_000, 10, at)
    assert beside.bytes_per_second == pytest.approx(1_000_000)
    for at in range(20, 80, 20):
        line.took(1_000_000, at, at + 20)
    assert line.slow
    line.forget()
    assert (line.slow, line.fast) == (False, False)
