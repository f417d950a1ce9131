"""Who runs the server learns the ids that its commands ask for, by the names that people use."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from central_mdm import listing
from central_mdm.cli import main
from central_mdm.contract.register import Move
from central_mdm.contract.roster import ClassRow
from central_mdm.contract.wanted import Group, Rule
from central_mdm.fleet.ended import end_person
from central_mdm.fleet.enrolment import Code, make_code, revoke_code
from central_mdm.fleet.groups import keep_group
from central_mdm.listing import KINDS, lines
from central_mdm.platform.errors import Missing, Refused
from central_mdm.roster.administering import move
from central_mdm.roster.model import classes
from central_mdm.roster.naming import class_named
from central_mdm.roster.oneroster.importing import import_register
from central_mdm.roster.rules import put_class
from tests.mdm import Mdm, Prepared, new_request
from tests.registers import village

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)


async def listed(mdm: Mdm, what: str, find: str = "") -> list[dict[str, Any]]:
    return [line async for line in lines(mdm.ground, mdm.school, what, find)]


async def test_all_that_is_there_is_listed_page_after_page_with_its_state(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mdm.ground.database.writing(mdm.school) as connection:
        lab = Group("lab", "Lab", rule=Rule(kind="laptop"))
        await keep_group(connection, mdm.school, lab, mdm.clock.at)
    whole = {what: await listed(mdm, what) for what in KINDS}
    monkeypatch.setattr(listing, "PAGE", 2)
    assert {what: await listed(mdm, what) for what in KINDS} == whole
    counts = mdm.sample["counts"]
    found = {what: len(found) for what, found in whole.items()}
    assert found == {
        "classes": counts["classes"],
        "devices": counts["devices"],
        "people": counts["teachers"],
        "codes": counts["devices"],
        "groups": 1,
        "pupils": counts["pupils"],
    }
    assert all(
        {"school", "id", "state"} <= line.keys() for found in whole.values() for line in found
    )
    await end_person(mdm.ground, mdm.school, "t-keller")
    async with mdm.ground.database.writing(mdm.school) as connection:
        await revoke_code(connection, mdm.school, mdm.sample["devices"][0]["code"])
    assert [line["state"] for line in await listed(mdm, "people", "KELLER")] == ["ended"]
    assert [line["state"] for line in await listed(mdm, "codes")].count("revoked") == 1
    (mine,) = await listed(mdm, "devices", mdm.sample["devices"][0]["device"])
    assert (mine["classes"], mine["state"]) == (["5e B"], "not enrolled")


@on_sqlite
async def test_a_pupil_is_found_by_name_class_or_the_register_s_name(
    mdm: Mdm, tmp_path: Path
) -> None:
    bundle = village().zip(tmp_path / "b.zip")
    await import_register(mdm.ground, mdm.school, bundle, dry_run=False)
    (amina,) = await listed(mdm, "pupils", "amina sow")
    assert (amina["classes"], amina["sourcedId"], amina["state"]) == (["6e A"], "p2", "in class")
    assert len(await listed(mdm, "pupils", "6e b")) == 3
    (mine,) = [one for one in await listed(mdm, "pupils") if one["sourcedId"] == "p0"]
    await move(mdm.ground, mdm.school, Move(mine["id"], from_class=(await class_of(mdm))))
    (left,) = await listed(mdm, "pupils", mine["id"])
    assert (left["classes"], left["state"]) == ([], "in no class")


async def class_of(mdm: Mdm) -> str:
    async with mdm.ground.database.reading(mdm.school) as connection:
        return await class_named(connection, mdm.school, "6e A")


@on_sqlite
async def test_a_code_that_was_made_by_a_clock_ahead_is_listed_as_what_it_is(mdm: Mdm) -> None:
    ahead, code = 730 * 86_400, "ABCD-EFGH-WXYZ"
    async with mdm.ground.database.writing(mdm.school) as connection:
        made = Code("5B", mdm.clock.at + ahead + 3600)
        await make_code(connection, mdm.school, code, made, mdm.clock.at + ahead)

    async def state() -> str:
        (line,) = [one for one in await listed(mdm, "codes") if one["ends_at"] == made.ends_at]
        return line["state"]

    assert await state() == "not yet"
    told = {"code": code, "csr": new_request(), "inventory": {"kind": "laptop"}}
    assert (await mdm.http.post("/api/enrolments", json=told)).status_code == 403
    mdm.clock.at += ahead
    assert await state() == "good"


@on_sqlite
async def test_a_class_is_found_by_its_name_where_no_other_is_called_so(mdm: Mdm) -> None:
    async def named(text: str) -> str:
        async with mdm.ground.database.reading(mdm.school) as connection:
            return await class_named(connection, mdm.school, text)

    async with mdm.ground.database.writing(mdm.school) as connection:
        for id_, name in (("k-1", "Chœur"), ("k-2", "Latin"), ("k-3", "LATIN"), ("k-4", "Chœur")):
            await put_class(connection, mdm.school, ClassRow(id_, name, ""), mdm.clock.at)
        over = update(classes).where(classes.c.id == "k-4").values(archived_at=1)
        await connection.execute(over)
    assert [await named("chœur"), await named("k-2")] == ["k-1", "k-2"]
    with pytest.raises(Refused) as several:
        await named("latin")
    told = "Several classes are called so: LATIN (k-3), Latin (k-2)."
    assert sorted(several.value.detail) == sorted(told)
    with pytest.raises(Missing) as none:
        await named("9Z")
    assert "no class 9Z. There are: " in none.value.detail
    assert "Chœur (k-1)" in none.value.detail


@on_sqlite
def test_the_command_lists_by_lines_and_makes_a_code_of_what_it_listed(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--folder", str(tmp_path), "--school", "tilleuls")
    with prepared_school.copy(tmp_path):
        assert main(["admin", "list", "people", "--find", "lambert", *here]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["login"] == "lambert"
        assert main(["code", "--class", "5E b", *here]) == 0
        assert main(["admin", "audit", *here]) == 0
        acts = json.loads(capsys.readouterr().out.splitlines()[-1])["acts"]
        told = [(act["act"], act["object"], act["detail"]) for act in acts]
        assert told == [("code", "5B", "hours=24 uses=40 class_id=5B")], (
            "the id, whatever was typed"
        )
