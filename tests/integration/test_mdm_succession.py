"""A server's key is stolen: the standby names the next root, devices follow at their check-ins."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from errno import EIO
from pathlib import Path

import httpx
import pytest

from central_mdm.adopting import adopt
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.fleet.ended import end_person
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.fleet.standbys import lacks_standby
from central_mdm.identity.rules import open_school
from central_mdm.identity.sealed import open_authority
from central_mdm.identity.succession import make_standby, pin_standby, succeed
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.platform.keys import FolderKeys
from central_mdm.succeeding import succeed_school
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import own_key, read_enrolment, read_school
from device_bridge.agent.guard.mdm import CheckIns, enrol
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.agent.guard.succession import follow
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.authority import found, seal, seal_standby, unseal_standby
from device_bridge.trust.grants import read_deny_list, read_grant
from device_bridge.trust.identity import School, new_key, thumbprint
from device_bridge.trust.succession import Line
from tests.integration.test_check_ins import duties_of
from tests.mdm import Mdm, bearer, new_request
from tests.school import NOW

pytestmark = pytest.mark.real_loop
FIRST, SECOND = "three white goats ate", "seven red pears fell"


@pytest.fixture(autouse=True)
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a passphrase cost little: what is slow on purpose is another test's."""
    for module in ("device_bridge.trust.sealed", "central_mdm.identity.sealed"):
        monkeypatch.setattr(f"{module}.COST", 2**4)


@asynccontextmanager
async def standing(mdm: Mdm) -> AsyncGenerator[httpx.AsyncClient]:
    yield mdm.http


async def test_a_server_s_root_is_succeeded_and_its_devices_and_teachers_follow(  # noqa: PLR0915 - one story
    mdm: Mdm, tmp_path: Path
) -> None:
    safe, next_safe = tmp_path / "safe", tmp_path / "next"
    early = Folder(tmp_path / "early")  # it joins while the school has no standby
    code = mdm.sample["devices"][2]["code"]
    await enrol(early, "http://mdm", code, Inventory("x"), lambda: standing(mdm))
    await open_school(mdm.ground, "north", "The north", kind="region")
    assert await lacks_standby(mdm.ground, mdm.school)
    assert not await lacks_standby(mdm.ground, "north"), "a region has no devices"
    await pin_standby(mdm.ground, mdm.school, make_standby(mdm.school, safe, FIRST))
    with pytest.raises(Refused):
        await pin_standby(mdm.ground, mdm.school, "0" * 64)
    assert not await lacks_standby(mdm.ground, mdm.school)
    assert read_school(early).standby == ""
    duties = duties_of(lambda: Inventory("x"), lambda: standing(mdm))
    await CheckIns(early, read_enrolment(early), duties).once()
    folder, found_ = Folder(tmp_path / "device"), Inventory("laptop")
    code = mdm.sample["devices"][0]["code"]
    await enrol(folder, "http://mdm", code, found_, lambda: standing(mdm))
    far = Folder(tmp_path / "far")  # it never reaches the server again
    code = mdm.sample["devices"][1]["code"]
    await enrol(far, "http://mdm", code, found_, lambda: standing(mdm))
    before, signed = read_school(folder), await mdm.sign_in(csr=new_request())
    assert before.standby == signed["standby"] == read_school(early).standby
    await end_person(mdm.ground, mdm.school, "t-keller")

    with pytest.raises(Malformed):
        await succeed(mdm.ground, mdm.school, (safe.read_bytes(), SECOND), (next_safe, SECOND))
    sealed = safe.read_bytes(), FIRST
    assert await succeed(mdm.ground, mdm.school, sealed, (next_safe, SECOND)) == 1
    with pytest.raises(Refused):  # it has spoken
        await succeed(mdm.ground, mdm.school, sealed, (tmp_path / "third", SECOND))

    headers = bearer(signed["token"])
    refused = await mdm.http.post("/api/grants", headers=headers)
    assert refused.json()["code"] == "no-certificate"
    told = (await mdm.http.get("/api/trust", headers=headers)).json()
    school = School.pin(mdm.school, before.root.encode())
    line = Line(school, before.standby).after_all(told["successions"])
    assert read_deny_list(told["deny_list"], line.school).number > mdm.clock.at
    assert (await mdm.http.get("/api/trust?epoch=1", headers=headers)).json()["successions"] == []

    def take(successions: Sequence[str], certificate: str, assignment: str) -> None:
        if news := follow(folder, successions, certificate, assignment):
            check_ins.take_up(news)
            renewing.take_up(news)

    enrolled = read_enrolment(folder)
    renewing = Renewing(folder, enrolled, lambda: 0.0, lambda _: None)
    duties = duties_of(lambda: found_, lambda: standing(mdm), take, renewing)
    check_ins = CheckIns(folder, enrolled, duties)
    assert await check_ins.once() == 60.0  # it comes again soon, for its papers
    assert (read_enrolment(folder).epoch, read_enrolment(folder).outdated) == (1, True)
    await check_ins.once()
    after = read_enrolment(folder)
    assert not after.outdated
    assert after.school.root == line.school.root
    assert thumbprint(after.identity.key.public_key()) == thumbprint(own_key(folder).public_key())
    assert read_school(folder).discovery not in {"", before.discovery}

    follow(far, told["successions"])
    assert (read_enrolment(far).outdated, read_enrolment(far).assignment) == (True, None)
    shown = {"key": own_key(far).public_key().public_bytes_raw().hex()}
    given = (await mdm.http.post("/api/successors", json=shown, headers=headers)).json()
    assert follow(far, (), given["certificate"], given["assignment"])
    assert (read_enrolment(far).outdated, bool(read_enrolment(far).assignment)) == (False, True)
    for strange in ("00" * 32, new_key().public_key().public_bytes_raw().hex()):
        asked = {"key": strange}
        refused = await mdm.http.post("/api/successors", json=asked, headers=headers)
        assert refused.status_code == 404

    again = await mdm.sign_in(csr=new_request())
    assert (again["epoch"], again["root"]) == (1, after.school.root_pem.decode())
    granted = (await mdm.http.post("/api/grants", headers=bearer(again["token"]))).json()["grant"]
    assert read_grant(granted, after.school)
    with pytest.raises(NotAllowed):
        read_grant(granted, school)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_succession_that_was_killed_once_its_key_was_taken_up_comes_to_the_same_end(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = tmp_path / "safe"
    await pin_standby(mdm.ground, mdm.school, make_standby(mdm.school, safe, FIRST))
    await end_person(mdm.ground, mdm.school, "t-keller")
    sealed, following = (safe.read_bytes(), FIRST), (tmp_path / "next", SECOND)
    take_up = FolderKeys.take_up

    class Killed(BaseException):
        pass

    def killed(keys: FolderKeys, school: str) -> None:
        take_up(keys, school)
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(FolderKeys, "take_up", killed)
        with pytest.raises(Killed):
            await succeed_school(mdm.ground, mdm.school, sealed, following)
    key = mdm.ground.keys.key(mdm.school).public_key()
    with pytest.raises(Refused, match="another-standby"):
        await succeed_school(mdm.ground, mdm.school, sealed, (tmp_path / "third", SECOND))
    with pytest.raises(Malformed):
        await succeed_school(mdm.ground, mdm.school, sealed, (following[0], FIRST))
    assert await succeed_school(mdm.ground, mdm.school, sealed, following) == 1
    assert mdm.ground.keys.key(mdm.school).public_key() == key
    signed = await mdm.sign_in()
    told = (await mdm.http.get("/api/trust", headers=bearer(signed["token"]))).json()
    school = School.pin(mdm.school, signed["root"].encode())
    assert read_deny_list(told["deny_list"], school).number > mdm.clock.at
    last = (following[0].read_bytes(), SECOND), (tmp_path / "last", FIRST)
    assert await succeed_school(mdm.ground, mdm.school, *last) == 2


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_succession_that_died_before_its_key_was_taken_up_goes_on_with_the_deny_list(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = tmp_path / "safe"
    await pin_standby(mdm.ground, mdm.school, make_standby(mdm.school, safe, FIRST))
    await end_person(mdm.ground, mdm.school, "t-keller")
    sealed, following = (safe.read_bytes(), FIRST), (tmp_path / "next", SECOND)

    def dies(keys: FolderKeys, school: str) -> None:
        del keys, school
        raise OSError(EIO, "the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(FolderKeys, "take_up", dies)
        with pytest.raises(OSError, match="gone"):
            await succeed(mdm.ground, mdm.school, sealed, following)
    assert await succeed(mdm.ground, mdm.school, sealed, following) == 1
    signed = await mdm.sign_in()
    told = (await mdm.http.get("/api/trust", headers=bearer(signed["token"]))).json()
    school = School.pin(mdm.school, signed["root"].encode())
    assert read_deny_list(told["deny_list"], school).number > mdm.clock.at


async def test_a_school_of_an_app_goes_on_at_a_server_with_its_root_and_its_devices(
    mdm: Mdm, tmp_path: Path
) -> None:
    authority, standby = found("dorf", "Dorfschule", NOW)
    folder = Folder(tmp_path / "device")
    device = f"d-{thumbprint(own_key(folder).public_key())[:24]}"
    rows = (
        ClassRow("c-1", "5B"),
        PupilRow("p-1", "c-1", "Lina", "Berg", "Lina"),
        DeviceRow(device, "c-1", "Tablet 1", "linux", "p-1"),
    )
    kept = open_authority(seal(authority, FIRST, rows), FIRST)
    assert kept.rows == rows
    mdm.ground.keys.keep("dorf", authority.key)  # it died here, when it was tried at first
    await adopt(mdm.ground, kept)
    with pytest.raises(FileExistsError):
        await adopt(mdm.ground, kept)
    async with mdm.ground.database.writing("dorf") as connection:
        code = Code("c-1", mdm.clock.at + 3600)
        await make_code(connection, "dorf", "AAAA-BBBB-CCCC", code, mdm.clock.at)
    given = await enrol(
        folder, "http://mdm", "AAAABBBBCCCC", Inventory("linux"), lambda: standing(mdm)
    )
    enrolled = read_enrolment(folder)
    assert given == enrolled.device == device
    assert enrolled.school.root == authority.school.root
    assert enrolled.assignment is not None
    assert enrolled.assignment.classes == ("c-1",)
    file = seal_standby(authority, standby, FIRST)  # the app's file is good at the server
    assert await succeed(mdm.ground, "dorf", (file, FIRST), (tmp_path / "next", SECOND)) == 1
    assert unseal_standby((tmp_path / "next").read_bytes(), SECOND)
