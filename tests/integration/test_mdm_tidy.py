"""The MDM forgets with time: words of events, work, devices, tokens; never that it happened."""

import asyncio
import os
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import blake3
import msgspec
import pytest
from sqlalchemy import Table, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from central_mdm import keeping_commands
from central_mdm.audited import witnessed
from central_mdm.cli import main
from central_mdm.contract.heads import Account
from central_mdm.contract.partage import ChunkRef, Manifest
from central_mdm.fleet.model import acts, inventories
from central_mdm.fleet.seen import Seen
from central_mdm.identity.model import audit_acts, schools, teacher_tokens, tenants
from central_mdm.identity.rules import open_school
from central_mdm.identity.tokens import REFRESH_SECONDS
from central_mdm.journal.comparing import compare
from central_mdm.journal.forgetting import forget_events
from central_mdm.journal.model import WORDED, accounts, events
from central_mdm.partage.model import chunks
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import Database, upsert
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.platform.ground import Ground
from central_mdm.platform.migrate import migrate, upgrade
from central_mdm.tidying import (
    DAY_SECONDS,
    HOUR_SECONDS,
    LEAP_DAYS,
    Retention,
    Tidied,
    Untidied,
    read_retention,
    tidy,
    tidy_all,
    tidy_daily,
    tidy_where_due,
    to_night,
)
from tests import postgres
from tests.integration.test_mdm_fleet import enrol
from tests.integration.test_mdm_journal import an_event, push
from tests.integration.test_mdm_partage import an_offer, document, offer, put
from tests.mdm import Mdm, bearer
from tests.plans import asking, know_sizes, plan_of

pytestmark = pytest.mark.real_loop
YEAR = 365 * DAY_SECONDS
NOTHING = Tidied(0, 0, 0, 0, 0)


async def count(mdm: Mdm, table: Table) -> int:
    async with mdm.ground.database.reading(mdm.school) as connection:
        counted = select(func.count()).select_from(table)
        return int((await connection.execute(counted)).scalar_one())


async def test_words_of_events_go_and_the_chain_of_hashes_and_answers_stay(mdm: Mdm) -> None:
    await push(mdm, an_event(1), an_event(2))
    mdm.clock.at += 183 * DAY_SECONDS
    mdm.tokens.clear()
    await push(mdm, an_event(3))
    await tidy(mdm.ground, mdm.school, Retention())
    mdm.clock.at += 1
    tidied = await tidy(mdm.ground, mdm.school, Retention())
    assert tidied.events == 2
    async with mdm.ground.database.reading(mdm.school) as connection:
        rows = (await connection.execute(select(events).order_by(events.c.sequence))).all()
    assert [(row.sequence, row.hash) for row in rows] == [(n, "ab" * 32) for n in (1, 2, 3)]
    assert [bool(row.body) for row in rows] == [False, False, True]
    assert await tidy(mdm.ground, mdm.school, Retention()) == NOTHING
    mdm.tokens.clear()
    assert await push(mdm, an_event(1)) == [("event-1", "applied", "")], "told again, kept once"


async def test_words_go_in_parts_each_for_good_and_are_found_among_what_was_forgotten(
    mdm: Mdm,
) -> None:
    told = {"school": mdm.school, "origin": "s", "teacher": "t-lambert", "lesson": "l"}
    told |= {"kind": "reported", "happened_at": 1, "hash": ""}
    rows = [
        told
        | {"id": f"e-{number}", "sequence": number, "received_at": number}
        | {"body": b"{}" if number > 3000 else b""}
        for number in range(1, 3008)
    ]
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(events), rows)
    await know_sizes(mdm.ground.database, mdm.school, "journal_events")
    left: list[int] = []
    with asking(mdm.ground.database) as asked:

        async def look() -> None:
            """Look as another does: what has not been committed is not seen."""
            async with mdm.ground.database.reading(mdm.school) as connection:
                worded = select(func.count()).select_from(events).where(WORDED)
                left.append(int((await connection.execute(worded)).scalar_one()))

        async with asyncio.TaskGroup() as tasks:
            going = tasks.create_task(
                forget_events(mdm.ground, mdm.school, before=3007, at_once=2), name="forget"
            )
            while not going.done():
                await look()
    assert going.result() == 6
    await look()
    assert left[-1] == 1, "the youngest stays"
    assert set(left) <= {7, 5, 3, 1}
    updates = [each for each in asked if each[0].startswith("UPDATE journal_events")]
    assert len(updates) == 4
    plan = await plan_of(mdm.ground.database, mdm.school, updates[0])
    assert "ix_journal_events_worded" in plan


async def test_a_device_that_tells_of_a_lesson_long_forgotten_accuses_nobody(mdm: Mdm) -> None:
    await push(mdm, an_event(1))
    mdm.clock.at += 184 * DAY_SECONDS
    await tidy(mdm.ground, mdm.school, Retention())
    account = Account(beside="store-1", until=1, locks=(7,))
    row = {"school": mdm.school, "device": "dev-1", "lesson": "lesson-1"}
    row |= {"issued_at": mdm.clock.at, "body": msgspec.json.encode(account)}
    teacher = next(each["id"] for each in mdm.sample["teachers"] if each["login"] == "lambert")
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(upsert(connection, accounts).values(row))
        caller = Caller(mdm.school, "teacher", teacher)
        compared = await compare(connection, caller, mdm.clock.at)
        assert (len(compared.held), compared.alarms) == (1, ())


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_a_device_tells_by_a_clock_ahead_goes_in_its_time_as_well(
    mdm: Mdm, tmp_path: Path
) -> None:
    async def tidied(days: int) -> list[str]:
        mdm.clock.at = right + days * DAY_SECONDS
        await tidy_all(mdm.ground, tmp_path, [mdm.school])
        async with mdm.ground.database.reading(mdm.school) as connection:
            wanted = select(accounts.c.device).order_by(accounts.c.device)
            return list((await connection.execute(wanted)).scalars())

    right = mdm.clock.at
    body = msgspec.json.encode(Account(beside="store-1", until=1))
    ahead = {"ahead": 9 * YEAR, "right": 0, "tomorrow": DAY_SECONDS}
    rows = [
        {"school": mdm.school, "device": device, "lesson": "l", "body": body}
        | {"issued_at": right + seconds}
        for device, seconds in ahead.items()
    ]
    await tidied(-5)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(accounts), rows)
    assert await tidied(-9 * 365) == list(ahead), "before ours hears the time, all looks far"
    assert await tidied(0) == list(ahead), "it is held against the journal as any other"
    assert await tidied(92) == list(ahead)
    assert await tidied(183) == list(ahead)
    assert await tidied(184) == ["tomorrow"]
    assert await tidied(185) == []


async def test_work_goes_after_a_year_with_the_bytes_that_no_other_work_needs(
    mdm: Mdm, tmp_path: Path
) -> None:
    pieces, manifest = document(10, 20)
    for piece in pieces:
        await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    mdm.clock.at += 300 * DAY_SECONDS
    mdm.tokens.clear()
    shared = ChunkRef(10, blake3.blake3(pieces[0]).digest())
    other = msgspec.msgpack.encode(Manifest(1, "fixed-4m", 10, (shared,)))
    await offer(mdm, an_offer(mdm, other, id="file-2"))
    mdm.clock.at += 66 * DAY_SECONDS
    assert (await tidy(mdm.ground, mdm.school, Retention())).files == 1
    mdm.tokens.clear()
    headers = await mdm.as_teacher()
    assert (await mdm.http.get("/api/files/file-1", headers=headers)).status_code == 404
    assert (await mdm.http.get("/api/files/file-2", headers=headers)).content == pieces[0]
    assert await count(mdm, chunks) == 1
    lie = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert len(lie) == 1
    for piece in pieces:
        assert await put(mdm, piece) < 300
    assert (await offer(mdm, an_offer(mdm, manifest, id="file-3")))["state"] == "kept"


async def test_bytes_that_no_row_names_go_as_late_as_work_does_and_halves_after_a_day(
    mdm: Mdm, tmp_path: Path
) -> None:
    async def left(content: bytes, days: int, name: str = "{}") -> Path:
        """Leave an object that was kept so long ago, as a kill before its row does."""
        digest = blake3.blake3(content).hexdigest()
        await mdm.ground.objects.keep(mdm.school, digest, content)
        (path,) = (tmp_path / "objects").rglob(digest)
        path = path.rename(path.with_name(name.format(digest)))
        kept_at = mdm.clock.at - days * DAY_SECONDS
        os.utime(path, times=(kept_at, kept_at))
        return path

    mdm.clock.at = int(time.time())  # as the disk's is
    (piece,), manifest = document(10)
    await put(mdm, piece)
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"
    part = "{}.7-ab.part"
    stay = [await left(piece, 400), await left(b"a", 364), await left(b"b", 0, part)]
    stay.append(await left(b"again", 400))
    go = [await left(b"c", 366), await left(b"d", 2, part)]
    await mdm.ground.objects.keep(mdm.school, stay[-1].name, b"again")
    assert (await tidy(mdm.ground, mdm.school, Retention())).strays == len(go)
    assert {path for path in (tmp_path / "objects").rglob("*") if path.is_file()} == set(stay)
    mdm.clock.at += 6 * DAY_SECONDS
    mdm.tokens.clear()
    assert (await tidy(mdm.ground, mdm.school, Retention(files=1))).strays == 2
    assert stay[-1].exists(), "an upload has seven days at the least"


async def test_a_device_that_comes_no_more_is_forgotten_but_for_its_name(mdm: Mdm) -> None:
    gone = (await enrol(mdm, mdm.sample["devices"][0]["code"])).json()
    stays = (await enrol(mdm, mdm.sample["devices"][1]["code"])).json()
    seen = Seen(mdm.ground.database)
    seen.touch(mdm.school, gone["device"], mdm.clock.at)
    mdm.clock.at += 401 * DAY_SECONDS
    seen.touch(mdm.school, stays["device"], mdm.clock.at)
    await seen.flush()
    assert (await tidy(mdm.ground, mdm.school, Retention())).devices == 1
    assert await count(mdm, inventories) == 1
    told = {"inventory_hash": "ab" * 32}
    headers = bearer(await mdm.passed(gone["device"]))
    answer = await mdm.http.post("/api/check-in", json=told, headers=headers)
    assert answer.json()["want_inventory"] is True


async def test_a_spoilt_setting_removes_nothing_and_says_so(mdm: Mdm, tmp_path: Path) -> None:
    await push(mdm, an_event(1))
    mdm.clock.at += 9999 * DAY_SECONDS
    for told in (b'{"journal": 0}', b'{"jurnal": 9}', b"no setting"):
        (tmp_path / "retention.json").write_bytes(told)
        with pytest.raises(Malformed):
            await tidy_all(mdm.ground, tmp_path, [mdm.school])
    (tmp_path / "retention.json").write_bytes(b'{"journal": 9}')
    assert read_retention(tmp_path) == Retention(journal=9)
    tidied = await tidy_all(mdm.ground, tmp_path, [mdm.school], clock_is_right=True)
    assert tidied[mdm.school].events == 1
    assert await count(mdm, teacher_tokens) == 0


async def test_all_schools_are_tidied_by_their_list_which_row_level_security_does_not_hide(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    await push(mdm, an_event(1))
    mdm.clock.at += 184 * DAY_SECONDS
    tidied = await tidy_all(mdm.ground, tmp_path, clock_is_right=True)
    assert {school: each.events for school, each in tidied.items()} == {
        mdm.school: 1,
        "elsewhere": 0,
    }
    assert "School elsewhere has no standby" in caplog.text
    caplog.clear()


async def spoil(mdm: Mdm, school: str) -> None:
    """Have SQLite refuse to tidy this school."""
    async with mdm.ground.database.writing(school) as connection:
        refuses = f"BEFORE DELETE ON journal_accounts WHEN old.school = '{school}'"
        told = "SELECT RAISE(ABORT, 'no')"
        await connection.execute(text(f"CREATE TRIGGER broken {refuses} BEGIN {told}; END"))
        row = {"school": school, "device": "d", "lesson": "l", "issued_at": 1, "body": b"{}"}
        await connection.execute(insert(accounts), row)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_was_tidied_longest_ago_comes_first_and_one_that_fails_stops_no_other(
    mdm: Mdm,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def tidied() -> list[str]:
        return list(await tidy_all(mdm.ground, tmp_path))

    for school in ("early", "never", "later"):
        await open_school(mdm.ground, school, school, standby="ab" * 32)
    await tidy_all(mdm.ground, tmp_path, [mdm.school], clock_is_right=True)
    for school in ("later", "early"):
        mdm.clock.at += 60
        await tidy_all(mdm.ground, tmp_path, [school], clock_is_right=True)
    assert await tidied() == ["never", mdm.school, "later", "early"]
    await spoil(mdm, "later")
    with pytest.raises(
        Untidied, match="1 of 4 schools not tidied, the log says why: later"
    ) as part:
        await tidied()
    assert set(part.value.done) == {"early", "never", mdm.school}
    assert "school later not tidied" in caplog.text
    with pytest.raises(IntegrityError):
        await tidy_all(mdm.ground, tmp_path, ["later"])
    told = ["tidy", "--folder", str(tmp_path), "--clock-is-right"]
    assert await asyncio.to_thread(main, told) == 1
    said = capsys.readouterr()
    assert '"never": {"events": 0' in said.out
    assert "1 of 4 schools not tidied" in said.err
    caplog.clear()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_one_that_ends_the_process_comes_first_by_chance_alone_and_stops_no_other_for_good(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As by the kernel, or by who starts the job."""

    async def tidying(ground: Ground, school: str, keep: Retention) -> Tidied:
        begun.append(school)
        if school == "kills":
            raise Killed
        return await tidy(ground, school, keep)

    async def night(*chance: str) -> list[str]:
        begun.clear()
        mdm.clock.at += DAY_SECONDS
        ground = replace(mdm.ground, new_secret=iter(chance).__next__)
        with pytest.raises(Killed):
            await tidy_all(ground, tmp_path, named)
        return begun

    begun: list[str] = []
    named = ["kills", "other", mdm.school]
    for school in named[:2]:
        await open_school(mdm.ground, school, school, standby="ab" * 32)
    await tidy_all(mdm.ground, tmp_path, named)
    monkeypatch.setattr("central_mdm.tidying.tidy", tidying)
    assert await night("a", "b", "c") == ["kills"]
    assert await night("b", "a", "c") == ["other", "kills"]
    mdm.clock.at -= 1  # "other" was tidied within a day
    assert await night("b", "a", "c") == ["kills"], "who was tidied last comes last"
    assert await night("c", "b", "a") == [mdm.school, "other", "kills"]


@pytest.mark.parametrize("started", ["23:59:59", "02:16:59", "02:17:00", "07:45:00", "01:17:00"])
def test_a_server_that_serves_on_tidies_at_night(started: str) -> None:
    now = int(time.mktime(time.strptime(f"2026-11-29 {started}", "%Y-%m-%d %H:%M:%S")))
    wait = to_night(now)
    assert time.localtime(now + wait)[3:6] == (2, 17, 0)
    assert HOUR_SECONDS < wait <= DAY_SECONDS + HOUR_SECONDS


class Off(Exception):
    """As a machine that is switched off."""


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_night_that_a_server_was_off_or_asleep_is_made_up_for_ten_minutes_after(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def at(told: str) -> int:
        return int(time.mktime(time.strptime(f"2026-11-{told}", "%Y-%m-%d %H:%M")))

    async def tidying(ground: Ground, folder: Path) -> dict[str, Tidied]:
        tidied.append(time.strftime("%d %H:%M", time.localtime(mdm.clock.at)))
        return await tidy_all(ground, folder)

    async def on(started: str, ended: str, *asleep: tuple[str, str]) -> list[str]:
        """Return when it tidies, of a machine that is on for so long."""

        async def sleep(seconds: float) -> None:
            now = mdm.clock.at + int(seconds)
            mdm.clock.at = max([now, *(at(till) for since, till in asleep if at(since) <= now)])
            if now >= at(ended):
                raise Off

        tidied.clear()
        mdm.clock.at = at(started)
        with pytest.raises(Off):
            await tidy_daily(mdm.ground, tmp_path, sleep=sleep)
        return tidied

    tidied: list[str] = []
    monkeypatch.setattr("central_mdm.tidying.tidy_all", tidying)
    assert await on("23 07:45", "23 07:54") == [], "a class begins"
    assert await on("23 07:45", "23 08:40") == ["23 07:55"], "it was never tidied"
    assert await on("23 10:00", "23 10:50") == [], "once a day"
    assert await on("24 08:00", "24 08:50") == ["24 08:10"], "after a night it was off"
    assert await on("24 17:00", "25 12:00") == ["25 02:17"]
    assert await on("26 02:10", "26 12:00") == ["26 02:20"], "no sooner after a start"
    nights = ("26 17:00", "27 07:45"), ("27 07:50", "27 09:00"), ("28 02:00", "28 02:12")
    assert await on("26 16:00", "28 12:00", *nights) == ["27 09:10", "28 02:22"]
    mdm.clock.at += 9 * DAY_SECONDS
    await tidy_all(mdm.ground, tmp_path)  # by a clock that is ahead
    assert await on("28 17:00", "29 12:00") == ["29 02:17"]
    due_at = await tidy_where_due(mdm.ground, tmp_path, mdm.clock.at + YEAR)
    assert due_at == mdm.clock.at + to_night(mdm.clock.at), "it was ahead until now"
    caplog.clear()


async def test_a_clock_that_leapt_ahead_removes_nothing_until_a_person_says_that_it_is_right(
    mdm: Mdm, tmp_path: Path
) -> None:
    async def tidied(*, clock_is_right: bool = False) -> int:
        done = await tidy_all(mdm.ground, tmp_path, [mdm.school], clock_is_right=clock_is_right)
        return done[mdm.school].events

    device = (await enrol(mdm, mdm.sample["devices"][0]["code"])).json()["device"]
    await push(mdm, an_event(1))
    mdm.clock.at += 2 * YEAR
    for _ in range(2):  # before it was ever tidied, and on the next day
        with pytest.raises(Refused, match="clock-leapt") as refused:
            await tidied()
        assert refused.value.detail.startswith("The clock is 73")
        came = Seen(mdm.ground.database)  # whoever comes meanwhile makes it no truer
        came.touch(mdm.school, device, mdm.clock.at)
        await came.flush()
        mdm.clock.at += DAY_SECONDS
    mdm.clock.at -= 2 * YEAR
    assert await tidied() == 0
    mdm.clock.at += (LEAP_DAYS - 1) * DAY_SECONDS
    assert await tidied() == 0, "a long summer"
    mdm.clock.at += LEAP_DAYS * DAY_SECONDS
    with pytest.raises(Refused, match="clock-leapt"):
        await tidied()
    assert await tidied(clock_is_right=True) == 1
    mdm.clock.at += DAY_SECONDS
    assert await tidied() == 0, "it was said once"


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_school_that_fails_for_months_is_no_clock_that_leapt_and_hides_none(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tidied(days: int) -> dict[str, Tidied]:
        mdm.clock.at += days * DAY_SECONDS
        with pytest.raises(Untidied, match=r"1 of 3 schools not tidied, .*: broken") as part:
            await tidy_all(mdm.ground, tmp_path)
        return part.value.done

    for school in ("broken", "other"):
        await open_school(mdm.ground, school, school, standby="ab" * 32)
    await tidy_all(mdm.ground, tmp_path)
    await spoil(mdm, "broken")
    for days in (LEAP_DAYS - 1, LEAP_DAYS - 1, 1):
        assert set(await tidied(days)) == {"other", mdm.school}
    await push(mdm, an_event(1))
    mdm.clock.at += 2 * YEAR
    for named in ((), ("other",), ("broken",), ("broken", mdm.school)):
        with pytest.raises(Refused, match="clock-leapt"):
            await tidy_all(mdm.ground, tmp_path, named)
    done = await tidy_all(mdm.ground, tmp_path, ["other"], clock_is_right=True)
    assert list(done) == ["other"]
    assert (await tidied(1))[mdm.school].events == 1, "it is one clock"
    caplog.clear()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
@pytest.mark.parametrize("before", ["tidied", "never tidied", "of a clock that is far ahead"])
async def test_what_was_made_while_the_clock_was_ahead_says_not_that_it_is_right(
    mdm: Mdm, tmp_path: Path, before: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def come(school: str) -> None:
        seen = Seen(mdm.ground.database)
        seen.touch(school, "device", mdm.clock.at)
        await seen.flush()

    await push(mdm, an_event(1))
    match before:
        case "tidied":
            await tidy_all(mdm.ground, tmp_path)
        case "of a clock that is far ahead":
            await open_school(mdm.ground, "far", "Far")
            mdm.clock.at += 4 * YEAR
            await tidy_all(mdm.ground, tmp_path, ["far"])
            mdm.clock.at -= 4 * YEAR
        case _:
            pass
    mdm.clock.at += 2 * YEAR
    await open_school(mdm.ground, "a-new-one", "New")
    await come("a-new-one")
    for _ in range(2):  # on the next day as well
        with pytest.raises(Refused, match="clock-leapt"):
            await tidy_all(mdm.ground, tmp_path)
        await come(mdm.school)
        mdm.clock.at += DAY_SECONDS
    mdm.clock.at -= 2 * YEAR
    assert (await tidy_all(mdm.ground, tmp_path))[mdm.school].events == 0
    caplog.clear()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
@pytest.mark.parametrize("asked", ["schools.standby", "schools.tidied_at", "max(journal_events"])
async def test_a_school_of_which_the_database_tells_nothing_stops_no_other(
    mdm: Mdm, tmp_path: Path, asked: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_connection: object, _cursor: object, statement: str, told: Any, *_: object) -> None:  # noqa: ANN401
        if asked in statement and "early" in told:
            raise OperationalError(statement, None, OSError("a page that is spoilt"))

    await open_school(mdm.ground, "early", "Early", standby="ab" * 32)
    engine = mdm.ground.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(Untidied, match=r"1 of 2 schools not tidied, .*: early") as part:
        await tidy_all(mdm.ground, tmp_path)
    event.remove(engine, "before_cursor_execute", fail)
    assert list(part.value.done) == [mdm.school]
    caplog.clear()


async def test_a_persons_word_on_the_clock_is_an_act_of_the_audit_and_a_nights_tidying_is_none(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def asked(*schools: str, word: bool) -> list[tuple[str, str, str]]:
        args = Namespace(command="tidy", folder=tmp_path, school=list(schools), clock_is_right=word)
        async with witnessed(mdm.ground, "tidy", args):
            await keeping_commands.run(mdm.ground, args)
        return await told()

    async def told() -> list[tuple[str, str, str]]:
        async with mdm.ground.database.reading(mdm.school) as connection:
            columns = audit_acts.c.act, audit_acts.c.object, audit_acts.c.detail
            wanted = select(*columns).where(audit_acts.c.who.startswith("console:"))
            rows = await connection.execute(wanted.order_by(audit_acts.c.number))
            return [tuple(row) for row in rows]

    await push(mdm, an_event(1))
    assert await asked(word=False) == [], "a night's"
    mdm.clock.at += 200 * DAY_SECONDS
    with pytest.raises(Refused, match="clock-leapt"):
        await asked(mdm.school, word=False)
    assert await told() == []
    act = ("tidy", f"school {mdm.school}", "clock_is_right=True")
    assert await asked(mdm.school, word=True) == [act]
    assert await asked(word=True) == [act, act], "of all there are"
    (tmp_path / "retention.json").write_bytes(b"no setting")
    for schools_named in ((), (mdm.school,)):
        with pytest.raises(Malformed):
            await asked(*schools_named, word=True)
    refused = (*act[:2], "refused: retention clock_is_right=True")
    assert await told() == [act, act, refused, refused]
    caplog.clear()  # the sample has no standby


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_sign_in_of_a_clock_that_was_ahead_goes_on_and_ends_no_later_than_others(
    mdm: Mdm, tmp_path: Path
) -> None:
    async def renews(refresh: str) -> int:
        return (await mdm.http.post("/api/refresh", json={"refresh": refresh})).status_code

    async def tidied(at: int) -> None:
        mdm.clock.at = at
        await tidy_all(mdm.ground, tmp_path, [mdm.school])

    right = mdm.clock.at
    await tidied(right - 5 * DAY_SECONDS)
    mdm.clock.at = right + 2 * YEAR
    worked, kept, unused = [await mdm.sign_in() for _ in range(3)]
    mdm.clock.at = right
    shut = await mdm.http.get("/api/scopes", headers=bearer(worked["token"]))
    assert shut.status_code == 401, "a short token is none for two years and an hour"
    assert await renews(worked["refresh"]) == 200, "its app goes on by itself"
    await tidied(right - 2 * YEAR)  # before it hears the time: then all that is good looks far
    await tidied(right - 2 * YEAR + DAY_SECONDS)
    await tidied(right)
    mdm.clock.at = right + REFRESH_SECONDS - 60
    assert await renews(kept["refresh"]) == 200
    mdm.clock.at = right + REFRESH_SECONDS + 60
    assert await renews(unused["refresh"]) == 401


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_server_that_starts_with_a_clock_ahead_says_so_and_how_it_goes_on(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await push(mdm, an_event(1))
    mdm.clock.at += 2 * YEAR
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(tidy_daily(mdm.ground, tmp_path, 0), name="tidy")
        while not mdm.ground.faults.tidy:  # noqa: ASYNC110 - it counts, and tells nobody
            await asyncio.sleep(0)
        serving.cancel()
    assert "The clock is 730 days past" in caplog.text
    assert "pupitre-mdm tidy --folder F --clock-is-right" in caplog.text
    caplog.clear()
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert (await connection.execute(select(events.c.body))).scalar_one()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_let_devices_go_is_forgotten_after_a_year(mdm: Mdm) -> None:
    gone = (await enrol(mdm, mdm.sample["devices"][0]["code"])).json()
    await mdm.release(gone["device"])
    mdm.clock.at += 366 * DAY_SECONDS
    assert (await tidy(mdm.ground, mdm.school, Retention())).alarms == 1
    assert await count(mdm, acts) == 0


def test_schools_of_before_the_list_of_schools_are_on_it(
    a_cluster: Callable[[], Path],
) -> None:
    async def earlier(database: Database) -> None:
        async with database.engine.begin() as connection:
            await connection.run_sync(upgrade, "0007")
            school = text("SELECT set_config('pupitre.school', 'old', true)")
            await connection.execute(school)
            row = {"school": "old", "name": "Old", "epoch": "1", "root": "", "standby": ""}
            await connection.execute(insert(schools).values(row))

    async def story(url: str) -> None:
        database = Database(url)
        await earlier(database)
        await migrate(database)
        async with database.reading("") as connection:
            assert (await connection.execute(select(tenants.c.school))).scalars().all() == ["old"]
            assert (await connection.execute(select(schools.c.school))).all() == []
        await database.close()

    with postgres.database(a_cluster(), "test_0007") as url:
        asyncio.run(story(url))
