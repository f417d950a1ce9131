"""What the school decides otherwise than a teacher wrote it: told by names, and saved elsewhere."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from central_mdm.contract.journal import Outcome
from central_mdm.contract.partage import FileAnswer
from central_mdm.contract.register import Move
from central_mdm.journal.rules import gaps
from central_mdm.roster.administering import move
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import Sync
from classroom_app.domain.acts import AnyAct, HandInKept, LessonStarted
from classroom_app.domain.errors import NotSaved, SavingFull
from classroom_app.domain.lesson import ClassId, DeviceId, LessonId, PupilId
from classroom_app.presenters.standing import (
    DecidedRow,
    decided_words,
    refused_acts,
    refused_words,
    works_to_save,
)
from classroom_app.saving import save_works
from classroom_app.standing import stands
from classroom_app.storage import acts
from classroom_app.storage import standing as storage_standing
from classroom_app.storage.keeping import Keeping
from tests.disks import NoMounts, disk
from tests.mdm import Mdm, Prepared, new_request, running
from tests.stores.opening import opened, spoil
from tests.sync_store import Trusting

pytestmark = pytest.mark.real_loop
LESSON, CLASS = LessonId("lesson-1"), ClassId("5B")


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[Keeping]:
    async with opened(tmp_path / "app") as made:
        yield made


@pytest.fixture
async def mdm(tmp_path: Path, school_on: Callable[[str], Prepared]) -> AsyncIterator[Mdm]:
    folder = tmp_path / "mdm"
    with school_on("sqlite").copy(folder) as url:
        async with running(folder, url) as made:
            yield made


async def signed_in(mdm: Mdm, keeping: Keeping) -> Sync:
    cloud = Cloud(now=mdm.clock)
    cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage]
    password = next(t["password"] for t in mdm.sample["teachers"] if t["login"] == "lambert")
    await cloud.sign_in("http://mdm", mdm.school, "lambert", password, new_request())
    return Sync(cloud, keeping, Trusting(), lambda _: None, lambda: 1.0, lambda: 1.0)


async def lesson(keeping: Keeping, at: int) -> None:
    begun = LessonStarted(
        id="begun",
        lesson=LESSON,
        at=at,
        class_id=CLASS,
        class_name="5e B",
        teacher_name="Lambert",
        ends_at=at + 3000,
    )
    await keeping.remember(begun)


async def hand_in(
    keeping: Keeping, number: int, content: bytes, pupil: str = "p-1", who: str = "Ada"
) -> str:
    """Take a pupil's work in, as a lesson does; return its act."""
    source = keeping.path.with_name("pond.pdf")
    source.write_bytes(content)
    held = keeping.library.keep(source)
    work = HandInKept(
        id=f"work-{number}",
        lesson=LESSON,
        at=1_795_500_000 + number,
        ticket="ticket-1",
        device=DeviceId("d-1"),
        class_id=CLASS,
        pupil=PupilId(pupil),
        name="pond.pdf",
        path=f"5e B/2026-11-24 10.00.00/{who}/pond.pdf",
        document=held.document.hex(),
        size=held.size,
    )
    await keeping.remember(work)
    return work.id


async def test_a_pupil_who_moved_meanwhile_is_told_of_by_name_class_and_new_class(
    mdm: Mdm, keeping: Keeping
) -> None:
    sync = await signed_in(mdm, keeping)
    await sync.once()
    (roster,) = [one for one in await keeping.classes() if one.id == CLASS]
    pupil, name = roster.pupils[0].id, roster.pupils[0].display
    await lesson(keeping, mdm.clock.at)
    await hand_in(keeping, 1, b"one", pupil, name)

    async def decided() -> DecidedRow:
        await sync.once()
        (row,) = (await stands(keeping)).decided
        assert (sync.state.refused, sync.state.waiting) == (1, 0)
        return row

    await move(mdm.ground, mdm.school, Move(pupil, CLASS, "4A"))
    told = await decided()
    assert (told.why, told.work, told.saves, told.lesson_at) == (
        "foreign-pupil",
        True,
        True,
        mdm.clock.at,
    )
    (now,) = [one.name for one in await keeping.classes() if one.id == "4A"]
    assert decided_words(told) == f"{name} is now in {now}, no longer in 5e B. The work stays here."
    await move(mdm.ground, mdm.school, Move(pupil, "4A", "3C"))  # whom Lambert does not teach
    told = await decided()
    assert decided_words(told) == f"{name} is no longer in 5e B. The work stays here."
    await keeping.seen([told.row.id])
    await sync.once()
    assert (sync.state.refused, (await stands(keeping)).decided) == (0, ()), "once is enough"


async def refuse(keeping: Keeping, *works: str) -> None:
    for work in works:
        await keeping.file_settled(work, FileAnswer(work, "refused", reason="too-large"))


async def test_works_are_saved_by_class_lesson_and_pupil_and_nothing_is_replaced(
    keeping: Keeping, tmp_path: Path
) -> None:
    works = [await hand_in(keeping, number, b"%d" % number) for number in (1, 2)]
    works.append(await hand_in(keeping, 3, b"3", who="Béla"))
    await refuse(keeping, *works)
    into, counted = tmp_path / "stick", list[int]()
    into.mkdir()
    assert await save_works(keeping, works, into, lambda n: not counted.append(n)) == (0, 0)
    assert counted == [1, 2, 3]
    lies = {str(path.relative_to(into)): path.read_bytes() for path in into.rglob("*.pdf")}
    lesson_folder = "5e B/2026-11-24 10.00.00"
    assert lies == {
        f"{lesson_folder}/Ada/pond.pdf": b"1",
        f"{lesson_folder}/Ada/pond (2).pdf": b"2",
        f"{lesson_folder}/Béla/pond.pdf": b"3",
    }
    assert len((await stands(keeping)).decided) == 3, "it is listed until it was seen"
    counted.clear()
    other = tmp_path / "other"
    await save_works(keeping, works, other, lambda n: bool(counted.append(n)))
    assert counted == [1], "it was stopped after the first"


async def test_a_work_that_is_gone_is_counted_and_the_others_are_saved(
    keeping: Keeping, tmp_path: Path
) -> None:
    gone, here = await hand_in(keeping, 1, b"1"), await hand_in(keeping, 2, b"2")
    (act, _) = await keeping.works([gone, here])
    keeping.library.drop(bytes.fromhex(act.document))
    told = await save_works(keeping, [gone, here], tmp_path / "stick", lambda _: True)
    assert told == (1, 0)
    assert [path.read_bytes() for path in (tmp_path / "stick").rglob("*.pdf")] == [b"2"]


async def test_each_refused_work_is_counted_once_saved_and_seen_however_many_there_are(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_standing, "DECIDED_MAX", 1)
    works = [await hand_in(keeping, number, b"%d" % number) for number in (1, 2, 3)]
    await keeping.settled(tuple(Outcome(work, "refused", "too-large") for work in works))
    await refuse(keeping, *works)
    assert await keeping.refused_count() == 3
    read = list[int]()

    def act_in(row: Row[*tuple[Any, ...]]) -> AnyAct | None:
        read.append(row.sequence)
        return acts.act_in(row)

    monkeypatch.setattr(storage_standing, "act_in", act_in)
    told = await stands(keeping)
    assert set(read) == {3, 1}, "what is told of by a line, and how its lesson began"
    assert refused_words(told) == "The school did not accept 3 entries."
    assert works_to_save(told) == tuple(reversed(works))
    await keeping.seen(refused_acts(told))
    assert await keeping.refused_count() == 0


async def test_an_act_that_cannot_be_read_is_refused_by_the_school_and_holds_nothing_up(
    mdm: Mdm, keeping: Keeping, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sync = await signed_in(mdm, keeping)
    for number in (1, 2, 3):
        await hand_in(keeping, number, b"%d" % number)
    await spoil(keeping, "body", b"{", "work-1")
    await lesson(keeping, mdm.clock.at)
    await sync.once()
    assert (sync.state.waiting, sync.state.refused) == (0, 3)
    told = await stands(keeping)
    assert refused_words(told) == "The school did not accept 3 entries."
    assert set(works_to_save(told)) == {"work-2", "work-3"}, "their pupil is no pupil of the class"
    assert await save_works(keeping, refused_acts(told), tmp_path / "on", lambda _: True) == (0, 1)
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await gaps(connection, mdm.school) == (), "nor does the school miss one"
    caplog.clear()  # "an act cannot be read", "work lost here"


async def test_a_work_that_cannot_be_read_is_counted_and_is_no_fault_of_the_folder(
    keeping: Keeping, tmp_path: Path
) -> None:
    bad, good = await hand_in(keeping, 1, b"1"), await hand_in(keeping, 2, b"2")
    (act, _) = await keeping.works([bad, good])
    source = keeping.library.path_of(bytes.fromhex(act.document))
    source.unlink()
    source.symlink_to(source)
    told = await save_works(keeping, [bad, good], tmp_path / "stick", lambda _: True)
    assert told == (0, 1)
    assert [path.read_bytes() for path in (tmp_path / "stick").rglob("*.pdf")] == [b"2"]


async def test_a_folder_that_takes_nothing_and_one_that_is_full_are_told_apart(
    keeping: Keeping, tmp_path: Path
) -> None:
    works = [await hand_in(keeping, 1, b"1"), await hand_in(keeping, 2, os.urandom(3_000_000))]
    no_folder = tmp_path / "file"
    no_folder.touch()
    with pytest.raises(NotSaved) as told:
        await save_works(keeping, works, no_folder, lambda _: True)
    assert (type(told.value), told.value.saved) == (NotSaved, 0)
    try:
        with disk(tmp_path / "stick", "66m") as stick:  # 64 MiB stay for whoever it belongs to
            with pytest.raises(SavingFull) as full:
                await save_works(keeping, works, stick.folder, lambda _: True)
            assert full.value.saved == 1
            assert sum(path.is_file() for path in stick.folder.rglob("*")) == 1, "nothing half"
    except NoMounts as reason:
        pytest.skip(str(reason))
