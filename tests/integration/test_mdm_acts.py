"""Who lets devices go: alone one at a time, several by two people, five times an hour."""

from typing import Final

import pytest
from sqlalchemy import func, insert, select

from central_mdm.contract.heads import Alarm
from central_mdm.fleet.acts import ACTS_AN_HOUR, ask, confirm, person, waiting
from central_mdm.fleet.ended import choose_role, end_person
from central_mdm.fleet.model import releases
from central_mdm.identity.attempts import FREE_FAILURES, GUESSES, count
from central_mdm.identity.model import certificates
from central_mdm.identity.people import choose_password
from central_mdm.identity.rules import open_school, prove
from central_mdm.journal.alarms import alarms_of, alarms_since
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Missing, NotAllowed, NotSignedIn, Refused, TryAgain
from tests.mdm import Mdm

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
HOUR, DAY = 3600, 86_400
ONE, OTHER = "t-lambert", "t-keller"
FLEET: Final = tuple(f"dev-{number}" for number in range(200))
FEW: Final = FLEET[:9]


async def certified(mdm: Mdm, devices: tuple[str, ...]) -> None:
    """Enrol them as far as letting them go has to know."""
    same = {"school": mdm.school, "role": "device", "ends_at": mdm.clock.at + DAY}
    rows = [
        same | {"party": device, "serial": device, "thumbprint": f"{number:064x}"}
        for number, device in enumerate(devices)
    ]
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(certificates), rows)


async def released(mdm: Mdm) -> int:
    async with mdm.ground.database.reading(mdm.school) as connection:
        counted = select(func.count()).select_from(releases)
        return int((await connection.execute(counted)).scalar_one())


async def alarms(mdm: Mdm) -> list[Alarm]:
    async with mdm.ground.database.reading(mdm.school) as connection:
        return list(await alarms_since(connection, mdm.school, mdm.clock.at - DAY))


async def test_two_hundred_devices_need_a_second_person_and_the_sixth_act_an_hour_is_refused(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    await certified(mdm, FLEET)
    act = await ask(mdm.ground, mdm.school, ONE, FLEET)
    assert (act.statements, await released(mdm)) == ({}, 0), "it waits"
    assert [(each.code, each.journal) for each in await alarms(mdm)] == [("release-asked", act.id)]
    assert await waiting(mdm.ground, mdm.school, act.id) == act
    with pytest.raises(NotAllowed, match="second-person"):
        await confirm(mdm.ground, mdm.school, ONE, act.id)
    assert await released(mdm) == 0
    done = await confirm(mdm.ground, mdm.school, OTHER, act.id)
    assert set(done.statements) == set(FLEET)
    assert await released(mdm) == len(FLEET)
    (told,) = await alarms(mdm)
    assert (told.code, told.party) == ("release-confirmed", "t-keller")
    assert told.detail == "200 devices, asked by t-lambert, confirmed by t-keller"
    mdm.clock.at += 60
    for device in FEW[: ACTS_AN_HOUR - 1]:
        assert (await ask(mdm.ground, mdm.school, ONE, [device])).statements
    for who, devices in ((ONE, FEW[:1]), (OTHER, FEW[:1]), (ONE, FLEET)):
        with pytest.raises(TryAgain) as refused:
            await ask(mdm.ground, mdm.school, who, devices)
        assert refused.value.after_seconds == HOUR - 60, "a second login does not double them"
    caplog.clear()
    assert [(each.code, each.party) for each in await alarms(mdm)][:2] == [
        ("releases-too-many", "t-lambert"),
        ("releases-too-many", "t-keller"),
    ]
    async with mdm.ground.database.reading(mdm.school) as connection:
        mine = await alarms_of(connection, Caller(mdm.school, "teacher", "t-lambert"))
    assert mine == (), "no app says for this that journals differ"
    mdm.clock.at += HOUR - 60
    assert (await ask(mdm.ground, mdm.school, ONE, FEW[:1])).statements


async def test_what_is_over_or_anothers_lets_nobody_go(mdm: Mdm) -> None:
    await certified(mdm, FEW)
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    act = await ask(mdm.ground, mdm.school, ONE, FEW)
    for school, name in (("elsewhere", act.id), (mdm.school, "no-such")):
        with pytest.raises(Missing):
            await confirm(mdm.ground, school, OTHER, name)
    with pytest.raises(Missing):
        await ask(mdm.ground, mdm.school, ONE, [*FEW, "dev-nobody"])
    mdm.clock.at += DAY
    with pytest.raises(Refused, match="act-over"):
        await confirm(mdm.ground, mdm.school, OTHER, act.id)
    act = await ask(mdm.ground, mdm.school, ONE, FEW)
    for role in ("substitute", "teacher"):
        await choose_role(mdm.ground, mdm.school, ONE, role)
        with pytest.raises(Refused, match="act-over"):
            await confirm(mdm.ground, mdm.school, OTHER, act.id)
    act = await ask(mdm.ground, mdm.school, ONE, FEW)
    assert act.id in [each.journal for each in await alarms(mdm)]
    await end_person(mdm.ground, mdm.school, ONE)
    with pytest.raises(Refused, match="act-over"):
        await confirm(mdm.ground, mdm.school, OTHER, act.id)
    assert act.id not in [each.journal for each in await alarms(mdm)], "nothing waits for anybody"
    assert await released(mdm) == 0


@on_sqlite
async def test_a_school_of_one_person_is_told_what_to_do_and_a_substitute_may_not(mdm: Mdm) -> None:
    await certified(mdm, FEW)
    for teacher in mdm.sample["teachers"][1:]:
        await choose_role(mdm.ground, mdm.school, teacher["id"], "substitute")
    keller = next(each for each in mdm.sample["teachers"] if each["login"] == "keller")
    with pytest.raises(NotAllowed, match="wrong-role"):
        await person(mdm.ground, mdm.school, "keller", keller["password"])
    with pytest.raises(Refused) as refused:
        await ask(mdm.ground, mdm.school, ONE, FEW)
    assert "one device go at a time" in refused.value.detail
    assert (await ask(mdm.ground, mdm.school, ONE, FEW[:1])).statements, "one can be sold"
    assert await released(mdm) == 1


@on_sqlite
async def test_passwords_guessed_without_end_are_an_alarm(mdm: Mdm) -> None:
    for login in ("keller", "nobody"):
        async with mdm.ground.database.writing(mdm.school) as connection:
            for n in range(GUESSES - 1):
                await count(connection, mdm.school, login, mdm.clock.at + 60 * n)
    mdm.clock.at += 600
    for login in ("keller", "nobody"):
        with pytest.raises(NotSignedIn):
            await prove(mdm.ground, mdm.school, login, "wrong")
    assert [(each.code, each.party) for each in await alarms(mdm)] == [
        ("password-guessed", "t-keller")
    ]


@on_sqlite
async def test_strangers_who_guess_keep_nobody_from_the_console_nor_a_new_password_out(
    mdm: Mdm,
) -> None:
    keller = next(each for each in mdm.sample["teachers"] if each["login"] == "keller")
    for _ in range(FREE_FAILURES):
        with pytest.raises(NotSignedIn):
            await prove(mdm.ground, mdm.school, "keller", "guess")
    with pytest.raises(TryAgain):
        await prove(mdm.ground, mdm.school, "keller", keller["password"])
    assert (await person(mdm.ground, mdm.school, "keller", keller["password"])).id == OTHER
    await choose_password(mdm.ground, mdm.school, "keller", "another password")
    assert (await prove(mdm.ground, mdm.school, "keller", "another password")).id == OTHER


async def test_what_was_let_go_by_a_clock_ahead_holds_up_nobody_and_waits_for_nobody(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    await certified(mdm, FLEET)
    now = mdm.clock.at
    mdm.clock.at += 365 * DAY
    act = await ask(mdm.ground, mdm.school, ONE, FEW)
    for device in FLEET[10 : 10 + ACTS_AN_HOUR - 1]:
        await ask(mdm.ground, mdm.school, ONE, [device])
    with pytest.raises(TryAgain):
        await ask(mdm.ground, mdm.school, ONE, FEW[:1])
    caplog.clear()
    mdm.clock.at = now
    assert (await ask(mdm.ground, mdm.school, ONE, FEW[:1])).statements
    with pytest.raises(Refused, match="act-over"):
        await confirm(mdm.ground, mdm.school, OTHER, act.id)
