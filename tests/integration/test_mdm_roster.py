"""The feed of the roster: nothing lost, nothing left behind; on SQLite and on PostgreSQL."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from central_mdm.contract.roster import CURSOR_MAX, NEXT_SECONDS_MAX, ClassRow, DeviceRow, PupilRow
from central_mdm.identity.rules import begin_epoch
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.platform.pace import next_turn
from central_mdm.roster.cursors import Cursor, resumed, text_of
from central_mdm.roster.feed import STRETCH, publish
from central_mdm.roster.model import changes, scopes
from central_mdm.roster.reading import sum_of
from central_mdm.roster.rules import (
    put_class,
    put_device,
    put_pupil,
    remove_device,
    remove_pupil,
    take_class,
)
from tests.mdm import Mdm

pytestmark = pytest.mark.real_loop
SCOPE = "class:5B"


class Puller:
    """An app's side of a scope: rows by (entity, id), the cursor, the proof.

    `last`: the number that the cursor holds, which no app looks at.
    """

    def __init__(self, mdm: Mdm, scope: str = SCOPE, limit: int = 500) -> None:
        self.mdm, self.scope, self.limit = mdm, scope, limit
        self.epoch = self.cursor = ""
        self.rows: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}

    async def pull(self) -> int:
        """Pull to the end; return the pages it took."""
        for page_number in range(1, 10_000):
            query = {"scope": self.scope, "cursor": self.cursor}
            answer = await self.mdm.http.get(
                "/api/changes",
                params={**query, "limit": self.limit},
                headers=await self.mdm.as_teacher(),
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if page["epoch"] != self.epoch:
                self.rows.clear()
            for change in page["changes"]:
                key = change["entity"], change["id"]
                self.rows.pop(key, None)
                if change["row"]:
                    self.rows[key] = change["sequence"], change["row"]
            self.epoch, self.cursor = str(page["epoch"]), str(page["cursor"])
            if not page["has_more"]:
                assert page["count"] == len(self.rows)
                marks = ((*key, sequence) for key, (sequence, _) in self.rows.items())
                assert page["checksum"] == sum_of(marks)
                return page_number
        raise AssertionError("endless")

    @property
    def last(self) -> int:
        end = Cursor(self.epoch, self.scope, 2**53)
        return resumed(self.cursor, end)[0]


async def tell_pupil(ground: Ground, school: str, row: PupilRow) -> None:
    async with ground.database.writing(school) as connection:
        await publish(connection, school, await put_pupil(connection, school, row))


def pupil(number: int, display: str = "") -> PupilRow:
    shown = display or f"Nr {number}"
    return PupilRow(f"new-{number}", "5B", "Given", "Family", shown, number)


async def test_a_class_arrives_whole_in_pages_of_any_size(mdm: Mdm) -> None:
    for limit in (1, 3, 11, 500):
        puller = Puller(mdm, limit=limit)
        pages = await puller.pull()
        assert len(puller.rows) == 1 + 5 + 5  # the class, its pupils, their devices
        assert pages == -(-11 // limit)
    owners = {row["pupil"] for (kind, _), (_, row) in puller.rows.items() if kind == "device"}
    assert owners == {entry["pupil"] for entry in mdm.sample["devices"]}


async def test_who_is_in_step_gets_only_what_changed_and_tombstones_for_what_went(
    mdm: Mdm,
) -> None:
    puller = Puller(mdm)
    await puller.pull()
    before = puller.last
    gone = mdm.sample["devices"][0]
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await put_class(
            connection, mdm.school, ClassRow("5B", "5e B bis", "Latin"), mdm.clock.at
        )
        news += await remove_pupil(connection, mdm.school, "5B", gone["pupil"])
        await publish(connection, mdm.school, news)
    await puller.pull()
    assert puller.last == before + STRETCH  # one transaction took it
    told = {key for key, (sequence, _) in puller.rows.items() if sequence > before}
    assert told == {("class", "5B"), ("device", gone["device"])}  # which has lost its owner
    assert puller.rows["class", "5B"][1]["name"] == "5e B bis"
    assert ("pupil", gone["pupil"]) not in puller.rows
    assert puller.rows["device", gone["device"]][1]["pupil"] == ""
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await remove_device(connection, mdm.school, "5B", gone["device"], mdm.clock.at)
        await publish(connection, mdm.school, news)
    await puller.pull()
    assert ("device", gone["device"]) not in puller.rows


async def test_a_class_that_is_taken_away_is_no_scope_any_more(mdm: Mdm) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await take_class(connection, mdm.school, "t-lambert", "5B")
        await publish(connection, mdm.school, news)
    headers = await mdm.as_teacher()
    scopes = (await mdm.http.get("/api/scopes", headers=headers)).json()["scopes"]
    assert scopes == ["teacher:t-lambert", "class:4A"]
    answer = await mdm.http.get("/api/changes", params={"scope": SCOPE}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-scope")
    own = Puller(mdm, "teacher:t-lambert")
    await own.pull()
    assert set(own.rows) == {("class", "4A")}


async def test_after_a_restore_every_scope_is_pulled_afresh(mdm: Mdm) -> None:
    puller = Puller(mdm)
    await puller.pull()
    puller.rows["pupil", "ghost"] = 1, {}  # what the copy from last night does not have
    await begin_epoch(mdm.ground, mdm.school)
    await puller.pull()
    assert len(puller.rows) == 11


async def test_who_has_lost_a_cursor_is_told_all_and_what_went_and_then_it_adds_up(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    puller = Puller(mdm, limit=3)
    await puller.pull()
    gone = mdm.sample["devices"][0]["pupil"]
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await remove_pupil(connection, mdm.school, "5B", gone)
        await publish(connection, mdm.school, news)
    puller.cursor = ""  # as a store is that had a number in its place
    with caplog.at_level("INFO", "central_mdm.roster"):
        await puller.pull()
    assert len(puller.rows) == 10
    assert not caplog.records, "it is how each app begins"


async def test_the_scopes_are_told_with_their_ends_and_when_to_come_again(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()
    told = (await mdm.http.get("/api/scopes", headers=headers)).json()
    ends: dict[str, str] = dict(zip(told["scopes"], told["cursors"], strict=True))
    for scope, end in ends.items():
        puller = Puller(mdm, scope)
        await puller.pull()
        assert puller.cursor == end
    assert 30 <= told["next_seconds"] < 90
    async with mdm.ground.database.writing(mdm.school) as connection:
        row = ClassRow("5B", "5e B bis")
        await publish(connection, mdm.school, await put_class(connection, mdm.school, row, 0))
    after = (await mdm.http.get("/api/scopes", headers=headers)).json()
    assert ends[SCOPE] not in after["cursors"]


def test_teachers_of_a_region_come_less_often_and_never_together() -> None:
    waits = [next_turn(f"t-{number}", 1000, 600) for number in range(200)]
    assert 30 <= min(waits) < max(waits) < 330
    assert len(set(waits)) > 100
    longest = max(next_turn("t-1", now, 3600) for now in range(1800))
    assert longest == NEXT_SECONDS_MAX
    one = 1000 + next_turn("t-1", 1000, 600)
    assert next_turn("t-1", one, 600) == 300


async def test_a_cursor_that_does_not_fit_has_all_told_and_the_log_says_why(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    own = Puller(mdm, "teacher:t-lambert")
    await own.pull()
    here = Puller(mdm)
    await here.pull()
    of_here = Cursor(here.epoch, SCOPE, here.last)
    whys = {
        "no cursor of ours": "unreadable",
        own.cursor: "another-scope",
        text_of(replace(of_here, epoch="of-another-school")): "another-epoch",
        text_of(replace(of_here, sequence=here.last + 1)): "ahead",
    }
    for cursor, why in whys.items():
        puller = Puller(mdm)
        puller.cursor = cursor
        caplog.clear()
        with caplog.at_level("INFO", "central_mdm.roster"):
            await puller.pull()
        assert len(puller.rows) == 11
        (line,) = caplog.records
        assert (line.message, vars(line)["cursor"]) == ("told from the start", why)
        assert puller.cursor == here.cursor
    query = {"scope": SCOPE, "cursor": "x" * (CURSOR_MAX + 1)}
    headers = await mdm.as_teacher()
    answer = await mdm.http.get("/api/changes", params=query, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def copied(mdm: Mdm) -> list[tuple[Table, list[dict[str, Any]]]]:
    """Return the feed as a copy of the server has it."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept: list[tuple[Table, list[dict[str, Any]]]] = []
        for table in (scopes, changes):
            rows = await connection.execute(select(table).where(table.c.school == mdm.school))
            kept.append((table, [dict(row) for row in rows.mappings()]))
        return kept


async def put_back(mdm: Mdm, copy: list[tuple[Table, list[dict[str, Any]]]]) -> None:
    """Set the feed back to its copy, and tell nobody: no epoch begins."""
    async with mdm.ground.database.writing(mdm.school) as connection:
        for table, rows in copy:
            await connection.execute(delete(table).where(table.c.school == mdm.school))
            await connection.execute(insert(table), rows)


async def test_a_server_put_back_in_silence_tells_nothing_else_under_the_numbers_of_before(
    mdm: Mdm,
) -> None:
    async def call(*names: str) -> int:
        """Call the class so, one after the other; return the number that its row bears."""
        for name in names:
            async with mdm.ground.database.writing(mdm.school) as connection:
                news = await put_class(connection, mdm.school, ClassRow("5B", name), mdm.clock.at)
                await publish(connection, mdm.school, news)
        puller = Puller(mdm)
        await puller.pull()
        assert puller.rows["class", "5B"][1]["name"] == names[-1]
        return puller.rows["class", "5B"][0]

    copy = await copied(mdm)
    numbers = {await call("5e B bis", "5e B ter")}
    for other in (("5e B ter", "5e B bis"), ("5e B", "5e B"), ("5e B bis", "5e B (Latin)")):
        await put_back(mdm, copy)
        numbers.add(await call(*other))
    assert len(numbers) == 4


async def test_a_class_that_is_named_and_taken_away_at_once_is_told_to_nobody(mdm: Mdm) -> None:
    school, teacher = mdm.school, "t-lambert"

    async def take() -> None:
        async with mdm.ground.database.writing(school) as connection:
            news = await take_class(connection, school, teacher, "5B")
            await publish(connection, school, news)

    async with asyncio.TaskGroup() as tasks, mdm.ground.database.writing(school) as connection:
        row = ClassRow("5B", "5e B bis")
        news = await put_class(connection, school, row, mdm.clock.at)
        taking = tasks.create_task(take())
        await asyncio.wait([taking], timeout=0.3)
        assert not taking.done(), "it waits for who names the class"
        await publish(connection, school, news)
    puller = Puller(mdm, f"teacher:{teacher}")
    await puller.pull()
    assert ("class", "5B") not in puller.rows


async def test_eight_writers_at_once_and_a_reader_who_polls_misses_no_row(mdm: Mdm) -> None:
    puller = Puller(mdm)
    ended = asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(12):
            await tell_pupil(mdm.ground, mdm.school, pupil(writer * 100 + number))

    async def read() -> None:
        while not ended.is_set():
            await puller.pull()
        await puller.pull()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        async with asyncio.TaskGroup() as writers:
            for writer in range(8):
                writers.create_task(write(writer))
        ended.set()
    assert sum(1 for _, name in puller.rows if name.startswith("new-")) == 8 * 12


async def test_two_pupils_of_a_class_never_show_the_same_name(mdm: Mdm) -> None:
    taken = mdm.sample["devices"][0]["display"]
    with pytest.raises(IntegrityError):
        await tell_pupil(mdm.ground, mdm.school, pupil(1, taken))
    puller = Puller(mdm)
    await puller.pull()
    assert len(puller.rows) == 11


async def test_a_pupil_told_twice_is_one_pupil(mdm: Mdm) -> None:
    puller = Puller(mdm)
    for seat in (3, 4):
        await tell_pupil(mdm.ground, mdm.school, replace(pupil(1, "Zoé"), seat=seat))
    await puller.pull()
    mine = [row for (_, id_), (_, row) in puller.rows.items() if id_ == pupil(1, "").id]
    assert [(row["display"], row["seat"]) for row in mine] == [("Zoé", 4)]


async def test_a_name_of_ten_thousand_characters_is_refused_and_the_class_stays(mdm: Mdm) -> None:
    for row in (pupil(1, "é" * 10_000), replace(pupil(1, "Zoé"), given_name="")):
        with pytest.raises(Malformed):
            await tell_pupil(mdm.ground, mdm.school, row)
    puller = Puller(mdm)
    await puller.pull()
    assert len(puller.rows) == 11


async def test_a_device_may_serve_two_classes(mdm: Mdm) -> None:
    known = mdm.sample["devices"][0]["device"]
    async with mdm.ground.database.writing(mdm.school) as connection:
        row = DeviceRow(known, "4A", "cart 1", "laptop")
        news = await put_device(connection, mdm.school, row, mdm.clock.at)
        await publish(connection, mdm.school, news)
    puller = Puller(mdm, "class:4A")
    await puller.pull()
    assert ("device", known) in puller.rows
