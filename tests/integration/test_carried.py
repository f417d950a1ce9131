"""A device that never meets the MDM: what is wanted reaches it, and its word comes back, by an app.

A real guard and the app's own courier and store over a real link; the MDM on both databases.
"""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlalchemy import Table, select, update

from central_mdm.contract.carried import Bundle, Carried, Carry, Held, Told, down_info
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.names import HELD_MAX
from central_mdm.contract.register import Placing
from central_mdm.contract.roster import Change, DeviceRow
from central_mdm.contract.wanted import (
    MINUTES_MAX,
    ORDERS_BYTES_MAX,
    URGENT_TYPE,
    WANTED_BYTES_MAX,
    WANTED_TYPE,
    Body,
    Declare,
    Order,
    Report,
    Reports,
    Urgent,
)
from central_mdm.fleet.declaring import declare
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.fleet.features import FEATURES
from central_mdm.fleet.house_rules import HouseRules, keep_house_rules
from central_mdm.fleet.model import inventories, seen
from central_mdm.fleet.orders import order
from central_mdm.fleet.placing import place
from central_mdm.fleet.wanted import standings
from central_mdm.fleet.wanted_model import carried, orders
from central_mdm.identity.model import certificates
from central_mdm.identity.revocation import end_device
from central_mdm.identity.sealing import seal
from central_mdm.identity.statements import sign
from central_mdm.identity.succession import make_standby, pin_standby
from central_mdm.journal.alarms import alarms_since
from central_mdm.journal.heads import newest_count
from central_mdm.platform.errors import Refused
from central_mdm.platform.numbers import STRETCH
from central_mdm.succeeding import succeed_school
from classroom_app.courier import Courier
from classroom_app.domain.lesson import DeviceId
from classroom_app.storage.keeping import Keeping, open_keeping
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.enrolled import Enrolment, read_enrolment
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.mdm import enrol
from device_bridge.agent.settings import Machine, NotHere, Remembered
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.carrying import Brought
from device_bridge.protocol.hello import Welcome
from device_bridge.protocol.messages import FromDevice
from device_bridge.session.room import Room
from device_bridge.trust.identity import Identity, School, csr, new_key
from device_bridge.trust.revocation import DenyLists
from device_bridge.trust.sealing import box_key, read_sealing, seal_told, unseal_wanted
from device_bridge.trust.wanted import read_wanted
from tests.linked import App
from tests.linked import running as linked
from tests.mdm import Mdm, bearer
from tests.rings import NoRing

pytestmark = pytest.mark.real_loop
OWED = Reports((Report("screen_timeout", 1, "applied"),))
DAY = 24 * 3600
WORDS = "three white goats ate"


@dataclass
class Hearing(App):
    """An app whose courier takes what is heard, in its order."""

    waiting: asyncio.Queue[tuple[str, FromDevice]] = field(
        default_factory=asyncio.Queue[tuple[str, FromDevice]]
    )

    def up(self, device: str, welcome: Welcome) -> None:
        super().up(device, welcome)
        self.waiting.put_nowait((device, welcome))

    def heard(self, device: str, message: FromDevice) -> None:
        super().heard(device, message)
        self.waiting.put_nowait((device, message))


@dataclass
class Server:
    """The MDM as this teacher's app reaches it; `sent` and `back` are what passed by."""

    mdm: Mdm
    headers: dict[str, str]
    sent: list[Carry] = field(default_factory=list[Carry])
    back: list[Carried] = field(default_factory=list[Carried])

    async def carry(self, asked: Carry) -> Carried:
        self.sent.append(asked)
        raw = msgspec.json.encode(asked)
        heads = {**self.headers, "content-type": "application/json"}
        answer = await self.mdm.http.post("/api/carried", content=raw, headers=heads)
        assert answer.status_code == 200, answer.text
        self.back.append(msgspec.json.decode(answer.content, type=Carried))
        return self.back[-1]


@dataclass
class Nobody:
    """A teacher at home has no device linked."""

    def tell(self, device: str, message: Brought) -> None:
        del device, message


@dataclass
class Teacher:
    """One teacher's app: the link, the store, the courier between."""

    server: Server
    courier: Courier
    app: Hearing
    room: Room


@asynccontextmanager
async def teacher_at(
    mdm: Mdm, keeping: Keeping, device: str, port: int, login: str = "lambert"
) -> AsyncGenerator[Teacher]:
    key = new_key()
    signed = await mdm.sign_in(login, csr(key, "pupitre teacher"))
    headers = bearer(signed["token"])
    granted = (await mdm.http.post("/api/grants", headers=headers)).json()
    school = School.pin(mdm.school, signed["root"].encode())
    app = Hearing(grant_=granted["grant"])
    app.deny_lists = DenyLists(school, granted["deny_list"])
    room = Room(
        identity=Identity.of(key, signed["certificate"].encode()),
        school=school,
        papers=app,
        hears=app,
        floor=lambda: mdm.clock.at,
        bulk=app,
        jitter=random.Random(1).random,  # noqa: S311 - spreads retries
    )
    server = Server(mdm, headers)
    courier = Courier(server, keeping, room, lambda: None)

    async def hear() -> None:
        while True:
            name, message = await app.waiting.get()
            await courier.take(DeviceId(name), message)
            app.note()

    room.keep(device)
    async with linked(room), asyncio.TaskGroup() as group:
        hearing = group.create_task(hear())
        room.sighted(device, [("127.0.0.1", port)])
        await app.until(lambda: app.ups)
        yield Teacher(server, courier, app, room)
        hearing.cancel()


@asynccontextmanager
async def device_of(
    mdm: Mdm, folder: Path, *, again: bool = False, code: str = ""
) -> AsyncGenerator[tuple[Device, Remembered]]:
    """Run an enrolled device that is told no MDM's address; `again`: one that ran before.

    `code`: another one than the first device's first.
    """

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    def no_client() -> NoReturn:
        raise AssertionError("it asks an MDM")

    own = Folder(folder)
    if not again:
        code = code or mdm.sample["devices"][0]["code"]
        await enrol(own, "http://mdm", code, Inventory("laptop"), client)
        own.fleet.unlink()
    screen = Remembered()
    machine = Machine({"screen_timeout": screen, "wallpaper": NotHere("no desktop")})
    about = About("laptop", lambda _: "", lambda: 1.0, no_client, machine=machine)
    with ThreadPoolExecutor(2) as workers, bulk_threads() as bulk:
        clock = Clock(lambda: 1000.0, lambda: float(mdm.clock.at), "boot-1")
        makings = Makings(clock, lambda: os.urandom(8).hex(), os.urandom, workers, bulk)
        device = Device(own, makings, about)
        device.bind(["127.0.0.1"])
        async with asyncio.TaskGroup() as group:
            task = group.create_task(device.run(interfaces=["127.0.0.1"]))
            await asyncio.sleep(0)
            yield device, screen
            task.cancel()


async def turns(teacher: Teacher, true: Callable[[], object]) -> None:
    """Take turns of the sync until it is so."""
    async with asyncio.timeout(20):
        while not true():
            await teacher.courier.exchange()
            await asyncio.sleep(0.02)


async def reported(teacher: Teacher, wanted: list[tuple[str, str]]) -> None:
    """Take turns until the MDM knows this of what is not as it was declared, and no more."""
    mdm = teacher.server.mdm
    async with asyncio.timeout(20):
        while wanted != [
            (one.about, one.state) for one in (await standings(mdm.ground, mdm.school, "")).rows
        ]:
            await teacher.courier.exchange()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def store_in(folder: Path) -> AsyncGenerator[Keeping]:
    opened = await open_keeping(folder, NoRing)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncGenerator[Keeping]:
    async with store_in(tmp_path / "teacher") as opened:
        yield opened


async def in_roster(keeping: Keeping, device: str) -> None:
    row = DeviceRow(device, "5B", "Laptop", "laptop")
    change = Change(1, "device", device, row)
    assert await keeping.apply("class:5B", "one", (change,), "on-1", 1, "")


async def declared(mdm: Mdm, device: str, seconds: int) -> None:
    wanted = Declare("device", "screen_timeout", device, {"seconds": seconds})
    await declare(mdm.ground, mdm.school, mdm.sample["teachers"][0]["id"], wanted)


async def told_of(mdm: Mdm, table: Table, device: str) -> Any:  # noqa: ANN401 - a row of whatever table
    async with mdm.ground.database.reading(mdm.school) as connection:
        mine = (table.c.school == mdm.school, table.c.device == device)
        return (await connection.execute(select(table).where(*mine))).first()


async def test_what_is_declared_reaches_a_device_that_never_meets_the_mdm_and_its_word_comes_back(
    mdm: Mdm, tmp_path: Path, keeping: Keeping
) -> None:
    async with device_of(mdm, tmp_path / "device") as (device, screen):
        await in_roster(keeping, device.id)
        await declared(mdm, device.id, 90)
        async with teacher_at(mdm, keeping, device.id, device.guard.port) as teacher:
            await turns(teacher, lambda: screen.read({"seconds": 90})[0])
            owes = device.wanted.owed
            await turns(teacher, lambda: owes() is None)
            await reported(teacher, [("wallpaper", "unsupported")])
            kept = await told_of(mdm, carried, device.id)
            assert kept.carried_by == mdm.sample["teachers"][0]["id"]
            assert b"laptop" in (await told_of(mdm, inventories, device.id)).body
            assert await told_of(mdm, seen, device.id) is None, "it never met the MDM"
            passed = b"".join(
                one.sealed for each in teacher.server.back for one in each.wanted
            ) + b"".join(one.sealed for each in teacher.server.sent for one in each.bundles)
            assert b"screen_timeout" not in passed
            assert b"laptop" not in passed
            # What was carried once is brought again: it is known, and changes nothing.
            first = next(each for each in teacher.server.sent if each.bundles)
            known = [await told_of(mdm, each, device.id) for each in (carried, inventories)]
            mdm.clock.at += 60
            again = await teacher.server.carry(Carry(first.bundles))
            assert again.answers[0].arrived
            assert [await told_of(mdm, each, device.id) for each in (carried, inventories)] == known
            # An urgent statement, well signed and well sealed, locks nothing when it is carried.
            missing = Urgent(device.id, mdm.school, 99, mdm.clock.at, lost="Call 12")
            token = sign(mdm.ground.keys.key(mdm.school), URGENT_TYPE, missing)
            sealed = seal(token.encode(), kept.box, down_info(mdm.school, device.id))
            assert sealed
            teacher.room.tell(device.id, Brought(again.sealing, "", sealed))
            await declared(mdm, device.id, 91)
            await turns(teacher, lambda: screen.read({"seconds": 91})[0])
            held = msgspec.json.decode(device.guard.folder.wanted.read_bytes())
            assert held["urgent"] is None


async def test_new_classes_and_house_rules_reach_a_device_that_never_meets_the_mdm(
    mdm: Mdm, tmp_path: Path, keeping: Keeping
) -> None:
    async with device_of(mdm, tmp_path / "device") as (device, _):
        await in_roster(keeping, device.id)
        ground = device.guard.ground
        assert ground.classes() == ("5B",)
        async with teacher_at(mdm, keeping, device.id, device.guard.port, "sane") as teacher:
            await place(mdm.ground, mdm.school, Placing((device.id,), "5B", "3C"))
            await turns(teacher, lambda: ground.classes() == ("3C",))
            async with mdm.ground.database.writing(mdm.school) as connection:
                rules = HouseRules(private_seconds=300)
                await keep_house_rules(connection, mdm.school, rules, mdm.clock.at)
            await turns(teacher, lambda: ground.rules.private_seconds == 300)
            kept = read_enrolment(device.guard.folder).assignment
            assert kept == ground.assignment
            assert await told_of(mdm, seen, device.id) is None, "it never met the MDM"


async def test_a_device_that_was_set_up_anew_by_its_own_code_is_carried_for_by_its_new_key(
    mdm: Mdm, tmp_path: Path, keeping: Keeping
) -> None:
    async with device_of(mdm, tmp_path / "before") as (device, screen):
        name = device.id
        await in_roster(keeping, name)
        await declared(mdm, name, 90)
        async with teacher_at(mdm, keeping, name, device.guard.port) as teacher:
            await turns(teacher, partial(is_so, screen, 90))
            await turns(teacher, partial(owes_nothing, device))
    _, held = await keeping.carried_for(name)
    assert held.arrived
    assert held.wanted
    async with mdm.ground.database.writing(mdm.school) as connection:
        code = Code("5B", mdm.clock.at + DAY, device=name)
        await make_code(connection, mdm.school, "BBBB-CCCC-DDDD", code, mdm.clock.at)
    async with device_of(mdm, tmp_path / "anew", code="BBBBCCCCDDDD") as (device, screen):
        assert device.id == name
        await at_home(mdm, keeping, "lambert")
        assert (await keeping.carried_for(name))[1] == held, "its new key is not known yet"
        async with teacher_at(mdm, keeping, name, device.guard.port) as teacher:
            await turns(teacher, partial(is_so, screen, 90))
            await turns(teacher, partial(owes_nothing, device))


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_apps_hold_that_the_old_root_has_signed_is_told_anew_under_the_next(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central_mdm.identity.sealed.COST", 2**4)  # what is slow is another's test
    key, safe = new_key(), tmp_path / "safe"
    await pin_standby(mdm.ground, mdm.school, make_standby(mdm.school, safe, WORDS))
    name, school = await enrolled_by(mdm, key)
    box = box_key(key).public_key().public_bytes_raw().hex()

    async def carries(counter: int, school: School, version: int) -> Carried:
        server = Server(mdm, bearer((await mdm.sign_in())["token"]))
        sealing = read_sealing((await server.carry(Carry())).sealing, school).key
        about = (name, mdm.school, counter, mdm.clock.at, 0, box, "hash", Inventory("laptop"))
        bundle = Bundle(name, seal_told(Told(*about), key, sealing)[0])
        return await server.carry(Carry((bundle,), (Held(name, version),)))

    before = (await carries(1, school, 0)).wanted[0]
    assert (await carries(2, school, before.version)).wanted == ()
    sealed, following = (safe.read_bytes(), WORDS), (tmp_path / "next", WORDS)
    assert await succeed_school(mdm.ground, mdm.school, sealed, following) == 1
    root = (await mdm.sign_in())["root"]
    after = School.pin(mdm.school, root.encode())
    told = (await carries(3, after, before.version)).wanted[0]
    assert read_wanted(unseal_wanted(told.sealed, key, after, name), after, name)


async def head_count(mdm: Mdm, device: str) -> int:
    async with mdm.ground.database.reading(mdm.school) as connection:
        return await newest_count(connection, mdm.school, device)


def is_so(screen: Remembered, seconds: int) -> bool:
    return screen.read({"seconds": seconds})[0]


def owes_nothing(device: Device) -> bool:
    return device.wanted.owed() is None


async def not_as_signed(mdm: Mdm) -> set[str]:
    """Return whose journals are shorter than, or not what, they were when they were signed."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        found = await alarms_since(connection, mdm.school, 0)
    return {one.journal for one in found if one.code in {"shorter-head", "forked-head"}}


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_journal_that_was_cut_on_a_device_that_never_meets_the_mdm_is_seen(
    mdm: Mdm, tmp_path: Path, keeping: Keeping
) -> None:
    folder = tmp_path / "device"
    for again, seconds in ((False, 90), (True, 190)):
        async with device_of(mdm, folder, again=again) as (device, screen):
            await in_roster(keeping, device.id)
            async with teacher_at(mdm, keeping, device.id, device.guard.port) as teacher:
                # That one came stands in the journal, when the word of the next one goes back.
                for wanted in (seconds, seconds + 1):
                    await declared(mdm, device.id, wanted)
                    await turns(teacher, partial(is_so, screen, wanted))
                    await turns(teacher, partial(owes_nothing, device))
            assert await head_count(mdm, device.id)
            assert await not_as_signed(mdm) == ({device.id} if again else set())
        # Whoever has the device's disk, while it is off.
        Folder(folder).journal.write_bytes(b"")


async def at_home(mdm: Mdm, keeping: Keeping, login: str) -> Server:
    """Take one turn of the sync where no device is near."""
    server = Server(mdm, bearer((await mdm.sign_in(login))["token"]))
    await Courier(server, keeping, Nobody(), lambda: None).exchange()
    return server


async def so(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - neither store nor device tells a test
            await asyncio.sleep(0.02)


async def issued(mdm: Mdm, device: str) -> int:
    """Count what was certified for it."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        mine = (certificates.c.school == mdm.school, certificates.c.party == device)
        return len((await connection.execute(select(certificates).where(*mine))).all())


async def certificate_for(enrolled: Enrolment, server: Server) -> str:
    """Return what the MDM sends a device, as that device reads it, and nobody else can."""
    (one,) = (await server.carry(Carry(held=(Held(enrolled.device, 0),)))).wanted
    assert b"CERTIFICATE" not in one.sealed
    token = unseal_wanted(one.sealed, enrolled.identity.key, enrolled.school, enrolled.device)
    return read_wanted(token, enrolled.school, enrolled.device).certificate


async def test_a_certificate_is_renewed_by_two_teachers_neither_of_whom_meets_both_at_once(
    mdm: Mdm, tmp_path: Path, keeping: Keeping
) -> None:
    async with (
        device_of(mdm, tmp_path / "device") as (device, _),
        store_in(tmp_path / "colleague") as colleague,
    ):
        name, port, before = device.id, device.guard.port, device.renewing.ends_at
        for store in (keeping, colleague):
            await in_roster(store, name)
        mdm.clock.at += 350 * DAY
        await at_home(mdm, keeping, "lambert")  # by which key the MDM is written to
        async with teacher_at(mdm, keeping, name, port) as met:

            async def given() -> object:
                return (await keeping.to_carry(1, 1))[0]

            await so(given)
            assert not met.server.sent, "there is no server in class"
        up = await at_home(mdm, keeping, "lambert")
        ends_at = mdm.clock.at + 396 * DAY
        mdm.clock.at += 10 * DAY
        down = await at_home(mdm, colleague, "keller")
        assert device.renewing.ends_at == before
        async with teacher_at(mdm, colleague, name, port, "keller"):

            async def renewed() -> object:
                return device.renewing.ends_at > before

            await so(renewed)
        assert (device.renewing.ends_at, device.renewing.request()) == (ends_at, "")
        assert (len(up.sent[-1].bundles), len(down.back[-1].wanted)) == (1, 1)
        await down.carry(up.sent[-1])
        assert await issued(mdm, name) == 2, "brought again it is not done again"
        enrolled = read_enrolment(device.guard.folder)
        assert await certificate_for(enrolled, down) == enrolled.identity.certificate_pem.decode()
        await end_device(mdm.ground, mdm.school, name)
        assert await certificate_for(enrolled, down) == "", "the school has ended it"


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_request_that_is_not_due_or_not_its_own_or_answered_already_moves_nothing_else(
    mdm: Mdm,
) -> None:
    key = new_key()
    asked = {"code": mdm.sample["devices"][0]["code"], "csr": csr(key, "device")}
    given = await mdm.http.post("/api/enrolments", json={**asked, "inventory": {"kind": "laptop"}})
    name, root = given.json()["device"], given.json()["root"]
    server = Server(mdm, bearer((await mdm.sign_in())["token"]))
    school = School.pin(mdm.school, root.encode())
    box = box_key(key).public_key().public_bytes_raw().hex()
    counters, inventory = count(1), Inventory("laptop")

    async def tells(request: str, ends_at: int = 0, version: int = 0) -> int:
        """Tell it as the device does; return which version is then wanted of it."""
        sealing = read_sealing((await server.carry(Carry())).sealing, school).key
        about = (name, mdm.school, next(counters), mdm.clock.at, version, box, "hash", inventory)
        told = Told(*about, reports=OWED, csr=request, certificate_ends_at=ends_at)
        bundle = Bundle(name, seal_told(told, key, sealing)[0])
        back = await server.carry(Carry((bundle,), (Held(name, 0),)))
        assert back.answers[0].arrived, "what else it tells is taken"
        return back.wanted[0].version

    own = csr(key, "device")
    held = await tells("")
    for days, request in ((100, own), (250, "no request"), (0, csr(new_key(), "device"))):
        mdm.clock.at += days * DAY
        server.headers = bearer((await mdm.sign_in())["token"])
        assert await tells(request, version=held) == held
    # The app has asked for it as well, by the short way, and lost the answer.
    renewed = await mdm.http.post("/api/renewals", json={"csr": own}, headers=server.headers)
    mdm.clock.at += 30 * DAY
    server.headers = bearer((await mdm.sign_in())["token"])
    newer = await tells(own, version=held)
    assert newer > held
    assert await tells(own, version=held) == newer, "it is on its way"
    ends_at = Identity.of(key, renewed.json()["certificate"].encode()).ends_at
    assert await tells(own, int(ends_at), newer) == newer, "its clock is ahead: it has it"
    assert await issued(mdm, name) == 2


async def enrolled_by(mdm: Mdm, key: Ed25519PrivateKey) -> tuple[str, School]:
    """Enrol the first device by this key."""
    asked = {"code": mdm.sample["devices"][0]["code"], "csr": csr(key, "device")}
    given = await mdm.http.post("/api/enrolments", json={**asked, "inventory": {"kind": "laptop"}})
    told = given.json()
    return told["device"], School.pin(mdm.school, told["root"].encode())


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_all_that_may_be_wanted_fits_with_a_certificate_and_more_is_refused_when_asked(
    mdm: Mdm,
) -> None:
    """The longest of each feature, as many orders as are taken, in letters that take most room."""
    key = new_key()
    name, school = await enrolled_by(mdm, key)
    long = "\x01" * 200
    longest: dict[str, Body] = {
        "screen_timeout": {"seconds": 86_400},
        "wallpaper": {"name": long},
        "proxy": {"host": "h" * 200, "port": 65_535},
        "printers": {"addresses": long},
        "usb_storage": {"allowed": False},
        "wifi": {"name": "\x01" * 32},
        "updates_window": {"begins": "22:00", "ends": "23:00"},
        "exam_freeze": {"until": 2**31 - 1},
    }
    assert longest.keys() == FEATURES.keys()
    for feature, body in longest.items():
        told = Declare("device", feature, name, body)
        await declare(mdm.ground, mdm.school, "t-lambert", told)

    async def ordered(id_: str, text: str) -> None:
        told = Order(id_.ljust(40, "x"), "message", "device", name, text, MINUTES_MAX)
        await order(mdm.ground, mdm.school, "t-lambert", told)

    for number in range(3):
        await ordered(f"{number}", "\x01" * 400)
    with pytest.raises(Refused, match="too-many-orders"):
        await ordered("3", "\x01" * 400)
    await ordered("small", "l" * 400)
    mdm.clock.at += 310 * DAY  # the certificate is due, and the orders are put off until then
    await put_off(mdm, name)
    server = Server(mdm, bearer((await mdm.sign_in())["token"]))
    sealing = read_sealing((await server.carry(Carry())).sealing, school).key
    box = box_key(key).public_key().public_bytes_raw().hex()
    about = (name, mdm.school, 1, mdm.clock.at, 0, box, "hash", Inventory("laptop"))
    bundle = Bundle(name, seal_told(Told(*about, csr=csr(key, "device")), key, sealing)[0])
    back = await server.carry(Carry((bundle,), (Held(name, 0),)))
    wanted = read_wanted(unseal_wanted(back.wanted[0].sealed, key, school, name), school, name)
    assert (len(wanted.commands), len(wanted.declarations)) == (4, 8)
    assert wanted.certificate
    room = replace(wanted, certificate="\n" + "c" * 4095, assignment="a" * 4096)
    spent = len(msgspec.json.encode(wanted.commands))
    token = sign(mdm.ground.keys.key(mdm.school), WANTED_TYPE, room)
    assert len(token) + (ORDERS_BYTES_MAX - spent) * 4 / 3 <= WANTED_BYTES_MAX


async def put_off(mdm: Mdm, device: str) -> None:
    """Let what was ordered end later."""
    mine = (orders.c.school == mdm.school, orders.c.device == device)
    async with mdm.ground.database.writing(mdm.school) as connection:
        later = mdm.clock.at + MINUTES_MAX * 60
        await connection.execute(update(orders).where(*mine).values(ends_at=later))


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_device_that_says_it_holds_a_number_out_of_reach_leaves_the_server_its_numbers(
    mdm: Mdm,
) -> None:
    key = new_key()
    name, school = await enrolled_by(mdm, key)
    server = Server(mdm, bearer((await mdm.sign_in())["token"]))
    sealing = read_sealing((await server.carry(Carry())).sealing, school).key
    box = box_key(key).public_key().public_bytes_raw().hex()
    for counter, version in ((1, HELD_MAX + 1), (2, 2**53)):
        about = (name, mdm.school, counter, mdm.clock.at, version, box, "hash", Inventory("laptop"))
        bundle = Bundle(name, seal_told(Told(*about), key, sealing)[0])
        back = await server.carry(Carry((bundle,), (Held(name, 0),)))
        assert (back.answers[0].refused, back.wanted) == ("forged", ())
    about = (name, mdm.school, 3, mdm.clock.at, HELD_MAX, box, "hash", Inventory("laptop"))
    bundle = Bundle(name, seal_told(Told(*about), key, sealing)[0])
    back = await server.carry(Carry((bundle,), (Held(name, HELD_MAX),)))
    above = back.wanted[0].version - HELD_MAX
    assert 0 < above <= STRETCH, "and it is told what is really wanted"
