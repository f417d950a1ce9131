"""What the MDM has of one pupil is told whole to who asks, without the others; and forgotten."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.cli import main
from central_mdm.contract.roster import PupilRow
from central_mdm.erased import ERASED
from central_mdm.fleet.ended import keep_person
from central_mdm.identity.people import Person
from central_mdm.journal.model import events
from central_mdm.partage.model import files
from central_mdm.platform.database import Database
from central_mdm.platform.errors import Missing
from central_mdm.pupils import Forgotten, Told, forget, tell
from central_mdm.roster.feed import publish
from central_mdm.roster.model import past, pupils
from central_mdm.roster.rules import leave_class, put_pupil
from central_mdm.tidying import DAY_SECONDS, Retention, tidy
from tests.integration.test_mdm_journal import an_event, push
from tests.integration.test_mdm_partage import an_offer, document, later, offer, put
from tests.mdm import Mdm, Prepared, waiting

pytestmark = pytest.mark.real_loop
WORK = 70_000
KEEP = Retention()


@pytest.fixture
async def ada(mdm: Mdm) -> str:
    """Let a pupil be named by three events, one of them with others, and hand in one work."""
    first, second = (each["pupil"] for each in mdm.sample["devices"][:2])
    spoke: dict[str, Any] = {"class_id": "5B", "pupil": first, "text": "may I go out?"}
    bodies = (spoke, {"class_id": "5B", "pupils": [second, first]}, {"pupils": [second]})
    for number, body in enumerate(bodies, 1):
        await push(mdm, an_event(number, body=body))
    pieces, manifest = document(WORK)
    await put(mdm, pieces[0])
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"
    return str(first)


async def test_all_that_is_here_of_a_pupil_is_written_and_nothing_of_the_others(
    mdm: Mdm, ada: str, tmp_path: Path
) -> None:
    out = tmp_path / "asked"
    assert await tell(mdm.ground, mdm.school, ada, out) == Told(1, 1, 2, 1)
    about = json.loads((out / "pupil.json").read_text())
    (work,) = about["work"]
    assert (about["pupil"][0]["id"], about["classes"][0]["class_id"]) == (ada, "5B")
    assert (work["name"], work["whole"]) == ("../Élève — devoir.pdf", True)
    assert (out / work["file"]).stat().st_size == WORK
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert [line["says"].get("text") for line in lines] == ["may I go out?", None]
    other = mdm.sample["devices"][1]
    for told in out.rglob("*.json*"):
        assert other["pupil"] not in told.read_text()
    assert {oct(each.stat().st_mode & 0o077) for each in (out, *out.rglob("*"))} == {"0o0"}
    with pytest.raises(FileExistsError):
        await tell(mdm.ground, mdm.school, ada, out)
    with pytest.raises(Missing):
        await tell(mdm.ground, mdm.school, "p-nobody", tmp_path / "nobody")
    assert not (tmp_path / "nobody").exists()


async def test_what_an_administrator_did_to_a_pupil_is_told_and_not_what_was_done_to_others(
    mdm: Mdm, tmp_path: Path
) -> None:
    await keep_person(mdm.ground, mdm.school, Person("a-1", "a", "A", "administrator"), "")
    headers = await mdm.as_administrator("a-1")

    async def does(path: str, **body: str) -> dict[str, Any]:
        answer = await mdm.http.post(f"/api/admin/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    names = {"class_id": "5B", "given_name": "Ada", "family_name": "L", "display": "Ada L"}
    ada = (await does("pupils", **names))["id"]
    await does("pupils", **names | {"id": mdm.sample["devices"][0]["pupil"], "display": "B"})
    await does("moves", pupil=ada, from_class="5B", to_class="4A")
    await tell(mdm.ground, mdm.school, ada, tmp_path / "asked")
    told = json.loads((tmp_path / "asked" / "pupil.json").read_text())["acts"]
    acts = [(act["act"], act["object"]) for act in told]
    assert acts == [
        ("/api/admin/pupils", f"{ada} in 5B"),
        ("/api/admin/moves", f"{ada}: 5B > 4A"),
    ]


async def test_a_forgotten_pupil_leaves_no_name_no_work_and_a_whole_chain(
    mdm: Mdm, ada: str, tmp_path: Path
) -> None:
    changed = "/api/changes?scope=class:5B"
    before = (await mdm.http.get(changed, headers=await mdm.as_teacher())).json()
    assert await forget(mdm.ground, mdm.school, ada) == Forgotten(1, 2, 1)
    told = (
        await mdm.http.get(
            f"{changed}&cursor={before['cursor']}",
            headers=await mdm.as_teacher(),
        )
    ).json()["changes"]
    assert {"entity": "pupil", "id": ada} in [
        {name: each[name] for name in ("entity", "id")} for each in told if not each.get("row")
    ], "each app of the class hears of it"
    for login in ("lambert", "keller"):
        own = f"/api/changes?scope=teacher:t-{login}"
        told = (await mdm.http.get(own, headers=await mdm.as_teacher(login))).json()["changes"]
        gone = [each["id"] for each in told if each["entity"] == "pupil"]
        assert gone == [ada], "and each teacher's who has the pupil in a journal or a class"
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept = (await connection.execute(select(events).order_by(events.c.sequence))).all()
        names = (await connection.execute(select(pupils.c.id))).scalars().all()
    assert [(row.sequence, bool(row.body)) for row in kept] == [(1, False), (2, False), (3, True)]
    assert {row.hash for row in kept} == {"ab" * 32}
    assert ada not in names
    later(mdm, 8)
    await tidy(mdm.ground, mdm.school, Retention())
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.stat().st_size == WORK]
    with pytest.raises(Missing):
        await forget(mdm.ground, mdm.school, ada)
    with pytest.raises(Missing):
        await tell(mdm.ground, mdm.school, ada, tmp_path / "again")


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_a_pupil_who_is_erased_while_somebody_changes_the_name_does_not_come_back(
    mdm: Mdm, ada: str
) -> None:
    await keep_person(mdm.ground, mdm.school, Person("a-1", "a", "A", "administrator"), "")
    headers = await mdm.as_administrator("a-1")
    asked = {"id": ada, "class_id": "5B", "given_name": "Ada", "family_name": "L"}
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            # Both want this row; who comes first has it first.
            await stays.execute(update(pupils).where(pupils.c.id == ada).values(family_name="M"))
            gone = group.create_task(forget(mdm.ground, mdm.school, ada))
            await waiting(mdm, 1)
            changed = mdm.http.post("/api/admin/pupils", json=asked, headers=headers)
            renamed = group.create_task(changed)
            await waiting(mdm, 2)
        answer = await renamed
        assert (await gone, answer.status_code) == (Forgotten(1, 2, 1), 404)
    assert answer.json()["code"] == "no-pupil"
    assert await known(mdm, ada) == (False, False)


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_work_that_comes_while_its_pupil_is_erased_is_not_left_behind(
    mdm: Mdm, ada: str
) -> None:
    pieces, manifest = document(100)
    await put(mdm, pieces[0])
    mine = files.c.id.in_(["file-2", "file-3"])
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            # The offer wants this row, once it knows that the pupil is here.
            row = dict.fromkeys(("teacher", "lesson", "class_id", "pupil", "name", "document"), "")
            row |= {"school": mdm.school, "id": "file-2"}
            await stays.execute(insert(files).values(row | {"kept_at": mdm.clock.at}))
            first = group.create_task(offer(mdm, an_offer(mdm, manifest, id="file-2")))
            await waiting(mdm, 1)
            gone = group.create_task(forget(mdm.ground, mdm.school, ada))
            await waiting(mdm, 2)
            await stays.execute(delete(files).where(mine))
        assert ((await first)["state"], (await gone).files) == ("kept", 2)
    late = await offer(mdm, an_offer(mdm, manifest, id="file-3"))
    assert late["reason"] == "foreign-pupil"
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert (await connection.execute(select(files.c.id).where(mine))).all() == []


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_while_a_journal_is_looked_through_others_write_and_what_they_write_is_erased_too(
    mdm: Mdm, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Database.reading

    @asynccontextmanager
    async def and_push(database: Database, school: str) -> AsyncGenerator[AsyncConnection]:
        async with reading(database, school) as connection:
            yield connection
            monkeypatch.undo()
            for number, pupil in ((4, ada), (5, "somebody")):
                await push(mdm, an_event(number, body={"pupil": pupil}))

    monkeypatch.setattr(Database, "reading", and_push)
    assert await forget(mdm.ground, mdm.school, ada) == Forgotten(1, 3, 1)
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept = await connection.execute(select(events.c.body).order_by(events.c.sequence))
        assert [bool(body) for body in kept.scalars()] == [False, False, True, False, True]


async def leave(mdm: Mdm, pupil: str) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await leave_class(connection, mdm.school, "5B", pupil, mdm.clock.at)
        await publish(connection, mdm.school, news)


async def known(mdm: Mdm, pupil: str) -> tuple[bool, bool]:
    """Say whether the pupil's name is here, and that they were in the class."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        named = select(pupils.c.id).where(pupils.c.school == mdm.school, pupils.c.id == pupil)
        was = select(past.c.pupil).where(past.c.school == mdm.school, past.c.pupil == pupil)
        return bool((await connection.execute(named)).first()), bool(
            (await connection.execute(was)).first()
        )


async def test_who_was_in_a_class_is_forgotten_and_then_the_name(mdm: Mdm) -> None:
    left, back = (mdm.sample["devices"][number]["pupil"] for number in (0, 1))
    await leave(mdm, left)
    await leave(mdm, back)
    row = PupilRow(back, "5B", "Amina", "Sow", "Amina back", 0)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await publish(connection, mdm.school, await put_pupil(connection, mdm.school, row))
    mdm.clock.at += KEEP.past * DAY_SECONDS
    assert (await tidy(mdm.ground, mdm.school, KEEP)).past == 0
    assert await known(mdm, left) == (True, True)
    mdm.clock.at += 1
    assert (await tidy(mdm.ground, mdm.school, KEEP)).past == 2
    assert await known(mdm, left) == (False, False)
    assert await known(mdm, back) == (True, False), "who came back has a name"


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_who_asks_is_written_down_once_and_no_name_that_was_typed(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    with prepared_school.copy(tmp_path):
        sample = json.loads((tmp_path / "sample.json").read_text())
        pupil = sample["devices"][0]["pupil"]
        named = ("--folder", str(tmp_path), "--school", sample["school"])
        whose, out = (*named, "--pupil", pupil), ("--out", str(tmp_path / "out"))
        assert main(["admin", "export", *whose, *out]) == 0
        assert main(["admin", "export", *whose, *out]) == 1
        assert main(["admin", "erase", *whose]) == 0
        for typed in (pupil, "Emma", "Zoé B"):
            assert main(["admin", "erase", *named, "--pupil", typed]) == 1
            assert main(["admin", "export", *named, "--pupil", typed, *out]) == 1
        capsys.readouterr()
        assert main(["admin", "audit", *named]) == 0
        noted = [json.loads(line) for line in (tmp_path / ERASED).read_text().split()]
    acts = json.loads(capsys.readouterr().out)["acts"]
    told = [(one["act"], one["object"], one["detail"]) for one in reversed(acts)]
    nobody = f"school {sample['school']}"
    assert told[:3] == [
        ("admin export", pupil, ""),
        ("admin export", pupil, "refused: exists"),
        ("admin erase", pupil, ""),
    ]
    assert [one[1] for one in told[3:]] == [nobody] * 6
    assert [one[2] for one in told[3:]] == ["refused: no-pupil"] * 4 + [
        "refused: malformed",
        "refused: no-pupil",
    ]
    assert [one["pupil"] for one in noted] == [pupil], "nobody who is not here is noted"
