"""A school's register is imported, and its administrators act; on SQLite and on PostgreSQL."""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import delete, func, insert, select, update

from central_mdm.contract.register import Imported
from central_mdm.contract.roster import DeviceRow
from central_mdm.fleet.ended import choose_role, end_person
from central_mdm.identity.model import teachers
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.pupils import forget
from central_mdm.roster.feed import STRETCH, publish
from central_mdm.roster.model import changes, memberships, past, pupils, scopes, sources
from central_mdm.roster.oneroster import staging
from central_mdm.roster.oneroster.importing import NotConfirmed, import_register
from central_mdm.roster.oneroster.plan import NO_SESSION
from central_mdm.roster.oneroster.reading import EARLY
from central_mdm.roster.oneroster.rows import OVERFULL
from central_mdm.roster.rules import give_class, put_device, remove_device, take_class
from tests.integration.test_mdm_roster import Puller
from tests.mdm import Mdm, waiting
from tests.registers import Register, village, zipped

pytestmark = pytest.mark.real_loop


class Office:
    """The school's office, with its register in a zip."""

    def __init__(self, mdm: Mdm, folder: Path) -> None:
        self.mdm, self.path = mdm, folder / "register.zip"

    async def bring(
        self, register: Register, *, dry_run: bool = False, confirm: str = ""
    ) -> Imported:
        register.zip(self.path)
        school = self.mdm.school
        return await import_register(
            self.mdm.ground, school, self.path, dry_run=dry_run, confirm=confirm
        )

    async def ids(self) -> dict[str, str]:
        async with self.mdm.ground.database.reading(self.mdm.school) as connection:
            rows = await connection.execute(select(sources.c.source, sources.c.id))
            return {row.source: row.id for row in rows}

    async def told(self) -> int:
        """Count what apps were ever told of: it never falls, and no write is without it."""
        async with self.mdm.ground.database.reading(self.mdm.school) as connection:
            return int((await connection.execute(select(func.sum(scopes.c.sequence)))).scalar_one())


def counts(told: Imported, *kinds: str) -> list[tuple[int, int, int, int]]:
    found = {each.kind: each for each in told.counts}
    return [
        (found[k].added, found[k].changed, found[k].moved, found[k].removed)  # type: ignore[index]
        for k in kinds
    ]


def writes(told: Imported) -> int:
    return sum(each.added + each.changed + each.moved + each.removed for each in told.counts)


async def act(mdm: Mdm, what: str, body: dict[str, Any]) -> Response:
    headers = await mdm.as_administrator("t-sane")
    return await mdm.http.post(f"/api/admin/{what}", json=body, headers=headers)


async def names(mdm: Mdm, class_id: str) -> set[str]:
    """Return the displays of a class as its feed tells them."""
    async with mdm.ground.database.writing(mdm.school) as connection:
        given = await give_class(connection, mdm.school, "t-lambert", class_id)
        await publish(connection, mdm.school, given)
    puller = Puller(mdm, f"class:{class_id}")
    await puller.pull()
    return {row["display"] for (kind, _), (_, row) in puller.rows.items() if kind == "pupil"}


async def test_a_register_is_tried_imported_told_once_and_followed(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    before = await office.told()
    tried = await office.bring(register, dry_run=True)
    assert (tried.done, await office.told(), await office.ids()) == (False, before, {})
    done = await office.bring(register)
    assert counts(done, "class", "pupil", "teacher", "place") == [
        (2, 0, 0, 0),
        (6, 0, 0, 0),
        (2, 0, 0, 0),
        (6, 0, 0, 0),
    ]
    assert (done.done, done.digest, done.asks) == (True, tried.digest, ())
    ids, after = await office.ids(), await office.told()
    again = await office.bring(register)
    assert (writes(again), await office.told(), await office.ids()) == (0, after, ids)
    assert await names(mdm, ids["c-6a"]) == {"Zoé", "Zoé M.", "Amina"}
    assert await names(mdm, ids["c-6b"]) == {"Béla", "Chloé", "Chloé P."}

    # A pupil changes class and name, in one import: one event in each class.
    after = await office.told()
    here = Puller(mdm, f"class:{ids['c-6a']}"), Puller(mdm, f"class:{ids['c-6b']}")
    ends = [await puller.pull() and puller.last for puller in here]
    register.drop("enrollments.csv", sourcedId="e-c-6a-p0")
    register.enrol("c-6b", "p0")
    moved = await office.bring(register)
    assert counts(moved, "place", "pupil") == [(0, 0, 1, 0), (0, 0, 0, 0)]
    for puller in here:
        await puller.pull()
    assert [puller.last for puller in here] == [end + STRETCH for end in ends]
    assert ("pupil", ids["p0"]) not in here[0].rows
    assert here[1].rows["pupil", ids["p0"]][1]["display"] == "Zoé"
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept = (await connection.execute(select(past.c.class_id, past.c.pupil))).all()
    assert kept == [(ids["c-6a"], ids["p0"])]


async def test_a_register_without_half_the_school_asks_first_and_does_what_was_confirmed(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    ids, before = await office.ids(), await office.told()
    register.drop("users.csv", sourcedId="t1")
    for number in range(3):
        register.drop("users.csv", sourcedId=f"p{number}")
        register.drop("enrollments.csv", userSourcedId=f"p{number}")
    with pytest.raises(NotConfirmed) as asked:
        await office.bring(register)
    assert "3 of 6 pupils would be gone." in asked.value.told.asks
    register.drop("users.csv", sourcedId="p3")
    with pytest.raises(NotConfirmed) as more:
        await office.bring(register, confirm=asked.value.told.digest)
    assert await office.told() == before, "nothing is half done"
    done = await office.bring(register, confirm=more.value.told.digest)
    assert counts(done, "pupil", "teacher") == [(0, 0, 0, 4), (0, 0, 0, 1)]
    assert await names(mdm, ids["c-6a"]) == set()
    async with mdm.ground.database.reading(mdm.school) as connection:
        ended = select(teachers.c.ended).where(teachers.c.id == ids["t1"])
        assert (await connection.execute(ended)).scalar() is True
        left = select(pupils.c.id).where(pupils.c.id.in_([ids[f"p{n}"] for n in range(4)]))
        assert (await connection.execute(left)).all() == []
    back = await office.bring(village())
    assert counts(back, "pupil", "teacher", "place") == [(4, 0, 0, 0), (1, 0, 0, 0), (4, 0, 0, 0)]
    assert await office.ids() == ids, "who comes back is who they were"


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_file_without_its_teachers_or_with_a_column_sorted_by_itself_asks_first(
    mdm: Mdm, tmp_path: Path
) -> None:
    office = Office(mdm, tmp_path)
    await office.bring(village())

    async def asks(register: Register) -> tuple[str, ...]:
        with pytest.raises(NotConfirmed) as asked:
            await office.bring(register)
        return asked.value.told.asks

    none, sorted_, moved = village(), village(), village()
    for number in (0, 1):
        none.drop("users.csv", sourcedId=f"t{number}")
        none.drop("enrollments.csv", userSourcedId=f"t{number}")
    assert "2 of 2 teachers would be gone." in await asks(none)
    people = [row for row in sorted_.rows["users.csv"] if row["sourcedId"].startswith("p")]
    for row, name in zip(people, sorted(row["familyName"] for row in people)[::-1], strict=True):
        row["familyName"] = f"{name}s"
    assert await asks(sorted_) == ("6 of 6 pupils would be called otherwise.",)
    for row in moved.rows["enrollments.csv"]:
        if row["role"] == "student":
            other = {"c-6a": "c-6b", "c-6b": "c-6a"}
            row["classSourcedId"] = other[row["classSourcedId"]]
    assert await asks(moved) == ("6 of 6 places of pupils in class would move to another class.",)
    without = village()
    for row in without.rows["classes.csv"]:
        row["periods"] = ""
    assert await asks(without) == ("4 hours of the timetable would be gone.",)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_slip_in_a_row_and_an_empty_file_retire_nobody(mdm: Mdm, tmp_path: Path) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    before = await office.told()
    for row in register.rows["users.csv"][:2]:
        row["givenName"] = ""
    register.rows["classes.csv"][0]["termSourcedIds"] = "y62"
    register.rows["academicSessions.csv"][0]["startDate"] = "2029-09-01"
    told = await office.bring(register)
    assert (writes(told), len(told.refused), await office.told()) == (0, 4, before)
    assert "It ends before it begins." in {row.why for row in told.refused}
    register.rows["enrollments.csv"] = []
    with pytest.raises(NotConfirmed) as asked:
        await office.bring(register)
    assert "enrollments.csv is missing, or has no good row." in asked.value.told.asks
    office.path.write_bytes(b"PK")
    with pytest.raises(Malformed):
        await import_register(mdm.ground, mdm.school, office.path, dry_run=False)
    assert await office.told() == before


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_bundle_for_which_there_is_no_room_is_refused_and_nothing_is_left_of_it(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, room = Office(mdm, tmp_path), tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    with staging.a_staging() as empty:
        [(begins_with,)] = empty.rows("PRAGMA page_count")
    for pages in (10, begins_with):
        monkeypatch.setattr(staging, "BYTES_MAX", pages * staging.PAGE_BYTES)
        with pytest.raises(Malformed, match="too-large"):
            await office.bring(village())
    assert not list(room.iterdir())
    monkeypatch.undo()
    assert writes(await office.bring(village()))


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_classes_without_their_session_are_refused_by_its_name_and_asked_for(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    register.rows["academicSessions.csv"] = []
    with pytest.raises(NotConfirmed) as asked:
        await office.bring(register)
    told = asked.value.told
    assert told.asks == ("2 of 2 classes name a session that is not there.",)
    rows = [(row.file, row.line, row.value, row.why) for row in told.refused]
    assert rows[:2] == [("classes.csv", line, "y26", NO_SESSION) for line in (2, 3)]
    assert {row[0] for row in rows[2:]} == {"enrollments.csv"}
    assert {row[3] for row in rows[2:]} == {"The row of its class is refused."}

    await office.bring(village())
    register.rows["academicSessions.csv"] = []
    again = await office.bring(register)
    assert (writes(again), again.refused) == (0, ()), "the school knows the session by then"


def write_least(folder: Path) -> None:
    """Write the files that stand in the page, each after its name."""
    page = Path("docs/operate.md").read_text()
    files = page.partition("```csv\n")[2].partition("```")[0].split("# ")[1:]
    for name, _, content in (file.partition("\n") for file in files):
        (folder / name).write_text(content)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_the_least_bundle_of_the_operator_s_page_is_imported_as_it_stands(
    mdm: Mdm, tmp_path: Path
) -> None:
    write_least(tmp_path)
    told = await import_register(mdm.ground, mdm.school, tmp_path, dry_run=False)
    assert (told.done, told.asks, told.refused) == (True, (), ())
    kinds = ("class", "pupil", "teacher", "place", "teaching")
    assert [added for added, *_ in counts(told, *kinds)] == [1, 2, 1, 2, 1]


def first(rows: list[dict[str, Any]], **where: str) -> dict[str, Any]:
    return next(row for row in rows if where.items() <= row.items())


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_a_row_without_a_name_may_be_about_goes_after_a_yes_only(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, empty, broken, twice = Office(mdm, tmp_path), village(), village(), village()
    await office.bring(village())
    before = await office.told()
    users, roles, classes, enrolments = "users.csv", "roles.csv", "classes.csv", "enrollments.csv"
    first(empty.rows[users], sourcedId="t1")["sourcedId"] = ""
    first(empty.rows[roles], userSourcedId="p0")["userSourcedId"] = ""
    first(empty.rows[classes], sourcedId="c-6b")["sourcedId"] = ""
    first(empty.rows[enrolments], userSourcedId="p2")["userSourcedId"] = ""
    first(broken.rows[users], sourcedId="p0")["sourcedId"] = "p\ufffd"
    first(broken.rows[roles], userSourcedId="t1")["userSourcedId"] = "t" * 256
    first(twice.rows[users], sourcedId="t1")["sourcedId"] = "t0"
    spoilt = {users: (empty, broken, twice), roles: (empty, broken)}
    spoilt |= {classes: (empty,), enrolments: (empty,)}
    for file, registers in spoilt.items():
        why = f"{file}: a refused row may be of what would be gone, and nobody can tell."
        for register in registers:
            assert why in (await office.bring(register, dry_run=True)).asks
    with pytest.raises(NotConfirmed):
        await office.bring(twice)
    assert await office.told() == before, "nobody is retired by a slip"

    new = village()
    new.person("", "student", "Noah", "Neu")
    told = await office.bring(new)
    assert (told.done, told.asks) == (True, ()), "where nothing would be gone, nobody is asked"


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_delta_changes_what_it_names_and_nothing_else(mdm: Mdm, tmp_path: Path) -> None:
    office = Office(mdm, tmp_path)
    await office.bring(village())
    ids, delta = await office.ids(), Register("delta")
    delta.rows = {name: [] for name in delta.rows}
    delta.person("p9", "student", "Noah", "Neu")
    delta.enrol("c-6a", "p9")
    delta.enrol("c-6b", "p5", status="tobedeleted")
    delta.person("p4", "student", "Chloé", "Petit", status="tobedeleted")
    told = await office.bring(delta)  # somebody leaves: that is not asked for
    assert counts(told, "class", "pupil", "place", "teaching") == [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (1, 0, 0, 2),
        (0, 0, 0, 0),
    ]
    assert await names(mdm, ids["c-6a"]) == {"Zoé", "Zoé M.", "Amina", "Noah"}
    assert await names(mdm, ids["c-6b"]) == {"Béla"}


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_a_delta_announces_is_refused_and_takes_nothing_from_anybody_today(
    mdm: Mdm, tmp_path: Path
) -> None:
    office = Office(mdm, tmp_path)
    await office.bring(village())
    tomorrow = date_of(mdm.clock.at + 86_400)
    delta = Register("delta")
    delta.rows = {name: [] for name in delta.rows}
    role = {"userSourcedId": "t1", "roleType": "secondary", "role": "teacher"}
    delta.add("roles.csv", sourcedId="r2", orgSourcedId="school", beginDate=tomorrow, **role)
    delta.enrol("c-6a", "p0", beginDate=tomorrow)
    delta.enrol("c-6b", "p0", beginDate=tomorrow)
    told = await office.bring(delta)
    assert (writes(told), told.asks) == (0, ())
    rows = [(row.file, row.line, row.field, row.value) for row in told.refused]
    assert rows == [
        ("roles.csv", 2, "beginDate", tomorrow),
        ("enrollments.csv", 2, "beginDate", tomorrow),
        ("enrollments.csv", 3, "beginDate", tomorrow),
    ]
    assert {row.why for row in told.refused} == {EARLY}

    mdm.clock.at += 86_400
    delta.drop("enrollments.csv", sourcedId="e-c-6a-p0")
    told = await office.bring(delta)
    assert (counts(told, "teacher", "place"), told.refused) == ([(0, 0, 0, 0), (1, 0, 0, 0)], ())


def date_of(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_whom_an_open_quotation_mark_swallows_goes_after_a_yes_only(
    mdm: Mdm, tmp_path: Path
) -> None:
    office = Office(mdm, tmp_path)
    await office.bring(village())
    before = await office.told()
    files = village().csv()
    users = files["users.csv"].decode().splitlines()
    # The fields that are not read between two names, of which each has a nickname.
    users[3] = users[3].replace(",Sow,,", ',Sow,"Titi,')
    users[4] = users[4].replace(",Kovács,,", ',Kovács,"Coco",')
    zipped(office.path, files | {"users.csv": "\n".join(users).encode()})
    with pytest.raises(NotConfirmed) as asked:
        await import_register(mdm.ground, mdm.school, office.path, dry_run=False)
    told = asked.value.told
    why = "users.csv: a refused row may be of what would be gone, and nobody can tell."
    assert (told.asks, await office.told()) == ((why,), before)
    assert [(r.line, r.why) for r in told.refused if r.file == "users.csv"] == [(5, OVERFULL)]


async def test_an_administrator_makes_a_class_moves_a_pupil_and_archives_it(
    mdm: Mdm,
) -> None:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    made = await act(
        mdm, "classes", {"name": "6e A", "hours": [{"period": "Mo1", "location": "12"}]}
    )
    class_id = made.json()["id"]
    pupil = mdm.sample["devices"][0]["pupil"]
    assert (
        await act(mdm, "moves", {"pupil": pupil, "from_class": "5B", "to_class": class_id})
    ).is_success
    new = {"class_id": class_id, "given_name": "Zoé", "family_name": "Sow"}
    assert (await act(mdm, "pupils", new)).is_success
    assert (await act(mdm, "pupils", new)).is_success
    puller = Puller(mdm)
    await puller.pull()
    assert ("pupil", pupil) not in puller.rows
    shown = await names(mdm, class_id)
    assert len(shown) == 3
    assert {"Zoé", "Zoé S."} <= shown
    headers = await mdm.as_teacher()
    hours = (await mdm.http.get("/api/timetable", headers=headers)).json()["hours"]
    wanted = {"class_id": class_id, "class_name": "6e A", "period": "Mo1", "location": "12"}
    assert hours == [wanted]
    given = {"teacher": "t-sane", "class_id": class_id}
    assert (await act(mdm, "teaching", given)).is_success
    assert (await act(mdm, "archives", {"classes": [class_id]})).json() == {"classes": 1}
    over = await act(mdm, "teaching", given)
    assert (over.status_code, over.json()["code"]) == (409, "archived")
    scopes_ = (await mdm.http.get("/api/scopes", headers=headers)).json()["scopes"]
    assert f"class:{class_id}" not in scopes_
    mine = await mdm.as_administrator("t-sane")
    told = (await mdm.http.get("/api/audit", headers=mine)).json()["acts"]
    moved = [each for each in told if each["act"] == "/api/admin/moves"]
    assert [(each["who"], each["object"]) for each in moved] == [
        ("person:t-sane", f"{pupil}: 5B > {class_id}")
    ]


async def test_a_register_is_uploaded_and_its_year_ends_when_it_is_over(
    mdm: Mdm, tmp_path: Path
) -> None:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    headers = await mdm.as_teacher()
    bundle = village().zip(tmp_path / "b.zip").read_bytes()
    mine = await mdm.as_administrator("t-sane")
    for query, who, code in (
        ({}, mine, 200),
        ({"dry_run": "false"}, mine, 200),
        ({}, headers, 403),
    ):
        answer = await mdm.http.post(
            "/api/admin/imports", params=query, content=bundle, headers=who
        )
        assert answer.status_code == code, answer.text
    acts = (await mdm.http.get("/api/audit", headers=mine)).json()["acts"]
    told = [each["detail"].split()[0] for each in acts if each["act"] == "/api/admin/imports"]
    assert told == ["dry_run=False", "dry_run=True"], "what a trial tells is of people as well"
    (year,) = (await mdm.http.get("/api/admin/sessions", headers=mine)).json()["sessions"]
    early = await act(mdm, "archives", {"session": year["id"]})
    assert (early.status_code, early.json()["code"]) == (409, "not-over")
    mdm.clock.at += 400 * 86_400
    mdm.tokens.clear()
    assert (await act(mdm, "archives", {"session": year["id"]})).json() == {"classes": 2}


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_while_an_import_is_written_a_person_is_ended_and_a_class_is_changed(
    mdm: Mdm, tmp_path: Path
) -> None:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    ids = await office.ids()
    register.drop("users.csv", sourcedId="t1")
    register.drop("enrollments.csv", userSourcedId="t1")
    register.person("p9", "student", "Noah", "Neu")
    register.enrol("c-6a", "p9")
    amina = {"id": ids["p2"], "class_id": ids["c-6a"], "given_name": "Amina", "family_name": "Sy"}
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            # The import wants this row as well, once it has begun.
            row = {"school": mdm.school, "what": "pupil", "source": "p9", "id": "p-other"}
            await stays.execute(insert(sources).values(row))
            imported = group.create_task(office.bring(register))
            await waiting(mdm, 1)
            ended = group.create_task(end_person(mdm.ground, mdm.school, ids["t1"]))
            await waiting(mdm, 2)
            async with asyncio.timeout(20):
                answer = await act(mdm, "pupils", amina)
            assert answer.is_success, answer.text
            await stays.execute(delete(sources).where(sources.c.source == "p9"))
        told, number = await imported, await ended
    assert (counts(told, "teacher"), number > 0) == ([(0, 0, 0, 1)], True)
    assert await names(mdm, ids["c-6a"]) == {"Zoé", "Zoé M.", "Amina", "Noah"}


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_who_is_ended_between_plan_and_import_is_not_brought_back_by_it(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    person = (await office.ids())["t1"]
    first(register.rows["users.csv"], sourcedId="t1")["familyName"] = "Neu"
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as ends:
            mine = teachers.c.school == mdm.school, teachers.c.id == person
            await ends.execute(update(teachers).where(*mine).values(ended=True))
            imported = group.create_task(refused(office.bring(register)))
            await waiting(mdm, 1)
        assert await imported == "changed-meanwhile"
    async with mdm.ground.database.reading(mdm.school) as connection:
        still = await connection.scalar(select(teachers.c.ended).where(*mine))
    assert still is True


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_who_is_erased_between_plan_and_import_does_not_come_back_by_it(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    ids = await office.ids()
    first(register.rows["users.csv"], sourcedId="p0")["familyName"] = "Neu"
    register.drop("enrollments.csv", userSourcedId="p1")
    register.enrol("c-6b", "p1")
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            # All want these rows; who comes first has them first.
            both = pupils.c.id.in_([ids["p0"], ids["p1"]])
            await stays.execute(update(pupils).where(both).values(given_name="Z"))
            erased = [group.create_task(forget(mdm.ground, mdm.school, ids["p1"]))]
            await waiting(mdm, 1)
            erased.append(group.create_task(forget(mdm.ground, mdm.school, ids["p0"])))
            await waiting(mdm, 2)
            imported = group.create_task(refused(office.bring(register)))
            await waiting(mdm, 3)
        assert await imported == "changed-meanwhile"
        await asyncio.gather(*erased)
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert (await connection.execute(select(pupils.c.id).where(both))).all() == []
        still = select(memberships.c.pupil).where(memberships.c.pupil.in_(ids.values()))
        assert len((await connection.execute(still)).all()) == 4


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_a_class_that_is_taken_away_between_plan_and_import_is_told_to_nobody_by_it(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    ids = await office.ids()
    first(register.rows["classes.csv"], sourcedId="c-6a")["title"] = "6e A bis"
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as takes:
            news = await take_class(takes, mdm.school, ids["t0"], ids["c-6a"])
            imported = group.create_task(office.bring(register))
            await waiting(mdm, 1)
            await publish(takes, mdm.school, news)
        assert counts(await imported, "class") == [(0, 1, 0, 0)]
    own = changes.c.scope == f"teacher:{ids['t0']}", changes.c.id == ids["c-6a"]
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert (await connection.execute(select(changes.c.row).where(*own))).all() == [(None,)]


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_a_device_that_is_placed_between_plan_and_import_is_where_it_was_placed(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, register = Office(mdm, tmp_path), village()
    await office.bring(register)
    ids, device = await office.ids(), mdm.sample["devices"][0]["device"]
    async with mdm.ground.database.writing(mdm.school) as connection:
        own = DeviceRow(device, ids["c-6a"], "Laptop", "laptop", ids["p0"])
        news = await put_device(connection, mdm.school, own, mdm.clock.at)
        await publish(connection, mdm.school, news)
    register.drop("enrollments.csv", sourcedId="e-c-6a-p0")
    register.enrol("c-6b", "p0")
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as places:
            left = await remove_device(places, mdm.school, ids["c-6a"], device, mdm.clock.at)
            imported = group.create_task(office.bring(register))
            await waiting(mdm, 1)
            await publish(places, mdm.school, left)
        assert counts(await imported, "place") == [(0, 0, 1, 0)]
    told = select(changes.c.scope, changes.c.row).where(changes.c.id == device)
    async with mdm.ground.database.reading(mdm.school) as connection:
        rows = {row.scope: row.row for row in await connection.execute(told)}
    assert rows[f"class:{ids['c-6a']}"] is None
    assert f"class:{ids['c-6b']}" not in rows


async def refused(work: Coroutine[Any, Any, object]) -> str:
    """Return the code by which it is refused."""
    with pytest.raises(Refused) as why:
        await work
    return why.value.code


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_whom_a_register_left_out_and_a_person_has_ended_no_register_brings_back(
    mdm: Mdm, tmp_path: Path
) -> None:
    office, without = Office(mdm, tmp_path), village()
    await office.bring(village())
    person = (await office.ids())["t1"]
    without.drop("users.csv", sourcedId="t1")
    without.drop("enrollments.csv", userSourcedId="t1")
    await office.bring(without)
    told = await office.bring(village())
    assert not told.refused, "whom a file has ended a file brings back"
    await office.bring(without)
    await end_person(mdm.ground, mdm.school, person)
    told = await office.bring(village())
    assert "This person was ended here." in {row.why for row in told.refused}
