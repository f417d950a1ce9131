"""A school without a server: founded in the app, its devices paired by a class code, by name."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from classroom_app.domain.errors import AuthorityLocked
from classroom_app.domain.founding import Founding, read_pupils
from classroom_app.ids import new_id
from classroom_app.own_school import OwnSchool, found_school, restore_school, succeed_school
from classroom_app.pairing import Asker, PairingWindow
from classroom_app.papers import Papers, SignedPapers
from classroom_app.storage.authority import keep_authority, open_authority
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.storage.keys import WAITS
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.pairing import Opened, Pairing
from device_bridge.session.pairing import Code
from device_bridge.trust.accept import accept
from device_bridge.trust.authority import found, unseal_standby
from device_bridge.trust.grants import read_grant
from device_bridge.trust.identity import School, new_key, thumbprint
from device_bridge.trust.pairing import Secret
from device_bridge.trust.sealed import WrongPassphrase
from device_bridge.trust.succession import Line
from tests.rings import MemoryRing, NoRing
from tests.school import NOW

pytestmark = pytest.mark.real_loop
HERE = ["127.0.0.1"]
NOWHERE = (("127.0.0.1", 9),)
PASSPHRASE = "three white goats ate"  # noqa: S105 - seals what a test made
PUPILS = "Vorname;Name\nLina;Berg\nNoah;Weil\nNoah;Adam"


@pytest.fixture(autouse=True)
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a passphrase cost little: what is slow on purpose is another test's."""
    for module in ("device_bridge.trust.sealed",):
        monkeypatch.setattr(f"{module}.COST", 2**4)


@asynccontextmanager
async def school_of(
    home: Path,
) -> AsyncGenerator[tuple[Keeping, OwnSchool, SignedPapers]]:
    keeping = await open_keeping(home, NoRing)
    try:
        asked = Founding(
            "Dorfschule", "Ms Vidal", "5B", read_pupils(PUPILS), PASSPHRASE, str(home / "safe")
        )
        own, papers = await found_school(
            keeping, home, asked, lambda: NOW, new_id, ring=NoRing, waits=WAITS
        )
        yield keeping, own, papers
    finally:
        await keeping.close()


class Teacher:
    """Holds a window open, and waits for what it shows."""

    def __init__(self, own: OwnSchool, papers: SignedPapers, class_id: str) -> None:
        self._news = asyncio.Event()
        self.window = PairingWindow(
            Papers(papers, time.monotonic).identity,
            lambda asked, key: own.give(asked, key, class_id),
            self._news.set,
            now=time.monotonic,
            random_bytes=os.urandom,
            interfaces=HERE,
        )

    async def until(self, seen: Callable[[Asker], bool]) -> Asker:
        async with asyncio.timeout(60):
            while True:
                self._news.clear()
                found = next(filter(seen, self.window.askers()), None)
                if found:
                    return found
                await self._news.wait()


def agent(folder: Path, code: bytes, opened: Opened, name: str, app: str = "") -> Pairing:
    return Pairing(
        Folder(folder),
        Code(code, app),
        (name, "linux"),
        now=time.monotonic,
        random_bytes=os.urandom,
        opened=opened,
    )


async def test_a_school_is_founded_with_a_class_a_right_and_a_file_for_the_safe(
    tmp_path: Path,
) -> None:
    async with school_of(tmp_path) as (keeping, _, papers):
        [roster] = await keeping.classes()
        assert roster.name == "5B"
        assert [pupil.display for pupil in roster.pupils] == ["Lina", "Noah W", "Noah A"]
        read = Papers(papers, time.monotonic)
        assert read_grant(papers.grant, read.school).classes == (roster.id,)
        assert await keeping.papers() == papers
        authority = open_authority(tmp_path, NoRing, WAITS, PASSPHRASE)
        standby = unseal_standby((tmp_path / "safe").read_bytes(), PASSPHRASE)
        assert thumbprint(standby.public_key()) == authority.standby
        with pytest.raises(AuthorityLocked):
            open_authority(tmp_path, NoRing, WAITS)
        with pytest.raises(WrongPassphrase):
            open_authority(tmp_path, NoRing, WAITS, "something else")


async def test_a_cart_pairs_by_the_class_code_and_the_teacher_confirms_each_name(
    tmp_path: Path,
) -> None:
    async with school_of(tmp_path / "home") as (keeping, own, papers):
        [roster] = await keeping.classes()
        teacher = Teacher(own, papers, roster.id)
        code = teacher.window.code.encode()
        names = ("Tablet 1", "Tablet 2", "Not ours")
        devices = [agent(tmp_path / name, code, "class", name) for name in names]
        async with asyncio.TaskGroup() as group:
            running = group.create_task(teacher.window.run())
            doors = [group.create_task(device.run(device.bind(HERE), HERE)) for device in devices]
            for name in names:
                asks = await teacher.until(lambda one, n=name: (one.name, one.state) == (n, "asks"))
                teacher.window.gone(asks.label)  # its record goes and comes: the talk goes on
                teacher.window.heard(asks.label, NOWHERE, "class")
                teacher.window.answer(asks.label, yes=name != "Not ours")
                state = "refused" if name == "Not ours" else "paired"
                await teacher.until(lambda one, n=name, s=state: (one.name, one.state) == (n, s))
            doors[2].cancel()
            running.cancel()
        enrolled = [read_enrolment(Folder(tmp_path / name)) for name in names[:2]]
        assert not Folder(tmp_path / "Not ours").school.exists()
        [roster] = await keeping.classes()
        assert {each.id for each in roster.devices} == {each.device for each in enrolled}
        signed = Papers(papers, time.monotonic)
        for each in enrolled:  # what a device asks at a link
            der = signed.identity.certificate.public_bytes(Encoding.DER)
            assert accept(der, each.school, NOW, "teacher").party.id == papers.teacher
            assert read_grant(papers.grant, each.school).classes == (roster.id,)
            assert each.discovery == signed.discovery() != b"", "its names of the day are known"
            assert each.assignment is not None
            assert each.assignment.classes == (roster.id,)


async def test_a_device_that_shows_its_own_code_is_paired_when_the_teacher_types_it(
    tmp_path: Path,
) -> None:
    async with school_of(tmp_path / "home") as (keeping, own, papers):
        [roster] = await keeping.classes()
        teacher = Teacher(own, papers, roster.id)
        device = agent(tmp_path / "device", b"K7M2QX", "own", "Tablet 1")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(teacher.window.run())
            door = group.create_task(device.run(device.bind(HERE), HERE))
            waits = await teacher.until(lambda one: one.state == "code")
            assert waits.label == device.label
            teacher.window.try_code(waits.label, "k7m 2qy")
            await teacher.until(lambda one: one.state == "wrong-code")
            teacher.window.try_code(waits.label, "k7m 2qx")
            teacher.window.answer(
                (await teacher.until(lambda one: one.state == "asks")).label, yes=True
            )
            await teacher.until(lambda one: one.state == "paired")
            await door
            running.cancel()


async def test_a_scanned_code_pairs_without_any_typing(tmp_path: Path) -> None:
    async with school_of(tmp_path / "home") as (keeping, own, papers):
        [roster] = await keeping.classes()
        teacher = Teacher(own, papers, roster.id)
        scanned = Secret.read(teacher.window.secret)
        code = scanned.secret.hex().encode()
        device = agent(tmp_path / "device", code, "secret", "Tablet 1", scanned.app)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(teacher.window.run())
            door = group.create_task(device.run(device.bind(HERE), HERE))
            asks = await teacher.until(lambda one: one.state == "asks")
            teacher.window.answer(asks.label, yes=True)
            await door
            running.cancel()


def test_the_keyring_opens_the_key_where_there_is_one(tmp_path: Path) -> None:
    ring = MemoryRing()
    authority, _ = found("school-1", "Collège", NOW)
    keep_authority(tmp_path, authority, "", lambda: ring, WAITS)
    assert open_authority(tmp_path, lambda: ring, WAITS).kept() == authority.kept()
    assert b"PRIVATE" not in (tmp_path / "authority.sealed").read_bytes()


async def test_a_second_teacher_opens_the_backup_and_the_standby_ends_a_stolen_key(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    backup, next_safe = str(tmp_path / "backup"), str(tmp_path / "next")
    async with school_of(first) as (_, own, papers):
        await own.back_up(backup, PASSPHRASE)
    keeping = await open_keeping(second, NoRing)
    try:
        args = ("Mr Weil", lambda: NOW, new_id)
        with pytest.raises(WrongPassphrase):
            await restore_school(keeping, second, (backup, "another one"), *args, ring=NoRing)
        assert await keeping.papers() is None
        own, theirs = await restore_school(
            keeping, second, (backup, PASSPHRASE), *args, ring=NoRing
        )
        assert (theirs.root, theirs.teacher_name) == (papers.root, "Mr Weil")
        [roster] = await keeping.classes()
        assert [pupil.display for pupil in roster.pupils] == ["Lina", "Noah W", "Noah A"]

        safe = str(first / "safe"), PASSPHRASE, next_safe
        own = await succeed_school(own, second, safe, theirs, ring=NoRing)
        after = await own.renew(theirs)
        assert after.root != theirs.root
        line = Line(School.pin(theirs.school, theirs.root.encode()), theirs.standby)
        assert line.after_all(after.successions).school.root_pem.decode() == after.root
        assert read_grant(after.grant, Papers(after, time.monotonic).school)
        assert after.former[0].root == theirs.root
        assert open_authority(second, NoRing, WAITS, PASSPHRASE).epoch == 1
        device = new_key().public_key()
        assert own.certify("d-" + thumbprint(device)[:24], device, ["5B"])[0]
        assert own.certify("d-of-another-key", device, ["5B"]) == ("", "")
    finally:
        await keeping.close()
