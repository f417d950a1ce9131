"""An administrator says which classes devices serve, and a pupil's own follows them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from joserfc import jws
from msgspec import json
from sqlalchemy import delete, event, func, insert, select, update

from central_mdm.cli import main
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.grants import Assignment
from central_mdm.contract.roster import DeviceRow
from central_mdm.contract.wanted import Group, Rule
from central_mdm.fleet.ended import choose_role
from central_mdm.fleet.groups import DEVICES_A_STATEMENT, devices_of, keep_group
from central_mdm.fleet.model import devices as enrolled
from central_mdm.fleet.model import inventories, releases
from central_mdm.fleet.placing import regroup_all
from central_mdm.fleet.wanted_model import members
from central_mdm.roster.feed import publish
from central_mdm.roster.model import placements, sources
from central_mdm.roster.rules import give_class, put_device
from tests.integration.test_mdm_fleet import enrol
from tests.integration.test_mdm_roster import Puller
from tests.mdm import Mdm, Prepared, bearer
from tests.registers import village

pytestmark = pytest.mark.real_loop


class Place:
    """A school whose first device is enrolled, and who places it."""

    def __init__(self, mdm: Mdm, headers: dict[str, str], device: str, pass_: str) -> None:
        self.mdm, self.headers, self.device, self.pass_ = mdm, headers, device, pass_
        self.pupil: str = mdm.sample["devices"][0]["pupil"]
        self.held = 0

    async def ask(self, what: str, **body: Any) -> Response:  # noqa: ANN401 - JSON
        path = what if "/" in what else f"admin/{what}"
        return await self.mdm.http.post(f"/api/{path}", json=body, headers=self.headers)

    async def assigned(self) -> tuple[str, ...]:
        """Let the device check in; return the classes of the assignment that it is given."""
        told = {"assignment_version": self.held}
        answer = await self.mdm.http.post("/api/check-in", json=told, headers=bearer(self.pass_))
        payload = jws.extract_compact(answer.json()["assignment"].encode()).payload
        given = json.decode(payload, type=Assignment)
        assert given.version > self.held
        self.held = given.version
        return tuple(sorted(given.classes))

    async def shown(self, class_id: str) -> str | None:
        """Return whose own it is in a class by the feed; "": nobody's; None: it is not there."""
        puller = Puller(self.mdm, f"class:{class_id}")
        await puller.pull()
        found = puller.rows.get(("device", self.device))
        return found[1].get("pupil", "") if found else None


@pytest.fixture
async def here(mdm: Mdm) -> Place:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    enrolled = (await enrol(mdm, mdm.sample["devices"][0]["code"])).json()
    headers = await mdm.as_administrator("t-sane")
    return Place(mdm, headers, enrolled["device"], enrolled["token"])


async def test_a_device_joins_and_leaves_classes_and_rules_of_groups_follow(here: Place) -> None:
    mdm = here.mdm
    room = {"id": "4A", "name": "4A", "rule": {"class_id": "4A"}}
    assert (await here.ask("fleet/groups", **room)).json()["members"] == 0
    assert await here.assigned() == ("5B",)
    joined = await here.ask("places", devices=[here.device], to_class="4A")
    assert joined.json() == {"devices": 1}, joined.text
    assert await here.assigned() == ("4A", "5B")
    assert (await here.shown("5B"), await here.shown("4A")) == (here.pupil, "")
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await devices_of(connection, mdm.school, "group", "4A") == [here.device]
    await here.ask("places", devices=[here.device], from_class="4A")
    assert await here.assigned() == ("5B",)
    assert await here.shown("4A") is None
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await devices_of(connection, mdm.school, "group", "4A") == []
    acts = (await mdm.http.get("/api/audit", headers=here.headers)).json()["acts"]
    told = [(one["object"], one["detail"]) for one in acts if one["act"] == "/api/admin/places"]
    assert told == [("4A >", here.device), ("> 4A", here.device)]


async def test_rules_of_a_whole_years_devices_are_looked_at_in_few_statements(mdm: Mdm) -> None:
    laptop, tablet = (json.encode(Inventory(kind)) for kind in ("laptop", "tablet"))
    kept = {"hash": "h", "kept_at": 1}
    many = [f"many-{number:04}" for number in range(2 * DEVICES_A_STATEMENT + 1)]
    asked = 0

    def count_one(*_: object) -> None:
        nonlocal asked
        asked += 1

    async with mdm.ground.database.writing(mdm.school) as connection:
        for id_, rule in (("4A", Rule(class_id="4A")), ("tablets", Rule("tablet"))):
            await keep_group(connection, mdm.school, Group(id_, id_, rule=rule), 1)
        for table, rows in (
            (enrolled, [{"id": one, "token_hash": one, "enrolled_at": 1} for one in many]),
            (inventories, [{"device": one, "body": laptop, **kept} for one in many[1:]]),
            (placements, [{"device": one, "class_id": "4A"} for one in many[:-1]]),
            (members, [{"device": one, "group_id": "tablets"} for one in many[:2]]),
        ):
            await connection.execute(insert(table), [{"school": mdm.school, **row} for row in rows])
        third = update(inventories).where(inventories.c.device == many[2])
        await connection.execute(third.values(body=tablet))
    engine = mdm.ground.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", count_one)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await regroup_all(connection, mdm.school, many, mdm.clock())
    event.remove(engine, "before_cursor_execute", count_one)
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert set(await devices_of(connection, mdm.school, "group", "4A")) == set(many[1:-1])
        assert await devices_of(connection, mdm.school, "group", "tablets") == [many[2]]
    assert asked < 30


async def test_all_devices_of_a_class_go_at_once_and_one_becomes_somebodys_own(here: Place) -> None:
    mdm = here.mdm
    count = select(func.count()).where(placements.c.class_id == "5B")
    async with mdm.ground.database.reading(mdm.school) as connection:
        before = await connection.scalar(count)
    moved = await here.ask("places", from_class="5B", to_class="4A")
    assert moved.json() == {"devices": before}
    assert await here.assigned() == ("4A",)
    assert (await here.shown("5B"), await here.shown("4A")) == (None, "")
    await here.ask("moves", pupil=here.pupil, from_class="5B", to_class="4A")
    owned = await here.ask("places", devices=[here.device], to_class="4A", pupil=here.pupil)
    assert owned.is_success, owned.text
    assert await here.shown("4A") == here.pupil


async def test_a_class_that_joins_another_takes_from_nobody_what_is_their_own(here: Place) -> None:
    for to_class in ("4A", "3C"):
        await here.ask("places", devices=[here.device], to_class=to_class)
    await here.ask("places", from_class="3C", to_class="5B")
    assert await here.shown("5B") == here.pupil
    assert await here.assigned() == ("4A", "5B")


async def test_a_device_that_has_left_the_school_is_placed_nowhere(here: Place) -> None:
    mdm = here.mdm
    async with mdm.ground.database.writing(mdm.school) as connection:
        left = {"device": here.device, "thumbprint": "ab" * 32, "statement": "s", "receipt": "r"}
        await connection.execute(insert(releases).values(school=mdm.school, **left))
        await connection.execute(delete(enrolled).where(enrolled.c.id == here.device))
    refused = await here.ask("places", devices=[here.device], to_class="4A")
    assert (refused.status_code, refused.json()["code"]) == (404, "no-device")
    assert await here.shown("4A") is None


async def test_what_cannot_be_placed_is_refused_by_name_and_nothing_is_done(here: Place) -> None:
    one = [here.device]
    await here.ask("archives", classes=["3C"])
    for code, asked in (
        ("no-move", {"devices": one}),
        ("no-move", {"devices": one, "from_class": "5B", "to_class": "5B"}),
        ("no-device", {"to_class": "5B"}),
        ("no-device", {"devices": [*one, "dev-none"], "from_class": "5B"}),
        ("no-device", {"devices": one, "from_class": "4A"}),
        ("no-class", {"devices": one, "from_class": "9Z"}),
        ("no-class", {"devices": one, "to_class": "9Z"}),
        ("archived", {"devices": one, "to_class": "3C"}),
        ("no-pupil", {"devices": one, "to_class": "4A", "pupil": here.pupil}),
        ("one-device", {"from_class": "5B", "to_class": "4A", "pupil": here.pupil}),
        ("one-device", {"devices": one, "from_class": "5B", "pupil": here.pupil}),
    ):
        refused = await here.ask("places", **asked)
        assert (refused.is_success, refused.json().get("code")) == (False, code), asked
    assert await here.assigned() == ("5B",)
    assert await here.shown("5B") == here.pupil


async def test_a_pupils_own_device_goes_along_when_they_change_class(here: Place) -> None:
    await here.assigned()
    await here.ask("moves", pupil=here.pupil, from_class="5B", to_class="4A")
    assert await here.assigned() == ("4A",)
    assert (await here.shown("5B"), await here.shown("4A")) == (None, here.pupil)
    await here.ask("moves", pupil=here.pupil, from_class="4A")
    assert await here.shown("4A") == "", "who only leaves leaves it there, for whoever sits down"


async def test_who_is_moved_to_two_classes_at_once_is_in_one_and_their_device_with_them(
    here: Place,
) -> None:
    moves = [
        here.ask("moves", pupil=here.pupil, from_class="5B", to_class=joined)
        for joined in ("4A", "6D")
    ]
    answers = await asyncio.gather(*moves)
    codes = sorted(one.json().get("code", "") for one in answers)
    assert codes == ["", "not-in-class"]
    (only,) = await here.assigned()
    assert only == ("4A" if answers[0].is_success else "6D")


async def test_who_joins_a_class_takes_a_device_from_nobody_whose_own_it_is_there(
    here: Place,
) -> None:
    other = here.mdm.sample["devices"][1]["pupil"]
    await here.ask("moves", pupil=other, from_class="5B", to_class="4A")
    await here.ask("places", devices=[here.device], to_class="4A", pupil=other)
    await here.ask("moves", pupil=here.pupil, from_class="5B", to_class="4A")
    assert await here.shown("4A") == other
    await here.ask("places", devices=[here.device], to_class="4A")
    assert await here.shown("4A") == "", "who names it says so"


async def test_in_an_import_as_well_into_each_class_that_is_joined(
    here: Place, tmp_path: Path
) -> None:
    mdm, register = here.mdm, village()
    await _import(here, register.zip(tmp_path / "a.zip").read_bytes())
    async with mdm.ground.database.writing(mdm.school) as connection:
        rows = await connection.execute(select(sources.c.source, sources.c.id))
        ids = {row.source: row.id for row in rows}
        own = DeviceRow(here.device, ids["c-6a"], "Laptop", "laptop", ids["p0"])
        news = await put_device(connection, mdm.school, own, mdm.clock.at)
        for class_id in (ids["c-6a"], ids["c-6b"]):
            news += await give_class(connection, mdm.school, "t-lambert", class_id)
        await publish(connection, mdm.school, news)
    assert await here.assigned() == tuple(sorted(("5B", ids["c-6a"])))
    room = {"id": "6b", "name": "6b", "rule": {"class_id": ids["c-6b"]}}
    assert (await here.ask("fleet/groups", **room)).json()["members"] == 0
    register.drop("enrollments.csv", sourcedId="e-c-6a-p0")
    register.enrol("c-6b", "p0")
    await _import(here, register.zip(tmp_path / "b.zip").read_bytes())
    assert await here.assigned() == tuple(sorted(("5B", ids["c-6b"])))
    assert await here.shown(ids["c-6a"]) is None
    assert await here.shown(ids["c-6b"]) == ids["p0"]
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await devices_of(connection, mdm.school, "group", "6b") == [here.device]


async def _import(here: Place, bundle: bytes) -> None:
    answer = await here.mdm.http.post(
        "/api/admin/imports",
        params={"dry_run": "false"},
        content=bundle,
        headers=here.headers,
    )
    assert answer.is_success, answer.text


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_the_command_places_devices_by_name_or_all_of_a_class(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("admin", "place", "--folder", str(tmp_path), "--school", "tilleuls")
    with prepared_school.copy(tmp_path):
        assert main([*words, "--all", "--from", "5B", "--to", "4A"]) == 0
        assert json.decode(capsys.readouterr().out)["placed"] > 1
        assert main([*words, "--device", "none", "--to", "5B"]) == 1
        assert "There is no device none." in capsys.readouterr().err
