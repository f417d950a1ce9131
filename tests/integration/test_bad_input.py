"""Bad input in the middle of a lesson: one thing is wrong, a sentence says so, the rest goes on.

The list of issue 3, and where each line of it is tried beside here:

| What is wrong                          | Here: named by          | In depth                    |
|----------------------------------------|-------------------------|-----------------------------|
| a device with another CA's certificate | another_ca              | test_link_hostile           |
| an expired grant                       | right_that_end          | test_link_hostile           |
| a name of 10,000 characters            | ten_thousand_characters | test_mdm_roster             |
| a PDF that is not one                  | no_pdf                  | test_guard_device           |
| a zero-byte file                       | empty_file              | test_materials_bulk         |
| a 3 GB file with 1 GB free             | three_gigabytes         | test_small_disks            |
| a roster with the same pupil twice     | pupil_twice             | test_mdm_roster             |
| an MDM: 500, HTML, slowly, never       | sick_server             | test_cloud_client           |
| a full disk                            | full_disk               | test_small_disks            |
| a clock an hour off                    | hour_off                | test_guard_features         |
| two teachers with one class            | two_teachers            | test_attention              |
"""

import os
import time
from pathlib import Path

import pytest
from blake3 import blake3

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, Manifest
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.errors import EmptyFile, GrantEnded, NotAPdf, StoreFull
from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State
from classroom_app.presenters.receipts import School, received
from classroom_app.presenters.sentences import refusal, tile_words
from classroom_app.presenters.standing import failed_words
from classroom_app.presenters.words import day
from classroom_app.school import RoomClock
from device_bridge.agent.guard.makings import LibraryOptions
from device_bridge.materials.library import RESERVE_BYTES, Held
from device_bridge.materials.manifest import document_of, encode
from tests.disks import disk
from tests.false_servers import answering, drip, hang, speaking
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, hand_in_of, meet, now, teacher, until

pytestmark = pytest.mark.real_loop
PLACES = (Place("device-1", "lina", "Lina"), Place("device-2", "hugo", "Hugo"))
DAY = 86_400
GIGABYTE = 1024**3


async def lock_all(app: Teacher) -> None:
    await app.school.acts.lock(app.school.room.tiles(), "Eyes up")


def file_of(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


async def test_a_device_of_another_ca_says_so_on_its_tile(tmp_path: Path) -> None:
    school, other = SmallSchool(), SmallSchool("school-2")
    async with (
        device(school, tmp_path / "ours", "device-1") as ours,
        device(other, tmp_path / "theirs", "device-2") as theirs,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.start()
        meet(app, ours, theirs)
        await until(lambda: app.here("lina") and app.tile("hugo").reason)
        await lock_all(app)
        await until(lambda: app.tile("lina").held)
        hugo = app.tile("hugo")
        assert (hugo.state, hugo.held) == (State.NOT_HERE, False)
        assert tile_words(hugo, 0.0).second == "not of this school"
        assert not theirs.guard.held.attention.locked
        assert app.refused == []


async def test_a_right_that_ended_is_told_with_its_day_and_the_devices_say_so(
    tmp_path: Path,
) -> None:
    """One device has heard from the school since, the other has not and cannot know."""
    at = now()  # its day is said below, and midnight may come between
    school = SmallSchool(now=at)
    identity = school.identity("teacher", "teacher-1")
    old = school.grant(identity, issued_at=at - 8 * DAY)
    async with (
        device(school, tmp_path / "1", "device-1") as unaware,
        device(school, tmp_path / "2", "device-2") as aware,
        teacher(school, tmp_path / "app", PLACES, identity=identity, grant=old) as app,
    ):
        aware.guard.ground.signed_at(now())
        await app.start()
        meet(app, unaware, aware)
        await until(lambda: app.here("lina") and app.tile("hugo").reason)
        assert tile_words(app.tile("hugo"), 0.0).second == "your right has ended"
        assert not aware.guard.presence.held.on
        ended = [error for error in app.refused if isinstance(error, GrantEnded)]
        ended_on = day(at - DAY)
        assert {refusal(error) for error in ended} == {
            f"Your right for 5e B ended on {ended_on}. Sign in once online."
        }
        assert len(ended) == 1
        await lock_all(app)
        await until(lambda: app.tile("lina").held)


async def test_a_right_that_ends_in_the_lesson_makes_the_tile_say_why_it_is_not_locked(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", clock_off_seconds=8 * DAY) as one,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.begin_with(one)
        one.guard.ground.signed_at(now() + 8 * DAY)  # as its own clock says
        await lock_all(app)
        await until(lambda: app.tile("lina").state is State.NOT_COVERED)
        assert tile_words(app.tile("lina"), 0.0).title == "your right has ended"
        assert not app.tile("lina").held


async def test_words_of_ten_thousand_characters_are_cut_and_reach_everyone(tmp_path: Path) -> None:
    school, long = SmallSchool(), "é" * 10_000
    places = (Place("device-1", "lina", long), Place("device-2", "hugo", "Hugo"))
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", places, teacher_name=long[:64]) as app,
    ):
        await app.begin_with(one, two)
        tiles = app.school.room.tiles()
        await app.school.acts.lock(tiles, long)
        await until(lambda: all(tile.held for tile in app.school.room.tiles()))
        await app.school.acts.message(tiles, long)
        assert one.guard.held.attention.sentence == long[:200]
        assert list(one.guard.talking.notices) == [long[:2000]]
        assert app.receipts[-1].done == 2


async def test_a_file_that_is_no_pdf_and_an_empty_file_keep_the_good_one_not_back(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    false = file_of(tmp_path, "fiche.pdf", b"<html>no worksheet</html>")
    empty = file_of(tmp_path, "vide.odt", b"")
    good = file_of(tmp_path, "plan.pdf", b"%PDF-1.4\n" + os.urandom(100_000))
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES[:1]) as app,
    ):
        await app.begin_with(one)
        tiles = app.school.room.tiles()
        for path, kind, words in (
            (false, NotAPdf, "fiche.pdf is not the kind of file its name says."),
            (empty, EmptyFile, "vide.odt is empty. Choose another file."),
            (tmp_path / "gone.odt", FileNotFoundError, "gone.odt is not there any more."),
        ):
            with pytest.raises(kind) as caught:
                await app.school.acts.hand_out(tiles, [path, good])
            assert refusal(caught.value).startswith(words)
        await until(lambda: app.receipt().done == 1, "the good file came")
        received_ = [path.name for path in one.guard.materials.folder.iterdir()]
        assert received_[0].startswith("plan")
        assert not any("vide" in name or "fiche" in name for name in received_)


async def test_an_empty_file_a_pupil_hands_in_is_kept_as_it_is(tmp_path: Path) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES[:1]) as app,
    ):
        await app.begin_with(one)
        file_of(hand_in_of(one), "vide.txt", b"")
        file_of(hand_in_of(one), "devoir.txt", b"fini")
        await app.school.acts.collect(app.school.room.tiles())
        await until(lambda: app.receipt().done == 1, "collected")
        laid = {path.name: path.read_bytes() for path in (tmp_path / "app").rglob("*.txt")}
        assert laid == {"vide.txt": b"", "devoir.txt": b"fini"}


async def test_three_gigabytes_with_one_free_are_told_by_name_need_and_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = SmallSchool()
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(3 * GIGABYTE)
    plan = file_of(tmp_path, "plan.odt", os.urandom(100_000))
    with disk(tmp_path / "disk", "1g") as small:
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            device(school, small.folder / "2", "device-2", library=LibraryOptions()) as full,
            teacher(school, tmp_path / "app", PLACES) as app,
        ):
            await app.begin_with(one, full)
            with monkeypatch.context() as patch:
                patch.setattr(app.school.materials, "_library", Shelves(tmp_path / "app"))
                await app.school.acts.hand_out(app.tiles("hugo"), [film])
            await until(lambda: app.receipt().failed, "it said so")
            said = received(app.receipt())
            assert said.text == "film.mp4: arrived at 0 of 1"
            # Of 1.07 GB it keeps its system the 64 MiB that are reserved.
            hugo = "Hugo: no room for film.mp4 (needs 3.2 GB, has 1.0 GB)"
            assert said.second == f"{hugo} · Later, on return: Hugo"  # and not Lina, who gets none
            assert full.guard.materials.fetched_bytes < 40_000, "the manifest of 768 chunks"
            assert [path for path in full.guard.folder.library.rglob("*") if path.is_file()] == []
            await app.school.acts.hand_out(app.school.room.tiles(), [plan])
            await until(lambda: app.receipt().done == 2, "what fits comes to everyone")
            for each in (one, full):
                assert [path.name for path in each.guard.materials.folder.iterdir()] == ["plan.odt"]
            await lock_all(app)
            await until(lambda: app.tile("hugo").held)


class Shelves:
    """The teacher's library for one file of zeros: to copy and hash 3 GB takes 13 s."""

    def __init__(self, home: Path) -> None:
        self._documents = home / "library" / "documents"

    def keep(self, path: Path) -> Held:
        size = path.stat().st_size
        chunk = ChunkRef(CHUNK_BYTES_MAX, blake3(bytes(CHUNK_BYTES_MAX)).digest())
        raw = encode(Manifest(1, "fixed-4m", size, (chunk,) * (size // CHUNK_BYTES_MAX)))
        document = document_of(raw)
        (self._documents / f"{document.hex()}.manifest").write_bytes(raw)
        (self._documents / document.hex()).hardlink_to(path)
        return Held(document, size)


async def test_a_pupil_twice_in_the_roster_sits_once_and_the_other_device_is_nobodys(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    places = (*PLACES, Place("device-3", "lina", "Lina"))
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "3", "device-3") as twice,
        teacher(school, tmp_path / "app", places) as app,
    ):
        await app.begin_with(one, twice)
        assert [tile.key for tile in app.school.room.tiles()] == ["lina", "hugo", "device-3"]
        assert app.tile("lina").device == "device-1"
        await lock_all(app)
        await until(lambda: app.tile("lina").held and app.tile("device-3").held)


SICK = {
    "500": answering("500 Internal Server Error", "text/plain", b"oh"),
    "html": answering("200 OK", "text/html", b"<html>Welcome to the hotel's wifi</html>"),
    "slow": drip,
    "never": hang,
}


@pytest.mark.parametrize(
    ("illness", "word", "sentence"),
    [
        ("500", "try-again", "The school's server asked for some patience. All waits here."),
        (
            "html",
            "portal",
            (
                "This network wants you to sign in first: open any page in your browser."
                " All waits here."
            ),
        ),
        (
            "slow",
            "unreachable",
            "The school's server is out of reach. All waits here, and goes later.",
        ),
        (
            "never",
            "unreachable",
            "The school's server is out of reach. All waits here, and goes later.",
        ),
    ],
)
async def test_a_sick_server_is_named_and_no_lesson_waits_for_it(
    tmp_path: Path, illness: str, word: str, sentence: str
) -> None:
    school = SmallSchool()
    async with (
        speaking(SICK[illness]) as url,
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES[:1], server=url) as app,
    ):
        await app.begin_with(one)
        await lock_all(app)
        await until(lambda: app.tile("lina").held)
        with pytest.raises(CloudError) as caught:
            await app.school.acts.sync_now()
        school = School(why=app.school.sync.state.why)
        assert failed_words(school, caught.value) == sentence
        assert app.school.sync.state.why == word
        assert app.school.sync.state.waiting == len(await app.keeping.journal_ids()) > 0
        assert app.refused == []


async def test_a_full_disk_here_refuses_what_it_cannot_write_and_loses_nothing(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    with disk(tmp_path / "disk", "16m") as small:
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, small.folder / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            await lock_all(app)
            await until(lambda: app.tile("lina").held)
            small.fill()
            with pytest.raises(StoreFull) as caught:
                await lock_until_it_is_full(app)
            assert refusal(caught.value) == "This computer is full. Make room; nothing is lost."
            written = await app.keeping.journal_ids()
            declared = app.school.room.lock_of(DeviceId("device-1"))
            with pytest.raises(StoreFull):
                await lock_all(app)
            assert app.school.room.lock_of(DeviceId("device-1")) == declared  # not told either
            with pytest.raises(StoreFull):
                await app.school.acts.free(app.school.room.tiles())
            await until(lambda: app.tile("lina").free)  # but nobody stays locked for it
            small.empty()
            assert (await app.keeping.journal_ids())[: len(written)] == written
            await lock_all(app)
            await until(lambda: app.tile("lina").held)
            await app.school.acts.free(app.school.room.tiles())
            await until(lambda: app.tile("lina").free)
            assert await app.keeping.verify() is None


async def test_whom_the_school_ends_is_kept_out_in_this_lesson_also_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: str) -> None:
        raise StoreFull

    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES[:1]) as app,
    ):
        await app.begin_with(one)
        monkeypatch.setattr(app.keeping, "keep_deny_list", full)
        ended = school.deny_list(3, school.identity("teacher", "teacher-9"))
        with pytest.raises(StoreFull):
            await app.school.deny(ended)
        await until(lambda: one.guard.deny_list == ended)


async def lock_until_it_is_full(app: Teacher) -> None:
    for _ in range(100):  # a page or two a time
        await lock_all(app)


async def test_work_that_finds_a_full_disk_waits_and_comes_when_there_is_room(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    with disk(tmp_path / "disk", "80m") as small:
        async with (
            device(school, tmp_path / "1", "device-1") as one,
            teacher(school, small.folder / "app", PLACES[:1]) as app,
        ):
            await app.begin_with(one)
            file_of(hand_in_of(one), "devoir.txt", b"fini")
            small.fill(leaving=RESERVE_BYTES // 2)  # the journal's, not pupils'
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().failed, "it said so")
            assert received(app.receipt()).second.startswith(
                "This computer is full. Collecting stopped at 0; nothing is lost."
            )
            small.empty()
            await app.school.acts.collect(app.school.room.tiles())
            await until(lambda: app.receipt().done == 1)
            assert (hand_in_of(one) / "devoir.txt").read_bytes() == b"fini"


@pytest.mark.parametrize(
    "off_seconds",
    [-3600.0, 3600.0, pytest.param(-time.time(), id="1970"), 10 * 365 * 86400.0],
)
async def test_a_device_whose_clock_is_an_hour_or_years_off_works_and_its_tile_says_so(
    tmp_path: Path, off_seconds: float
) -> None:
    """Behind is known by what the school has signed, 1970 too; ahead by the app's own time."""
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1", clock_off_seconds=off_seconds) as one,
        teacher(school, tmp_path / "app", PLACES[:1]) as app,
    ):
        await app.begin_with(one)
        await lock_all(app)
        await until(lambda: app.tile("lina").held)
        await until(lambda: app.tile("lina").state is State.CLOCK)
        words = tile_words(app.tile("lina"), 0.0)
        assert (words.title, words.second) == ("Clock is wrong", "works; times may differ")


class Shifted(RoomClock):
    """A teacher's laptop whose clock is wrong."""

    def __init__(self, off_seconds: int) -> None:
        self.off_seconds = off_seconds

    def utc(self) -> int:
        return super().utc() + self.off_seconds


@pytest.mark.parametrize("off_seconds", [-3600, 3600])
async def test_a_teachers_clock_an_hour_off_changes_nothing_in_the_room(
    tmp_path: Path, off_seconds: int
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", PLACES[:1]) as app,
    ):
        app.school.room.clock = Shifted(off_seconds)
        await app.begin_with(one)
        await lock_all(app)
        await until(lambda: app.tile("lina").state is State.LOCKED)
        assert 2900 < one.guard.presence.held.author.until - time.monotonic() <= 3000
        await app.school.acts.end()
        await until(lambda: not one.guard.held.attention.locked)


async def test_of_two_teachers_with_one_class_the_first_is_told_who_has_it_and_gets_it_back(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "vidal", PLACES[:1]) as vidal,
        teacher(
            school, tmp_path / "okafor", PLACES[:1], name="teacher-2", teacher_name="Mr Okafor"
        ) as okafor,
    ):
        await vidal.begin_with(one)
        await lock_all(vidal)
        await until(lambda: vidal.tile("lina").held)
        await okafor.start()
        meet(okafor, one)
        await until(lambda: okafor.here("lina") and okafor.tile("lina").free)
        await until(lambda: vidal.tile("lina").state is State.OTHER_LESSON)
        words = tile_words(vidal.tile("lina"), 0.0)
        assert (words.title, words.second) == ("In another lesson", "Mr Okafor")
        await lock_all(vidal)  # an old number moves nothing, and is not counted
        assert not vidal.tile("lina").held
        await okafor.school.acts.end()
        await until(lambda: vidal.tile("lina").state is State.LOCKED, "it goes on as it was")
