"""The store's side of the sync: one set of tests for the real part and for the tests' own."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from blake3 import blake3
from msgspec.structs import replace
from sqlalchemy import Connection, text

from central_mdm.contract.carried import Carried, WantedSealed
from central_mdm.contract.heads import Alarm
from central_mdm.contract.journal import Outcome
from central_mdm.contract.partage import FileAnswer
from central_mdm.contract.roster import Change, ClassRow, PupilRow
from classroom_app.cli import main
from classroom_app.cloud.ports import SyncStore
from classroom_app.domain.acts import HandInKept
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId
from classroom_app.papers import SignedPapers
from classroom_app.storage.carrying import CarriedHere
from classroom_app.storage.engine import driver_of
from classroom_app.storage.erasing import note_erased
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.settings import read
from device_bridge.materials.library import Held, Library
from device_bridge.materials.manifest import decode
from tests.stores import CLASS, LESSON, NOON, ONE, ROSTER, SCOPE, SPOILS
from tests.stores.opening import opened, spoil, words
from tests.sync_store import MemoryStore, sum_of

pytestmark = pytest.mark.real_loop
OTHER = "class:another"


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[Keeping]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture(params=["real", "memory"])
def store(request: pytest.FixtureRequest, keeping: Keeping) -> SyncStore:
    return keeping if request.param == "real" else MemoryStore()


async def write(store: SyncStore, count: int) -> list[str]:
    """Let `count` events happen; return their ids."""
    for number in range(1, count + 1):
        if isinstance(store, MemoryStore):
            store.write(number)
        elif isinstance(store, Keeping):
            await store.remember(words(number))
    return [event.id for event in await store.waiting_events(count)]


async def pull(store: SyncStore, *rows: Change, epoch: str = "one", scope: str = SCOPE) -> bool:
    """Apply one last page that holds all of a scope."""
    return await store.apply(scope, epoch, rows, "end", len(rows), sum_of(rows))


async def test_a_scope_never_pulled_has_no_cursor(store: SyncStore) -> None:
    assert await store.cursor(SCOPE) == ("", "")


async def test_a_page_moves_the_cursor_and_the_sum_is_over_the_whole_scope(
    store: SyncStore,
) -> None:
    assert await store.apply(SCOPE, "one", ROSTER[:2], "middle", 0, "")
    assert await store.cursor(SCOPE) == ("one", "middle")
    assert await store.apply(SCOPE, "one", ROSTER[2:], "end", 5, sum_of(ROSTER))
    assert await store.cursor(SCOPE) == ("one", "end")


async def test_a_page_told_twice_is_one(store: SyncStore) -> None:
    assert await pull(store, *ROSTER)
    assert await pull(store, *ROSTER)


async def test_a_tombstone_takes_a_row_out_of_the_sum(store: SyncStore) -> None:
    assert await pull(store, *ROSTER)
    gone = Change(6, "pupil", ROSTER[1].id)
    left = [row for row in ROSTER if row is not ROSTER[1]]
    assert await store.apply(SCOPE, "one", (gone,), "later", len(left), sum_of(left))


@pytest.mark.parametrize(("count", "total"), [(4, sum_of(ROSTER)), (5, "0" * 16)])
async def test_a_sum_that_differs_has_this_scope_told_anew_and_no_other(
    store: SyncStore, count: int, total: str
) -> None:
    assert await pull(store, *ROSTER[:1], scope=OTHER)
    assert not await store.apply(SCOPE, "one", ROSTER, "end", count, total)
    assert await store.cursor(SCOPE) == ("", "")
    assert await store.cursor(OTHER) == ("one", "end")
    # The sum is over what is told now alone, by a server that has but this.
    assert await pull(store, ROSTER[0])
    assert await store.cursor(SCOPE) == ("one", "end")


async def test_a_class_that_does_not_add_up_is_there_until_another_is_told_in_its_place(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as keeping:
        assert await pull(keeping, *ROSTER)
        (taught,) = await keeping.classes()
        for _ in range(2):  # a server that is wrong each time it is asked
            assert not await keeping.apply(SCOPE, "one", ROSTER, "end", 9, sum_of(ROSTER))
            assert await keeping.classes() == (taught,)
    # The network went, and so did the app.
    async with opened(tmp_path) as keeping:
        assert await keeping.roster(CLASS) == taught
        assert await keeping.cursor(SCOPE) == ("", ""), "all of it is to be told"
        assert await pull(keeping, *ROSTER[:2])
        (told,) = await keeping.classes()
        assert (len(told.pupils), len(told.devices)) == (1, 0)


async def test_another_epoch_begins_the_scope_afresh(store: SyncStore) -> None:
    assert await pull(store, *ROSTER)
    # The sum is over the new page alone: nothing of the former epoch is left.
    assert await pull(store, ROSTER[0], epoch="two")
    assert await store.cursor(SCOPE) == ("two", "end")


async def test_scopes_that_are_no_longer_ours_go(store: SyncStore) -> None:
    assert await pull(store, *ROSTER)
    assert await pull(store, *ROSTER[:1], scope=OTHER)
    await store.keep_scopes((OTHER,))
    assert await store.cursor(SCOPE) == ("", "")
    assert await store.cursor(OTHER) == ("one", "end")
    await store.keep_scopes(())
    assert await store.cursor(OTHER) == ("", "")


async def test_events_wait_in_order_until_they_are_settled(store: SyncStore) -> None:
    ids = await write(store, 7)
    assert [event.sequence for event in await store.waiting_events(3)] == [1, 2, 3]
    await store.settled((Outcome(ids[1], "applied"), Outcome(ids[0], "refused", "malformed")))
    assert [event.id for event in await store.waiting_events(200)] == ids[2:]
    assert (await store.waiting_count(), await store.refused_count()) == (5, 1)


async def test_what_is_settled_out_of_order_leaves_the_others_waiting(store: SyncStore) -> None:
    ids = await write(store, 5)
    await store.settled(tuple(Outcome(each, "applied") for each in (ids[4], ids[2])))
    assert [event.id for event in await store.waiting_events(200)] == [ids[0], ids[1], ids[3]]
    await store.settled(tuple(Outcome(each, "applied") for each in (ids[0], ids[1], ids[3])))
    assert await store.waiting_count() == 0


async def test_an_answer_told_twice_or_for_nobody_changes_nothing(store: SyncStore) -> None:
    ids = await write(store, 3)
    await store.settled((Outcome(ids[0], "applied"),))
    await store.settled((Outcome(ids[0], "applied"),))
    await store.settled(())
    assert [event.id for event in await store.waiting_events(200)] == ids[1:]


async def test_events_that_happen_after_all_was_settled_wait(keeping: Keeping) -> None:
    ids = await write(keeping, 3)
    await keeping.settled(tuple(Outcome(each, "applied") for each in ids))
    assert await keeping.waiting_count() == 0
    await keeping.remember(words(4))
    assert [event.id for event in await keeping.waiting_events(200)] == ["words-4"]
    states = [kept.state for kept in await keeping.acts(LESSON, 10)]
    assert states == ["applied", "applied", "applied", "waiting"]


async def test_what_was_refused_is_counted_without_a_look_at_every_act(keeping: Keeping) -> None:
    seen = list[str]()

    def watched(connection: Connection) -> None:
        driver_of(connection).set_trace_callback(seen.append)

    await keeping.write(watched)
    assert await keeping.refused_count() == 0
    (counted,) = (statement for statement in seen if "FROM journal" in statement)
    plan = await keeping.write(
        lambda c: str(c.exec_driver_sql(f"EXPLAIN QUERY PLAN {counted}").all())
    )
    assert "ix_journal_refused" in plan


async def test_an_event_has_what_the_central_side_needs(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        (event,) = await keeping.waiting_events(1)
    assert (event.id, event.sequence, event.kind) == ("words-1", 1, "pupil-spoke")
    assert len(event.hash) == 64
    assert b"Question 1" in bytes(event.body)
    async with opened(tmp_path) as again:
        (same,) = await again.waiting_events(1)
    assert same == event  # the origin, too: this store is the same witness after a restart


async def test_the_newest_of_a_row_in_two_scopes_is_read(keeping: Keeping) -> None:
    renamed = Change(9, "class", CLASS, ClassRow(CLASS, "5e B, room 12"))
    assert await pull(keeping, renamed, scope="teacher:1")
    assert await pull(keeping, *ROSTER)
    (roster,) = await keeping.classes()
    assert roster.name == "5e B, room 12"
    assert [pupil.display for pupil in roster.pupils] == ["Amina", "Béla"]
    assert await keeping.roster(CLASS) == roster


async def test_classes_are_read_in_the_order_of_their_names(keeping: Keeping) -> None:
    names = "chorus", "6a", "Band"
    rows = [Change(n, "class", f"c{n}", ClassRow(f"c{n}", name)) for n, name in enumerate(names, 1)]
    assert await pull(keeping, *rows, scope="teacher:1")
    assert [roster.name for roster in await keeping.classes()] == ["6a", "Band", "chorus"]


async def test_a_class_is_read_in_the_order_of_its_seats(keeping: Keeping) -> None:
    rows = tuple(
        Change(n, "pupil", f"p{n}", PupilRow(f"p{n}", CLASS, "A", "B", f"A{n}", seat=10 - n))
        for n in range(2, 6)
    )
    assert await pull(keeping, ROSTER[0], *rows)
    (roster,) = await keeping.classes()
    assert [pupil.seat for pupil in roster.pupils] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("written", "shown"),
    [("line\nbreak", "line break"), ("\u202eanibaS", "anibaS"), (" \u200b ", "p2")],
)
async def test_a_name_of_an_import_is_one_plain_line(
    keeping: Keeping, written: str, shown: str
) -> None:
    row = Change(2, "pupil", "p2", PupilRow("p2", CLASS, "A", "B", written))
    assert await pull(keeping, ROSTER[0], row)
    (roster,) = await keeping.classes()
    assert [pupil.display for pupil in roster.pupils] == [shown]


def keep_file(library: Library, path: Path, content: bytes) -> Held:
    path.write_bytes(content)
    return library.keep(path)


async def hand_in(keeping: Keeping, number: int, folder: Path, content: bytes) -> None:
    held = keep_file(keeping.library, folder / f"{number}.mp4", content)
    await keeping.remember(
        HandInKept(
            id=f"work-{number}",
            lesson=LessonId(LESSON),
            at=NOON,
            ticket="ticket-1",
            device=DeviceId(ONE),
            class_id=CLASS,
            pupil=PupilId(f"pupil-{number}"),
            name=f"work {number}.pdf",
            path=f"5e B/work {number}.pdf",
            document=held.document.hex(),
            size=held.size,
        )
    )


async def test_collected_work_waits_with_its_chunks_until_it_is_kept(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number in (1, 2):
        await hand_in(keeping, number, tmp_path, b"%d" % number * 5_000_000)
    first, second = await keeping.waiting_files(10)
    assert (first.id, first.pupil, first.name) == ("work-1", "pupil-1", "work 1.pdf")
    assert [each.id for each in await keeping.waiting_files(1)] == ["work-1"]
    assert await keeping.waiting_count() == 4  # two events, two files
    reading = keeping.library.open(bytes.fromhex(await document_of(keeping, "work-1")))
    chunks = [await keeping.chunk(first.manifest, digest) for digest in reading.places]
    reading.close()
    assert sorted(map(len, filter(None, chunks))) == [805_696, 4_194_304]
    assert await keeping.chunk(first.manifest, bytes(32)) is None
    await keeping.file_settled(first.id, FileAnswer(first.id, "kept", document="ab" * 32))
    assert [each.id for each in await keeping.waiting_files(10)] == [second.id]
    await keeping.file_settled(second.id, FileAnswer(second.id, "refused", reason="too-large"))
    assert not await keeping.waiting_files(10)
    assert await keeping.refused_count() == 1


async def test_work_that_the_server_could_not_show_is_suspected_until_it_is_kept(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number in (1, 2):
        await hand_in(keeping, number, tmp_path, b"work %d" % number)
    assert await keeping.suspected_files() == frozenset()
    await keeping.suspect_file("work-1")
    assert await keeping.suspected_files() == {"work-1"}
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-1", "work-2"]
    assert (await keeping.waiting_work())[0] == (await keeping.standing()).files == 2
    assert await keeping.waiting_count() == 4  # two events, two files
    assert await keeping.doubt_work() == 0, "it waits already, and stays suspected"
    await keeping.file_settled("work-1", FileAnswer("work-1", "kept"))
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-2"]
    await keeping.suspect_file("work-1")
    assert await keeping.suspected_files() == frozenset(), "it was settled meanwhile"


async def document_of(keeping: Keeping, work: str) -> str:
    kept = await keeping.acts(LESSON, 10)
    acts = [each.act for each in kept if isinstance(each.act, HandInKept)]
    return next(act.document for act in acts if act.id == work)


async def test_work_that_the_library_lost_is_shown_and_holds_nothing_up(
    keeping: Keeping, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        await hand_in(keeping, number, tmp_path, b"work %d" % number)
    keeping.library.drop(bytes.fromhex(await document_of(keeping, "work-1")))
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-2"]
    assert await keeping.refused_count() == 1
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-2"]
    caplog.clear()  # "work lost here": a person should look


@pytest.mark.parametrize("spoilt", SPOILS)
async def test_work_of_which_the_journal_cannot_tell_is_counted_once_and_holds_nothing_up(
    keeping: Keeping, tmp_path: Path, caplog: pytest.LogCaptureFixture, spoilt: tuple[str, bytes]
) -> None:
    for number in (1, 2, 3):
        await hand_in(keeping, number, tmp_path, b"work %d" % number)
    await keeping.file_settled("work-3", FileAnswer("work-3", "kept"))
    await spoil(keeping, *spoilt, "work-1", "work-3")
    assert (await keeping.standing()).files == 2
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-2"]
    assert await keeping.waiting_work() == (1, len(b"work 2"))
    assert await keeping.doubt_work() == 0, "nobody knows whether it is here"
    assert await keeping.lacking_files({"work-3"}) == 1
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-2"]
    assert await keeping.waiting_count() == 3 + 1
    stands = await keeping.standing()
    assert (stands.decided, set(stands.further)) == ((), {"work-1", "work-3"})
    assert await keeping.refused_count() == 2
    assert await keeping.works(stands.further) == ()
    await keeping.seen(stands.further)
    assert await keeping.refused_count() == 0
    caplog.clear()  # "an act cannot be read", "work lost here"


async def test_work_that_cannot_be_read_now_waits_and_holds_nothing_up(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number in (1, 2):
        await hand_in(keeping, number, tmp_path, b"work %d" % number)
    offered = {each.id: each for each in await keeping.waiting_files(10)}
    (digest,) = [one.hash for one in decode(offered["work-1"].manifest).chunks]
    path = keeping.library.path_of(bytes.fromhex(await document_of(keeping, "work-1")))
    path.rename(aside := tmp_path / "aside")
    path.symlink_to(path)  # a disk that gives an error
    assert [each.id for each in await keeping.waiting_files(1)] == ["work-2"]
    with pytest.raises(NotKept):
        await keeping.chunk(offered["work-1"].manifest, digest)
    await keeping.file_settled("work-2", FileAnswer("work-2", "kept"))
    with pytest.raises(NotKept):
        await keeping.waiting_files(10)
    assert await keeping.refused_count() == 0
    await keeping.file_settled("work-1", FileAnswer("work-1", "kept"))
    assert await keeping.doubt_work() == 2, "it may be here"
    aside.replace(path)
    assert await keeping.chunk(offered["work-1"].manifest, digest) == b"work 1"
    assert [each.id for each in await keeping.waiting_files(10)] == ["work-1", "work-2"]


async def test_a_chunk_that_the_disk_let_rot_or_cut_is_lost_and_not_sent_under_its_name(
    keeping: Keeping, tmp_path: Path
) -> None:
    await hand_in(keeping, 1, tmp_path, b"written by a pupil")
    (offered,) = await keeping.waiting_files(1)
    (digest,) = [one.hash for one in decode(offered.manifest).chunks]
    assert await keeping.chunk(offered.manifest, digest) == b"written by a pupil"
    path = keeping.library.path_of(blake3(offered.manifest).digest())
    for lies_there in (b"writteN by a pupil", b"written by"):
        path.write_bytes(lies_there)
        assert await keeping.chunk(offered.manifest, digest) is None


async def test_what_the_school_decided_is_listed_until_a_person_has_seen_it(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number, size in ((1, 3000), (2, 20), (3, 500)):
        await hand_in(keeping, number, tmp_path, b"%d" % number * size)
    assert [each.id for each in await keeping.waiting_files(9)] == ["work-2", "work-3", "work-1"]
    refused = FileAnswer("work-2", "refused", reason="foreign-pupil")
    await keeping.file_settled("work-2", refused)
    await keeping.settled((Outcome("work-3", "refused", "foreign-class"),))
    stands = await keeping.standing()
    assert (stands.events, stands.files, stands.file_bytes) == (2, 2, 3500)
    told = [(one.act.id, one.reason, one.work) for one in stands.decided]
    assert told == [("work-3", "foreign-class", False), ("work-2", "foreign-pupil", True)]
    await keeping.seen(["work-2", "work-3"])
    assert (await keeping.refused_count(), (await keeping.standing()).decided) == (0, ())
    assert [each.id for each in await keeping.waiting_files(9)] == ["work-3", "work-1"]


async def test_what_a_restored_central_side_lost_waits_again_what_it_had_refused_as_well(
    store: SyncStore,
) -> None:
    ids = await write(store, 6)
    whys = {ids[3]: "foreign-class", ids[5]: "malformed"}
    await store.settled(
        tuple(Outcome(i, "refused" if i in whys else "applied", whys.get(i, "")) for i in ids)
    )
    assert await store.unsettle(5) == 0, "what it could not read it never had"
    assert await store.waiting_count() == 0
    assert await store.lost(2) == 3
    assert await store.waiting_count() == 0, "it was asked only"
    assert await store.unsettle(2) == 3
    assert [event.id for event in await store.waiting_events(9)] == ids[2:5]
    assert await store.refused_count() == 1


@pytest.mark.parametrize("part", [1, 2, 500])
async def test_after_a_restore_kept_work_is_offered_anew_where_it_is_still_here(
    keeping: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr("classroom_app.storage.hand_ins.IDS_A_STATEMENT", part)
    for number in (1, 2, 3):
        await hand_in(keeping, number, tmp_path, b"%d" % number * 50)
    for name in ("work-1", "work-2"):
        await keeping.file_settled(name, FileAnswer(name, "kept"))
    refused = FileAnswer("work-3", "refused", reason="foreign-pupil")
    await keeping.file_settled("work-3", refused)
    keeping.library.drop(bytes.fromhex(await document_of(keeping, "work-2")))
    assert await keeping.waiting_files(9) == ()
    assert await keeping.doubt_work() == 2
    assert [each.id for each in await keeping.waiting_files(9)] == ["work-1", "work-3"]


async def test_kept_work_is_unsure_until_it_is_asked_for_after_an_act_that_was_taken(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number in (1, 2, 3, 4):
        await hand_in(keeping, number, tmp_path, b"%d" % number * 50)
    await keeping.file_settled("work-2", FileAnswer("work-2", "kept"))
    await keeping.settled((Outcome("work-4", "applied"),))
    assert await keeping.unsure_files(all_of_them=True) == ("work-2",)
    assert await keeping.unsure_files(all_of_them=False) == (), "it was written before"
    await hand_in(keeping, 5, tmp_path, b"5")
    await keeping.settled((Outcome("work-5", "refused", "foreign-class"),))
    assert await keeping.unsure_files(all_of_them=False) == (), "what is refused tells nothing"
    await hand_in(keeping, 6, tmp_path, b"6")
    await keeping.settled((Outcome("work-6", "applied"),))
    await keeping.file_settled("work-1", FileAnswer("work-1", "kept"))
    await keeping.file_settled("work-3", FileAnswer("work-3", "refused", reason="foreign-pupil"))
    assert await keeping.unsure_files(all_of_them=False) == ("work-2",)
    assert await keeping.unsure_files(all_of_them=True) == ("work-1", "work-2")
    await keeping.sure_files(("work-1", "work-2", "work-3"))
    assert await keeping.unsure_files(all_of_them=True) == ("work-1",)
    assert await keeping.lacking_files({"work-1", "work-2", "nothing"}) == 1
    waiting = [each.id for each in await keeping.waiting_files(9)]
    assert waiting == ["work-5", "work-6", "work-1", "work-4"], "of what is sure no word is taken"
    await keeping.file_settled("work-1", FileAnswer("work-1", "kept"))
    await keeping.write(partial(note_erased, ["pupil-1"]))
    assert await keeping.lacking_files({"work-1"}) == 0
    assert await keeping.unsure_files(all_of_them=True) == ()


async def test_after_a_restore_a_refusal_is_told_by_what_is_decided_then(
    keeping: Keeping, tmp_path: Path
) -> None:
    for number in (1, 2):
        await hand_in(keeping, number, tmp_path, b"%d" % number * 50)
    await keeping.settled(
        (Outcome("work-1", "refused", "foreign-class"), Outcome("work-2", "applied"))
    )
    await keeping.file_settled("work-1", FileAnswer("work-1", "refused", reason="foreign-class"))
    await keeping.file_settled("work-2", FileAnswer("work-2", "refused", reason="no-room"))
    await keeping.seen(["work-1"])
    await keeping.unsettle(0)
    await keeping.settled((Outcome("work-1", "applied"), Outcome("work-2", "applied")))
    told = [(one.act.id, one.reason) for one in (await keeping.standing()).decided]
    assert told == [("work-2", "no-room")], "its file was refused, and nobody has seen that"
    await keeping.doubt_work()
    await keeping.file_settled("work-1", FileAnswer("work-1", "kept"))
    await keeping.file_settled("work-2", FileAnswer("work-2", "refused", reason="foreign-pupil"))
    told = [(one.act.id, one.reason) for one in (await keeping.standing()).decided]
    assert told == [("work-2", "foreign-pupil")]


async def test_an_alarm_is_new_once(store: SyncStore) -> None:
    alarm = Alarm(5, "lock-untold", "device", "dev-1", "dev-1", "lesson-1")
    assert await store.alarmed(()) is False
    assert [await store.alarmed((alarm,)) for _ in range(2)] == [True, False]
    assert await store.heads_told(()) is None
    assert await store.waiting_heads(5) == ()


async def test_the_command_looks_through_a_teachers_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "teacher")
    command = partial(asyncio.to_thread, main)
    assert await command(["--home", home, "journal", "verify"]) == 2
    async with opened(Path(home)) as keeping:
        for number in range(5):
            await keeping.remember(words(number))
        capsys.readouterr()
        assert await command(["--home", home, "journal", "verify"]) == 2
        assert "Close it first" in capsys.readouterr().err
    assert await command(["--home", home, "journal", "verify"]) == 0
    assert capsys.readouterr().out == "The journal is whole: 5 entries.\n"
    async with opened(Path(home)) as keeping:
        harm = text("DELETE FROM journal WHERE sequence = 3")
        await keeping.write(lambda c: c.execute(harm))
    assert await command(["--home", home, "journal", "verify", "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["entries"], verdict["fault"]["what"], verdict["fault"]["id"]) == (
        2,
        "removed",
        "words-3",
    )


async def test_two_who_change_the_papers_at_once_put_back_nothing_old(keeping: Keeping) -> None:
    await keeping.keep_refresh("of nobody")
    assert await keeping.papers() is None
    papers = SignedPapers("a server", "school", "School", "t-1", "Name", "key", "cert", "root")
    await keeping.keep_papers(papers)
    await asyncio.gather(
        keeping.keep_refresh("the next"),
        keeping.keep_deny_list("a newer list"),
        keeping.change_papers(grant="a grant of today"),
    )
    await keeping.keep_floor(NOON)
    await keeping.keep_floor(NOON - 1)
    kept = {"refresh": "the next", "deny_list": "a newer list", "grant": "a grant of today"}
    kept |= {"floor": NOON}
    assert await keeping.papers() == replace(papers, **kept)
    assert (await keeping.write(read))["papers"] == keeping.chosen["papers"]


async def test_what_is_carried_under_a_root_of_the_school_ends_with_it(keeping: Keeping) -> None:
    papers = SignedPapers("a server", "school", "School", "t-1", "Name", "key", "cert", "root")
    await keeping.keep_papers(papers)

    async def carried() -> tuple[str, CarriedHere]:
        given = WantedSealed("dev-1", 5, b"for the device")
        await keeping.keep_bundle("dev-1", b"for the MDM")
        await keeping.carried((), Carried("sealing", wanted=(given,)))
        return await keeping.carried_for("dev-1")

    held = ("sealing", CarriedHere(5, b"for the device", bundle=b"for the MDM"))
    assert await carried() == held
    await keeping.change_papers(grant="a grant of today")
    await keeping.keep_papers(papers)
    assert await keeping.carried_for("dev-1") == held
    await keeping.change_papers(root="the next root")
    assert await keeping.carried_for("dev-1") == ("", CarriedHere())
    assert await carried() == held
    await keeping.keep_papers(replace(papers, root="the third root"))
    assert await keeping.carried_for("dev-1") == ("", CarriedHere())
    assert await keeping.papers() == replace(papers, root="the third root")


async def test_when_all_was_last_exchanged_is_known_at_the_next_start_of_that_school_and_server(
    tmp_path: Path,
) -> None:
    papers = SignedPapers("a server", "school", "School", "t-1", "Name", "key", "cert", "root")
    async with opened(tmp_path) as keeping:
        assert keeping.in_step_at() == 0.0
        await keeping.keep_papers(papers)
        await keeping.keep_in_step(NOON + 0.5)
        await keeping.keep_papers(replace(papers, certificate="renewed"))
    async with opened(tmp_path) as keeping:
        assert keeping.in_step_at() == NOON + 0.5
        await keeping.change_papers(server="another server", refresh="its token")
        assert (keeping.in_step_at(), keeping.server()) == (0.0, "another server")
        await keeping.keep_in_step(NOON)
        await keeping.keep_papers(replace(papers, server="another server", school="other"))
        assert keeping.in_step_at() == 0.0
    async with opened(tmp_path) as keeping:
        assert keeping.in_step_at() == 0.0
