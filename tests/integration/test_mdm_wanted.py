"""What is wanted of devices, over HTTP and with a real agent's check-ins; both databases."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.cli import main
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.roster import ClassRow, DeviceRow
from central_mdm.contract.wanted import COMMANDS_MAX, Order, Report, Reports
from central_mdm.fleet.declaring import nearest
from central_mdm.fleet.ended import cancel_wipes, choose_role, end_person, keep_person
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.fleet.groups import raise_wanted
from central_mdm.fleet.model import devices, policies
from central_mdm.fleet.orders import DEVICES_MEASURED, order
from central_mdm.fleet.urgent import (
    WIPES_A_DAY,
    ask_wipe,
    cancel_wipe,
    confirm_wipe,
    end_wipe,
    urgent_of,
)
from central_mdm.fleet.wanted import keep_carried, look_anew
from central_mdm.fleet.wanted_model import reports, urgent
from central_mdm.identity import second_factor
from central_mdm.identity.model import second_factors
from central_mdm.identity.people import Person, let_in_again
from central_mdm.identity.revocation import newest
from central_mdm.joining import ground_at
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import Database
from central_mdm.platform.errors import Malformed, Missing, NotAllowed, Refused, TryAgain
from central_mdm.platform.migrate import migrate, upgrade
from central_mdm.platform.numbers import STRETCH
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import put_class, put_device
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.leaving import Leaving
from device_bridge.agent.guard.mdm import CheckIns, enrol, tell_reports
from device_bridge.agent.guard.wanted import WantedHere
from device_bridge.agent.guard.wiping import finish_wipe
from device_bridge.agent.settings import Machine, NotHere, Remembered
from tests import postgres
from tests.disks import disk
from tests.integration.test_check_ins import duties_of
from tests.mdm import Mdm, Prepared, bearer, new_request, waiting
from tests.restored import forget_who_was_ended
from tests.unit.test_wanted import Pupil

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
HOUR, DAY = 3600, 86_400


@dataclass
class Agent:
    """An enrolled agent's half that meets the MDM."""

    id: str
    folder: Folder
    wanted: WantedHere
    check_ins: CheckIns
    pupil: Pupil
    screen: Remembered
    rung: list[int]


async def agent_of(
    mdm: Mdm, folder: Path, place: int = 0, chance: Callable[[], float] = lambda: 1.0
) -> Agent:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    own, found = Folder(folder), Inventory("laptop", "Linux-6.1", "T14")
    code = mdm.sample["devices"][place]["code"]
    device = await enrol(own, "http://mdm", code, found, client)
    pupil, screen, rung = Pupil(), Remembered(), list[int]()
    settings = {"screen_timeout": screen, "wallpaper": NotHere("no desktop")}
    machine = Machine(settings, ring=lambda: rung.append(1))
    enrolled = read_enrolment(own)
    clock = Clock(lambda: 1000.0, lambda: float(mdm.clock.at), "boot-1")
    wanted = WantedHere(
        own, enrolled, machine, pupil, mdm.clock, clock, lambda _kind, _facts, _words: None
    )
    duties = replace(duties_of(lambda: found, client), wanted=wanted, spread=chance)
    check_ins = CheckIns(own, enrolled, duties)
    return Agent(device, own, wanted, check_ins, pupil, screen, rung)


async def administrator(mdm: Mdm) -> dict[str, str]:
    person = mdm.sample["teachers"][0]["id"]
    await choose_role(mdm.ground, mdm.school, person, "administrator")
    return await mdm.as_administrator(person)


async def ask(mdm: Mdm, path: str, told: dict[str, Any], status: int = 200) -> dict[str, Any]:
    headers = await administrator(mdm)
    answer = await mdm.http.post(f"/api/fleet/{path}", json=told, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def standings(mdm: Mdm) -> dict[str, str]:
    headers = await administrator(mdm)
    answer = await mdm.http.get("/api/fleet/standings", headers=headers)
    return {row["about"]: row["state"] for row in answer.json()["rows"]}


async def test_what_is_declared_is_applied_proved_reported_and_an_order_is_done_once(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    assert await standings(mdm) == {"screen_timeout": "pending", "wallpaper": "pending"}
    await agent.check_ins.once()
    assert agent.screen.read({"seconds": 600})[0], "the school's, from the sample"
    assert await standings(mdm) == {"wallpaper": "unsupported"}
    here = {"scope": "device", "target": agent.id}
    await ask(mdm, "declarations", {**here, "feature": "screen_timeout", "body": {"seconds": 90}})
    order = {"id": "o1", "kind": "ring", **here}
    assert await ask(mdm, "orders", order) == {"reaches": 1}
    await ask(mdm, "orders", order)
    await ask(mdm, "orders", {"id": "o2", "kind": "message", "text": "Bring it", **here})
    for _ in range(3):
        await agent.check_ins.once()
    assert agent.screen.read({"seconds": 90})[0]
    assert agent.rung == [1]
    assert ("message", "Bring it") in agent.pupil.seen
    assert agent.pupil.who == mdm.sample["school_name"], "who says so: no id"
    assert await standings(mdm) == {"wallpaper": "unsupported"}, "what is done is no news"
    await ask(mdm, "orders", {"id": "o3", "kind": "ring", "minutes": 1, **here})
    mdm.clock.at += 61
    await agent.check_ins.once()
    assert agent.rung == [1]
    assert (await standings(mdm))["ring o3"] == "expired"
    await ask(mdm, "declarations", {**here, "feature": "screen_timeout"})
    await agent.check_ins.once()
    assert agent.screen.read({"seconds": 600})[0], "taken back: the school's holds again"


@on_sqlite
async def test_a_server_that_was_set_back_repeats_no_version_and_hears_each_report_again(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    here = {"scope": "device", "target": agent.id, "feature": "screen_timeout"}
    await ask(mdm, "declarations", {**here, "body": {"seconds": 90}})
    await agent.check_ins.once()
    async with mdm.ground.database.writing(mdm.school) as connection:
        before = update(devices).where(devices.c.id == agent.id)
        await connection.execute(before.values(wanted_version=agent.wanted.version - 1))
        await connection.execute(delete(reports))
    mdm.clock.at += 60
    await ask(mdm, "declarations", {**here, "body": {"seconds": 91}})
    await agent.check_ins.once()
    assert agent.screen.read({"seconds": 91})[0]
    assert await standings(mdm) == {"wallpaper": "unsupported"}


@on_sqlite
async def test_a_server_set_back_to_before_a_report_hears_it_by_a_later_days_pass(
    mdm: Mdm, tmp_path: Path
) -> None:
    chances = [1 / 6, 1 / 8]
    agent = await agent_of(mdm, tmp_path / "device", chance=lambda: chances.pop(0))
    await agent.check_ins.once()
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(delete(reports))
    pending = {"screen_timeout": "pending", "wallpaper": "pending"}
    for found in (pending, {"wallpaper": "unsupported"}):
        mdm.clock.at += DAY
        await agent.check_ins.once()
        assert await standings(mdm) == found
    assert chances == []


@on_sqlite
async def test_the_nearest_wins_and_groups_follow_what_a_device_tells(  # noqa: PLR0915 - a story
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    await agent.check_ins.once()
    rule = {"rule": {"kind": "laptop", "system": "Linux-6"}}
    assert await ask(mdm, "groups", {"id": "six", "name": "Six", **rule}) == {
        "id": "six",
        "members": 1,
    }
    tablets = {"id": "tablets", "name": "Tablets", "rule": {"kind": "tablet"}}
    assert (await ask(mdm, "groups", tablets))["members"] == 0
    room = {"id": "5B", "name": "5B", "rule": {"class_id": "5B"}}
    assert (await ask(mdm, "groups", room))["members"] == 1

    async def declared(seconds: int, scope: str, target: str = "") -> int:
        told = {"scope": scope, "target": target, "feature": "screen_timeout"}
        return (await ask(mdm, "declarations", {**told, "body": {"seconds": seconds}}))["version"]

    async def holds() -> tuple[int, object]:
        async with mdm.ground.database.reading(mdm.school) as connection:
            mine = (await nearest(connection, mdm.school, [agent.id]))[agent.id]
        one = next(one for one in mine if one.feature == "screen_timeout")
        return one.version, one.body["seconds"]

    versions = [await declared(100, "group", "six"), await declared(101, "group", "tablets")]
    assert await holds() == (versions[0], 100)
    versions.append(await declared(102, "school"))
    assert await holds() == (versions[0], 100), "a group is nearer, though older"
    versions.append(await declared(103, "group", "5B"))
    assert await holds() == (versions[-1], 103), "of two groups the newer"
    versions.append(await declared(104, "device", agent.id))
    assert await holds() == (versions[-1], 104)
    assert versions == sorted(set(versions))
    told = {"inventory": {"kind": "tablet"}, "inventory_hash": "t", "wanted": 1}
    token = json.loads(agent.folder.fleet.read_text())["token"]
    answer = await mdm.http.post("/api/check-in", json=told, headers=bearer(token))
    assert answer.json()["wanted"]
    async with mdm.ground.database.reading(mdm.school) as connection:
        mine = (await nearest(connection, mdm.school, [agent.id]))[agent.id]
    assert len(mine) == 2
    await ask(mdm, "declarations", {"scope": "device", "target": agent.id, **TIMEOUT})
    await ask(mdm, "declarations", {"scope": "group", "target": "5B", **TIMEOUT})
    assert await holds() == (versions[1], 101), "a tablet now, and a laptop no more"


TIMEOUT = {"feature": "screen_timeout"}


@on_sqlite
async def test_what_cannot_be_is_refused_by_name(mdm: Mdm) -> None:
    device = mdm.sample["devices"][0]["device"]
    here, school = {"scope": "device", "target": device}, {"scope": "school"}
    refusals: list[tuple[str, dict[str, Any], int, str]] = [
        ("declarations", {**school, "feature": "moon", "body": {}}, 400, "no-feature"),
        ("declarations", {**school, **TIMEOUT, "body": {"seconds": -1}}, 400, "malformed"),
        ("declarations", {**school, **TIMEOUT, "body": {"colour": "red"}}, 400, "no-such-body"),
        ("declarations", {**here, **TIMEOUT, "target": "dev-0"}, 404, "no-device"),
        ("declarations", {"scope": "group", "target": "g", **TIMEOUT}, 404, "no-group"),
        ("declarations", {**school, "target": "x", **TIMEOUT}, 400, "no-target"),
        ("orders", {**here, "id": "o", "kind": "lost"}, 400, "malformed"),
        ("orders", {**here, "id": "o", "kind": "wipe"}, 400, "malformed"),
        ("orders", {**here, "id": "o", "kind": "message"}, 400, "no-text"),
        ("groups", {"id": "g", "name": "G"}, 400, "list-or-rule"),
        ("groups", {"id": "g", "name": "G", "members": ["dev-0"]}, 404, "no-device"),
        ("groups", {"id": "g", "name": "G", "rule": {"class_id": "9Z"}}, 404, "no-class"),
        ("lost", {"device": [device, "dev-2"], "text": "x"}, 400, "malformed"),
        ("lost", {"device": device, "scope": "school", "text": ""}, 400, "malformed"),
        ("found", {"device": device}, 404, "not-lost"),
    ]
    for path, told, status, code in refusals:
        assert (await ask(mdm, path, told, status))["code"] == code, told
    missing = await ask(mdm, "declarations", {**here, **TIMEOUT, "target": "dev-0"}, 404)
    assert missing["detail"] == "There is no device dev-0."
    sentences: list[tuple[dict[str, Any], str]] = [
        ({**school, **TIMEOUT, "body": {"second": 1}}, "Its fields: seconds."),
        ({**school, "feature": "proxy", "body": {}}, "Its fields: host, [port]."),
        ({"scope": "device", **TIMEOUT}, "Say which device: the target is its id."),
    ]
    for told, detail in sentences:
        assert (await ask(mdm, "declarations", told, 400))["detail"].endswith(detail)
    for number in range(COMMANDS_MAX):
        await ask(mdm, "orders", {**here, "id": f"o{number}", "kind": "ring"})
    assert (await ask(mdm, "orders", {**here, "id": "more", "kind": "ring"}, 409))["code"] == (
        "too-many-orders"
    )
    plain = await mdm.as_teacher(mdm.sample["teachers"][1]["login"])
    refused = await mdm.http.get("/api/fleet/standings", headers=plain)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong-duty")


@on_postgresql
async def test_a_whole_school_is_ordered_what_each_device_has_room_for(mdm: Mdm) -> None:
    one: str = mdm.sample["devices"][0]["device"]
    many = [one, *(f"many-{number:03}" for number in range(DEVICES_MEASURED))]
    rows = [{"school": mdm.school, "id": id_, "token_hash": id_, "enrolled_at": 1} for id_ in many]
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(devices), rows)

    async def orders(id_: str, text: str, device: str = "") -> int:
        told = Order(id_, "message", "device" if device else "school", device, text)
        return (await order(mdm.ground, mdm.school, "t-lambert", told)).reaches

    for id_ in "abcde":  # five of such may be too long, if each letter has to be escaped
        assert await orders(id_, "l" * 400) == len(many)
    for id_ in "fg":
        await orders(id_, "\x01" * 400, one)
    with pytest.raises(Refused) as refused:
        await orders("h", "\x01" * 400)
    assert refused.value.detail == f"{one} has 7 orders to do already."
    assert await orders("h", "l" * 400) == len(many)
    with pytest.raises(Refused) as refused:
        await orders("i", "l")
    assert refused.value.detail == f"{one} has 8 orders to do already."


@on_sqlite
async def test_an_agent_of_before_goes_on_by_its_policy_and_hears_of_nothing_else(
    mdm: Mdm,
) -> None:
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    code = mdm.sample["devices"][0]["code"]
    told = (await mdm.http.post("/api/enrolments", json={"code": code, **asked})).json()
    everywhere = {"scope": "school", "feature": "screen_timeout", "body": {"seconds": 77}}
    await ask(mdm, "declarations", everywhere)
    old = await mdm.http.post("/api/check-in", json={}, headers=bearer(told["token"]))
    policy = old.json()["policy"]
    assert (policy["screen_timeout_seconds"], policy["wallpaper"]) == (77, "")
    assert "wanted" not in old.json()
    new = await mdm.http.post("/api/check-in", json={"wanted": 0}, headers=bearer(told["token"]))
    assert "policy" not in new.json()
    assert new.json()["wanted"]
    knows = mdm.clock.at + 9
    asked = {"wanted": knows}
    more = await mdm.http.post("/api/check-in", json=asked, headers=bearer(told["token"]))
    async with mdm.ground.database.reading(mdm.school) as connection:
        version = (await connection.execute(select(devices.c.wanted_version))).scalar_one()
    assert more.json()["wanted"], "restored from a copy, it goes above what a device knows"
    assert knows < version <= knows + STRETCH


async def test_what_a_device_says_now_holds_though_it_is_of_an_older_version(mdm: Mdm) -> None:
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    code = mdm.sample["devices"][0]["code"]
    enrolled = (await mdm.http.post("/api/enrolments", json={"code": code, **asked})).json()
    body = {"scope": "school", "feature": "screen_timeout", "body": {"seconds": 77}}
    version = (await ask(mdm, "declarations", body))["version"]
    for number, state in ((version + 9, "applied"), (version, "failed")):
        one = {"feature": "screen_timeout", "version": number, "state": state, "reason": ""}
        told = {"reports": [one]}
        answer = await mdm.http.post("/api/reports", json=told, headers=bearer(enrolled["token"]))
        assert answer.is_success
    async with mdm.ground.database.reading(mdm.school) as connection:
        found = select(reports.c.version, reports.c.state).where(
            reports.c.device == enrolled["device"]
        )
        assert (await connection.execute(found)).all() == [(version, "failed")]


@pytest.mark.parametrize(
    ("ahead_seconds", "known"), [(-60, "newer"), (0, "older"), (9999, "older")]
)
async def test_what_is_carried_late_takes_no_newer_ones_place_but_of_one_told_by_a_clock_ahead(
    mdm: Mdm, ahead_seconds: int, known: str
) -> None:
    mdm.clock.at += ahead_seconds
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    code = mdm.sample["devices"][0]["code"]
    enrolled = (await mdm.http.post("/api/enrolments", json={"code": code, **asked})).json()
    newer = {"feature": "screen_timeout", "version": 9, "state": "applied", "reason": "newer"}
    told, by = {"reports": [newer]}, bearer(enrolled["token"])
    assert (await mdm.http.post("/api/reports", json=told, headers=by)).is_success
    mdm.clock.at -= ahead_seconds
    older = Reports((Report("screen_timeout", 8, "applied", "older"),))
    async with mdm.ground.database.writing(mdm.school) as connection:
        said_at, now = mdm.clock.at - 120 * (ahead_seconds < 0), mdm.clock.at
        await keep_carried(connection, mdm.school, enrolled["device"], older, said_at, now)
        found = select(reports.c.reason).where(reports.c.device == enrolled["device"])
        assert await connection.scalar(found) == known


@on_sqlite
async def test_a_missing_device_says_so_on_its_screen_until_it_is_found(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    other = await agent_of(mdm, tmp_path / "other", 1)
    await ask(mdm, "lost", {"device": agent.id, "text": "Please call 12"})
    assert (await standings(mdm))["lost"] == "pending"
    for one in (agent, other):
        await one.check_ins.once()
    assert agent.pupil.lost == ["Please call 12"]
    assert other.pupil.lost == []
    assert (await standings(mdm))["lost"] == "applied"
    await ask(mdm, "found", {"device": agent.id})
    await agent.check_ins.once()
    assert agent.pupil.lost[-1] == ""
    assert "lost" not in await standings(mdm)


@on_sqlite
async def test_a_full_disk_keeps_back_nothing_that_is_declared_nor_a_missing_devices_end(  # noqa: PLR0915 - a story
    mdm: Mdm, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "1m") as small:
        agent = await agent_of(mdm, small.folder / "device")
        await agent.check_ins.once()
        (agent.folder.library / "film").write_bytes(bytes(50_000))
        small.fill()

        async def comes() -> None:
            with pytest.raises(OSError, match="No space left"):
                await agent.check_ins.once()

        here = {"scope": "device", "target": agent.id}
        declared = {**here, "feature": "screen_timeout", "body": {"seconds": 90}}
        await ask(mdm, "declarations", declared)
        await ask(mdm, "orders", {"id": "o1", "kind": "ring", **here})
        await comes()
        assert agent.screen.read({"seconds": 90})[0]
        assert agent.rung == [], "it might be done twice: it is not on the disk"
        await ask(mdm, "lost", {"device": agent.id, "text": "Please call 12"})
        await comes()
        assert agent.pupil.lost == ["Please call 12"]
        first, second = (each["id"] for each in mdm.sample["teachers"][:2])
        asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
        await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
        await comes()
        mdm.clock.at += 3601
        with pytest.raises(Leaving):
            await agent.check_ins.once()
        small.fill()

        @asynccontextmanager
        async def client() -> AsyncGenerator[httpx.AsyncClient]:
            yield mdm.http

        tell: Callable[[Reports], Any] = partial(tell_reports, agent.folder, client=client)
        assert await finish_wipe(agent.folder, tell)
        assert list(agent.folder.root.iterdir()) == []
    async with mdm.ground.database.reading(mdm.school) as connection:
        ended = select(urgent.c.state, urgent.c.reason).where(urgent.c.id == asked.id)
        state, reason = (await connection.execute(ended)).one()
    assert state == "done"
    assert "library" in reason


@on_postgresql
async def test_two_acts_and_a_device_that_tells_at_once_wait_in_no_circle(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    headers, here = await administrator(mdm), {"scope": "device", "target": agent.id}
    acts = {
        "orders": {"id": "o1", "kind": "ring", **here},
        "lost": {"device": agent.id, "text": "Call us"},
        "found": {"device": agent.id},
    }
    async with asyncio.TaskGroup() as group:
        told: list[asyncio.Task[httpx.Response]] = []
        async with mdm.ground.database.writing(mdm.school) as tells:
            row = select(devices.c.id).where(devices.c.id == agent.id)
            await tells.execute(row.with_for_update())
            for number, (path, asked) in enumerate(acts.items()):
                post = mdm.http.post(f"/api/fleet/{path}", json=asked, headers=headers)
                told.append(group.create_task(post))
                await waiting(mdm, number + 1)
    assert [(await each).status_code for each in told] == [200, 200, 200]


async def test_no_class_and_no_more_than_five_a_day_can_be_reported_missing(mdm: Mdm) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await put_class(connection, mdm.school, ClassRow("big", "Big"), mdm.clock.at)
        for number in range(24):
            row = DeviceRow(f"dev-{number:04}", "big", f"Tablet {number}", "linux")
            news += await put_device(connection, mdm.school, row, mdm.clock.at)
        await publish(connection, mdm.school, news)

    async def lost(number: int, status: int = 200) -> dict[str, Any]:
        return await ask(mdm, "lost", {"device": f"dev-{number:04}", "text": "Call us"}, status)

    for number in (*range(3), 2):
        await lost(number)
    refused = await lost(3, 409)
    assert refused["code"] == "lost-of-a-class"
    assert "3 of the 24 devices of Big (big) are missing already" in refused["detail"]
    for number in range(2):
        await ask(mdm, "found", {"device": f"dev-{number:04}"})
        mdm.clock.at += 1
        await lost(number + 3)
    await ask(mdm, "found", {"device": "dev-0002"})
    assert (await lost(5, 429))["code"] == "too-many-lost"
    await lost(4)  # told again it is one
    mdm.clock.at += DAY
    await lost(5)
    headers = await administrator(mdm)
    acts = (await mdm.http.get("/api/audit", headers=headers)).json()["acts"]
    assert [(one["object"], one["detail"]) for one in acts[:3]] == [
        ("dev-0005", ""),
        ("dev-0004", ""),
        ("dev-0005", "refused: too-many-lost"),
    ]


async def test_erasing_wants_two_people_a_delay_and_tells_what_was_removed(  # noqa: PLR0915 - a story
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second, third = (each["id"] for each in mdm.sample["teachers"][:3])
    with pytest.raises(Malformed):
        await ask_wipe(mdm.ground, mdm.school, first, agent.id, 60)
    asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    with pytest.raises(NotAllowed, match="second-person"):
        await confirm_wipe(mdm.ground, mdm.school, first, asked.id)
    await agent.check_ins.once()
    assert agent.wanted.wipe == "", "one person alone erases nothing"
    confirmed = await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
    assert confirmed.runs_at == mdm.clock.at + 3600
    with pytest.raises(Refused):
        await confirm_wipe(mdm.ground, mdm.school, third, asked.id)
    mdm.clock.at += 3599
    await agent.check_ins.once()
    with pytest.raises(NotAllowed, match="not-yours"):
        await cancel_wipe(mdm.ground, mdm.school, third, asked.id)
    await cancel_wipe(mdm.ground, mdm.school, second, asked.id)
    mdm.clock.at += 3600
    await agent.check_ins.once()
    again = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, again.id)
    await agent.check_ins.once()
    mdm.clock.at += 3601
    with pytest.raises(Leaving):
        await agent.check_ins.once()
    assert agent.pupil.seen[-1] == ("wipe", "")

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    tell: Callable[[Reports], Any] = partial(tell_reports, agent.folder, client=client)
    assert await finish_wipe(agent.folder, tell)
    assert list(agent.folder.root.iterdir()) == []
    async with mdm.ground.database.reading(mdm.school) as connection:
        ended = select(urgent.c.state, urgent.c.reason).where(urgent.c.id == again.id)
        state, reason = (await connection.execute(ended)).one()
    assert state == "done"
    assert reason.startswith("removed: ")
    assert "key.pem" in reason


async def test_what_a_silent_set_back_has_forgotten_of_a_device_is_told_once_more(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    await agent.check_ins.once()
    told = await standings(mdm)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(delete(reports).where(reports.c.device == agent.id))
    assert await standings(mdm) != told, "the copy is of before"

    async def looked(held: int, *, owes: bool = False) -> int:
        async with mdm.ground.database.writing(mdm.school) as connection:
            where = mdm.school, agent.id
            return await look_anew(connection, *where, held, now, owes=owes)

    held = agent.wanted.version
    now = held + 60
    assert await looked(held, owes=True) == held, "the rest of it is on its way"
    assert await looked(held) == now, "the next number an app may have, of before the copy"
    await agent.check_ins.once()
    assert await standings(mdm) == told
    assert await looked(agent.wanted.version) == agent.wanted.version == now


async def test_what_is_wanted_anew_while_a_device_is_looked_at_is_not_lost(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    mdm.clock.at += 60
    now = mdm.clock.at

    async def looked() -> int:
        async with mdm.ground.database.writing(mdm.school) as connection:
            return await look_anew(connection, mdm.school, agent.id, now - 30, now)

    async with asyncio.TaskGroup() as group, mdm.ground.database.writing(mdm.school) as wants:
        await raise_wanted(wants, mdm.school, [agent.id], now)
        version = group.create_task(looked())
        if not mdm.ground.database.is_sqlite:  # there the one writer is waited for
            await waiting(mdm, 1)
    assert await version == now, "not one above what the device held"
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await connection.scalar(select(devices.c.wanted_version)) == now


async def test_of_a_database_that_was_set_back_no_erasure_goes_on(mdm: Mdm, tmp_path: Path) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])
    asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
    assert await cancel_wipes(mdm.ground, mdm.school) == [asked.id], "somebody may have since"
    mdm.clock.at += 2 * 3600
    await agent.check_ins.once()
    assert agent.wanted.wipe == ""
    assert await cancel_wipes(mdm.ground, mdm.school) == []


async def test_another_administrator_cancels_and_who_is_ended_wants_nothing_erased(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second, third = (each["id"] for each in mdm.sample["teachers"][:3])

    async def confirmed_by_two() -> str:
        wipe = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
        await confirm_wipe(mdm.ground, mdm.school, second, wipe.id)
        await agent.check_ins.once()
        assert agent.wanted.heard < agent.wanted.version, "it waits for its time"
        return wipe.id

    await choose_role(mdm.ground, mdm.school, third, "administrator")
    await cancel_wipe(mdm.ground, mdm.school, third, await confirmed_by_two())
    mdm.clock.at += 2 * 3600
    await agent.check_ins.once()
    assert agent.wanted.wipe == "", "it is cancelled"
    wipe = await confirmed_by_two()
    other = await ask_wipe(mdm.ground, mdm.school, third, agent.id)
    await end_person(mdm.ground, mdm.school, second)
    mdm.clock.at += 2 * 3600
    await agent.check_ins.once()
    assert agent.wanted.wipe == "", "one of its two is no more of the school"
    with pytest.raises(Refused, match="act-over"):
        await confirm_wipe(mdm.ground, mdm.school, third, wipe)
    assert (await confirm_wipe(mdm.ground, mdm.school, first, other.id)).state == "confirmed"
    with pytest.raises(Missing):
        await end_person(mdm.ground, mdm.school, "nobody")


async def test_who_is_given_another_role_and_then_the_old_one_has_nothing_erased(
    mdm: Mdm, tmp_path: Path
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second, third = (each["id"] for each in mdm.sample["teachers"][:3])

    async def have(person: str, *roles: str) -> None:
        for role in roles:
            await choose_role(mdm.ground, mdm.school, person, role)

    async def keep(*roles: str) -> None:
        for role in roles:
            keller = Person(second, "keller", "Keller", role)
            await keep_person(mdm.ground, mdm.school, keller, "")

    await have(first, "administrator")
    for confirmer, change in (
        (third, partial(have, first, "substitute", "administrator")),
        (second, partial(keep, "substitute", "teacher")),
    ):
        asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
        wipe = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
        await confirm_wipe(mdm.ground, mdm.school, confirmer, wipe.id)
        await have(first, "administrator")
        await keep("teacher")
        await agent.check_ins.once()
        assert await heard(mdm, agent) == wipe.id, "who they were they are"
        await change()
        assert await heard(mdm, agent) == ""
        mdm.clock.at += 2 * HOUR
        await agent.check_ins.once()
        assert agent.wanted.wipe == ""
        with pytest.raises(Refused) as over:
            await cancel_wipe(mdm.ground, mdm.school, third, wipe.id)
        assert over.value.detail == "It is cancelled."
    assert (await confirm_wipe(mdm.ground, mdm.school, third, asked.id)).state == "confirmed"
    await have(second, "substitute")
    with pytest.raises(NotAllowed, match="wrong-role"):
        await ask_wipe(mdm.ground, mdm.school, second, agent.id)


async def heard(mdm: Mdm, agent: Agent) -> str:
    """Return which erasure the device would hear of now."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        return (await urgent_of(connection, mdm.ground, mdm.school, agent.id, 1)).wipe


async def test_who_is_let_in_again_after_a_lost_list_was_brought_back_has_nothing_erased(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])
    for login in ("lambert", "keller"):
        await mdm.sign_in(login, csr=new_request())
    await end_person(mdm.ground, mdm.school, second)
    async with mdm.ground.database.reading(mdm.school) as connection:
        lost = (await newest(connection, mdm.school)).statement
    await forget_who_was_ended(mdm)
    wipe = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, wipe.id)
    headers = await mdm.as_teacher()
    answer = await mdm.http.post("/api/trust", json={"deny_list": lost}, headers=headers)
    assert answer.status_code == 204, answer.text
    caplog.clear()  # whom the list has ended is a warning
    await let_in_again(mdm.ground, mdm.school, second)
    mdm.clock.at += 2 * 3600
    await agent.check_ins.once()
    assert agent.wanted.wipe == "", "nobody expects it any more"
    with pytest.raises(Refused) as over:
        await cancel_wipe(mdm.ground, mdm.school, first, wipe.id)
    assert over.value.detail == "It is cancelled."


@on_sqlite
async def test_a_server_whose_clock_leaps_for_a_minute_signs_no_erasure_as_due(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = await agent_of(mdm, tmp_path / "device")
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])

    async def due() -> bool:
        async with mdm.ground.database.reading(mdm.school) as connection:
            told = await urgent_of(connection, mdm.ground, mdm.school, agent.id, 1)
        assert told.wipe == wipe.id, "the device goes on asking"
        return told.issued_at >= told.wipe_at

    mdm.clock.at += 2 * HOUR
    wipe = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, wipe.id)
    mdm.clock.at += HOUR // 2
    mdm.clock.ahead = DAY
    assert not await due(), "the delay is not over"
    mdm.clock.at += 60
    mdm.clock.ahead = 0
    assert not await due()
    mdm.clock.at += HOUR
    assert await due()

    mdm.clock.ahead = -DAY
    assert not await due()
    mdm.clock.at += DAY + HOUR
    assert await due(), "an hour of even time is enough, whatever came before"
    assert {record.message for record in caplog.records} >= {"the clock leapt"}
    caplog.clear()


@on_sqlite
async def test_no_more_than_five_a_day_are_erased_whoever_asks(mdm: Mdm, tmp_path: Path) -> None:
    first, second, third = (each["id"] for each in mdm.sample["teachers"][:3])
    agent = await agent_of(mdm, tmp_path / "device")
    for number in range(WIPES_A_DAY):
        asked = await ask_wipe(mdm.ground, mdm.school, (first, third)[number % 2], agent.id)
        await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
    more = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    with pytest.raises(TryAgain, match="too-many-wipes"):
        await confirm_wipe(mdm.ground, mdm.school, third, more.id)
    mdm.clock.at += DAY
    late = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    assert (await confirm_wipe(mdm.ground, mdm.school, third, late.id)).state == "confirmed"
    with pytest.raises(Refused, match="act-over"):
        await confirm_wipe(mdm.ground, mdm.school, third, more.id)


async def test_what_a_device_has_done_meanwhile_is_not_called_cancelled(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])
    agent = await agent_of(mdm, tmp_path / "device")
    asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, asked.id)

    async def meanwhile(connection: AsyncConnection, *_: object) -> None:
        """Stand for a report that commits between what the cancel read and what it writes."""
        await end_wipe(connection, mdm.school, agent.id, asked.id, "done", "")

    monkeypatch.setattr("central_mdm.fleet.urgent.raise_wanted", meanwhile)
    monkeypatch.setattr("central_mdm.fleet.ended.raise_wanted", meanwhile)
    assert await cancel_wipes(mdm.ground, mdm.school) == []
    monkeypatch.undo()
    with pytest.raises(Refused, match="act-over"):
        await cancel_wipe(mdm.ground, mdm.school, first, asked.id)
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await connection.scalar(select(urgent.c.state)) == "done"


async def test_a_device_that_is_enrolled_anew_is_not_erased_again(mdm: Mdm, tmp_path: Path) -> None:
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])
    agent = await agent_of(mdm, tmp_path / "device")
    asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
    code = Code("5B", mdm.clock.at + DAY, device=agent.id)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await make_code(connection, mdm.school, "ABCD-EFGH-WXYZ", code, mdm.clock.at)
    given = {"code": "ABCD-EFGH-WXYZ", "csr": new_request(), "inventory": {"kind": "laptop"}}
    answer = await mdm.http.post("/api/enrolments", json=given)
    assert answer.json()["device"] == agent.id
    mdm.clock.at += 2 * 3600
    async with mdm.ground.database.reading(mdm.school) as connection:
        told = await urgent_of(connection, mdm.ground, mdm.school, agent.id, 1)
        assert told.wipe == ""
        assert await connection.scalar(select(urgent.c.state)) == "done"


async def test_what_was_erased_by_a_clock_ahead_holds_up_nobody(mdm: Mdm, tmp_path: Path) -> None:
    first, second = (each["id"] for each in mdm.sample["teachers"][:2])
    agent = await agent_of(mdm, tmp_path / "device")
    now = mdm.clock.at
    mdm.clock.at += 365 * DAY
    late = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    for _ in range(WIPES_A_DAY):
        asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
        await confirm_wipe(mdm.ground, mdm.school, second, asked.id)
    mdm.clock.at = now
    with pytest.raises(Refused, match="act-over"):
        await confirm_wipe(mdm.ground, mdm.school, second, late.id)
    asked = await ask_wipe(mdm.ground, mdm.school, first, agent.id)
    assert (await confirm_wipe(mdm.ground, mdm.school, second, asked.id)).state == "confirmed"


@on_sqlite
def test_the_commands_declare_order_list_and_erase_by_two(  # noqa: PLR0915 - a story
    tmp_path: Path,
    prepared_school: Prepared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with prepared_school.copy(tmp_path):
        told = json.loads((tmp_path / "sample.json").read_text())
        who, device = told["teachers"], told["devices"][0]["device"]

        def said(*words: str, typed: str = "") -> tuple[int, Any]:
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
            where = ("--folder", str(tmp_path), "--school", told["school"])
            code = main([*words, *where])
            heard = capsys.readouterr()
            return code, json.loads(heard.out) if heard.out else heard.err

        rule = ("--id", "l", "--name", "L", "--kind", "laptop")
        assert said("group", *rule) == (0, {"group": "l", "devices": 0})
        body = ("--feature", "wallpaper", "--body", '{"name": "sea"}')
        code, declared = said("declare", "--scope", "group", "--target", "l", *body)
        assert (code, declared["reaches"]) == (0, 0)
        assert said("declare", "--scope", "school", *body[:2], "--body", "[]")[0] == 1
        code, _ = said("order", "--scope", "device", "--target", device, "--kind", "ring")
        assert code == 0
        assert said("standings") == (0, {"standings": []}), "none is enrolled yet"
        assert said("lost", "--device", device, "--text", "Call us") == (0, {"lost": device})
        assert said("lost", "--device", device, "--found") == (0, {"found": device})
        asks = ("--device", device, "--as", who[0]["login"])
        code, words = said("wipe", *asks, typed=who[0]["password"])
        assert (code, "administrator" in words) == (1, True)
        role = ("--teacher", who[0]["id"], "--role", "administrator")
        assert said("role", *role)[0] == 0
        code, wipe = said("wipe", *asks, typed=who[0]["password"])
        assert (code, wipe["state"]) == (0, "asked")
        yes = ("--confirm", wipe["id"], "--as")
        assert said("wipe", *yes, who[0]["login"], typed=who[0]["password"])[0] == 1
        code, wipe = said("wipe", *yes, who[1]["login"], typed=who[1]["password"])
        assert (code, wipe["state"]) == (0, "confirmed")
        no = ("--cancel", wipe["id"], "--as", who[0]["login"])
        codes = asyncio.run(with_a_second_factor(tmp_path, told["school"], who[0]["id"]))
        for wrong in ("", "\n0000000"):  # six digits may be right
            code, words = said("wipe", *no, typed=who[0]["password"] + wrong)
            assert (code, "second factor" in words) == (1, True)
        typed = f"{who[0]['password']}\n{codes[0]}"
        assert said("wipe", *no, typed=typed)[1]["state"] == "cancelled"
        code, acts = said("admin", "audit")
        found = [(one["who"], one["act"], one["object"], one["detail"]) for one in acts["acts"]]
    console, one, two = found[-1][0], f"person:{who[0]['id']}", f"person:{who[1]['id']}"
    assert console.startswith("console:")
    wiped = wipe["id"]
    minutes = "minutes=60"
    assert found[::-1] == [
        (console, "group", "group l", "kind=laptop"),
        (console, "declare", "group l", 'feature=wallpaper body={"name":"sea"}'),
        (console, "declare", "school", "refused: no-body feature=wallpaper"),
        (console, "order", f"device {device}", f"kind=ring {minutes}"),
        (console, "lost", device, ""),
        (console, "lost", device, "found=True"),
        (one, "wipe", device, "refused: wrong-duty ask"),
        (console, "role", who[0]["id"], "role=administrator"),
        (one, "wipe", device, f"ask {wiped} {minutes}"),
        (one, "wipe", device, f"refused: second-person confirm {wiped}"),
        (two, "wipe", device, f"confirm {wiped}"),
        (one, "second-factor-enrolled", who[0]["id"], ""),
        (console, "wipe", wiped, "refused: wrong-code cancel"),
        (console, "wipe", wiped, "refused: wrong-code cancel"),
        (one, "recovery-code-used", who[0]["id"], ""),
        (one, "wipe", device, f"cancel {wiped}"),
    ]


async def with_a_second_factor(folder: Path, school: str, person: str) -> tuple[str, ...]:
    """Give a person a confirmed second factor; return the codes that stand in for it."""
    async with ground_at(folder, "") as ground:
        caller = Caller(school, "teacher", person, duty="administrator")
        made = await second_factor.enrol(ground, caller)
        async with ground.database.writing(school) as connection:
            await connection.execute(update(second_factors).values(confirmed=True))
    return made.recovery


def test_a_policy_of_before_is_declared_by_the_migration(a_cluster: Callable[[], Path]) -> None:
    async def story(url: str) -> None:
        database = Database(url)
        async with database.engine.begin() as connection:
            await connection.run_sync(upgrade, "0008")
            school = text("SELECT set_config('pupitre.school', 'old', true)")
            await connection.execute(school)
            for version in (1, 2):
                row = {"version": version, "screen_timeout_seconds": 60 * version}
                row |= {"school": "old", "wallpaper": "sea"}
                await connection.execute(insert(policies).values(row))
        await migrate(database)
        async with database.reading("old") as connection:
            (timeout, wallpaper) = (await nearest(connection, "old", ["any"]))["any"]
        assert (timeout.version, timeout.body) == (2, {"seconds": 120})
        assert wallpaper.body == {"name": "sea"}
        await database.close()

    with postgres.database(a_cluster(), "test_0011") as url:
        asyncio.run(story(url))
