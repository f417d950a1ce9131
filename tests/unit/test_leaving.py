"""A device leaves its school: by the school's word only, wholly, and provably."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from central_mdm.contract.leaving import RECEIPT_TYPE, Receipt, SignedReceipt
from central_mdm.identity.certificates import bearer_of
from central_mdm.identity.statements import read
from classroom_app.own_school import device_id
from device_bridge.agent.guard.enrolled import own_key, read_enrolment
from device_bridge.agent.guard.leaving import begin, leave
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import NotAllowed, NotPaired, TryAgain
from device_bridge.protocol.seat import DropCurtain, FromSeat, ToSeat
from device_bridge.trust.grants import sign
from device_bridge.trust.identity import Identity, thumbprint
from device_bridge.trust.leaving import read_receipt, sign_release
from tests.enrolled import DEVICE, folder_of
from tests.guards import FakeSeat, Hands, guard_in, lesson_on, link_to
from tests.protocol_vectors import LANES
from tests.school import NOW, SmallSchool

ROOT = Path(__file__).resolve().parents[2]
SCHOOL = SmallSchool()
IDENTITY = SCHOOL.identity("device", DEVICE)
RELEASE = SCHOOL.release(DEVICE, IDENTITY)


class Killed(BaseException):
    """The process is gone at this line."""


async def taken(_: SignedReceipt) -> None:
    """Be an MDM that keeps it."""


def kills(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the process die before the step number `at` that changes the disk."""
    left = at

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the step takes
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return step(*args, **kwargs)

        return stepping

    for owner, name in ((Path, "unlink"), (Path, "replace"), (shutil, "rmtree")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


async def test_cut_at_any_step_it_ends_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", int)  # the machine lives on: it need not wait for its disk
    steps, over = 0, False
    while not over:
        folder = folder_of(tmp_path / str(steps), SCHOOL, IDENTITY)
        with pytest.MonkeyPatch.context() as patched:
            kills(patched, steps)
            try:
                begin(folder, RELEASE, read_enrolment(folder))
                await leave(folder, lambda: NOW, taken)
                over = True
            except Killed:
                pass
        if not over and not await leave(folder, lambda: NOW, taken) and folder.school.exists():
            begin(folder, RELEASE, read_enrolment(folder))  # it had not begun: nothing is lost
            await leave(folder, lambda: NOW, taken)
        assert list(folder.root.iterdir()) == [folder.receipt]
        signed = msgspec.json.decode(folder.receipt.read_bytes(), type=SignedReceipt)
        bearer = bearer_of(signed.certificate, SCHOOL.school.root_pem.decode())
        assert bearer is not None
        said = read(signed.receipt, RECEIPT_TYPE, Receipt, bearer[1])
        assert said == Receipt(SCHOOL.id, DEVICE, thumbprint(IDENTITY.key.public_key()), NOW)
        steps += 1
    assert steps > 10


async def test_after_it_the_device_is_unpaired_and_its_next_key_is_another(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SCHOOL, IDENTITY)
    begin(folder, RELEASE, read_enrolment(folder))
    assert await leave(folder, lambda: NOW, taken)
    with pytest.raises(NotPaired):
        read_enrolment(folder)
    anew = own_key(folder)
    assert thumbprint(anew.public_key()) != thumbprint(IDENTITY.key.public_key())
    assert not await leave(folder, lambda: NOW, taken), "once"


async def test_a_receipt_that_finds_no_server_stays_with_the_seller(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SCHOOL, IDENTITY)
    begin(folder, RELEASE, read_enrolment(folder))

    async def away(_: SignedReceipt) -> None:
        raise TryAgain(1.0)

    assert await leave(folder, lambda: 0.0, away)
    assert list(folder.root.iterdir()) == [folder.receipt]


def refused() -> Iterator[tuple[str, str]]:
    other = SmallSchool()
    yield "another school's", other.release(DEVICE, IDENTITY)
    yield "another device's", SCHOOL.release("dev-2", IDENTITY)
    yield "of an older key", SCHOOL.release(DEVICE, SCHOOL.identity("device", DEVICE))
    yield "another statement", SCHOOL.assignment(DEVICE)
    yield "none", ""


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in refused()])
def test_only_the_schools_word_on_this_very_key_lets_it_go(tmp_path: Path, token: str) -> None:
    folder = folder_of(tmp_path, SCHOOL, IDENTITY)
    before = sorted(folder.root.rglob("*"))
    with pytest.raises(NotAllowed):
        begin(folder, token, read_enrolment(folder))
    assert sorted(folder.root.rglob("*")) == before


async def test_an_app_without_a_server_lets_a_device_go_and_reads_its_receipt(
    tmp_path: Path,
) -> None:
    key = thumbprint(IDENTITY.key.public_key())
    device = device_id(key)
    identity = SCHOOL.identity("device", device, key=IDENTITY.key)
    folder = folder_of(tmp_path, SCHOOL, identity, device)
    for other in ("d-" + key[1:25], "d-", "d-" + "0" * 24):
        with pytest.raises(NotAllowed):
            begin(folder, sign_release(SCHOOL.id, other, SCHOOL.key, NOW), read_enrolment(folder))
    begin(folder, sign_release(SCHOOL.id, device, SCHOOL.key, NOW), read_enrolment(folder))
    assert await leave(folder, lambda: NOW, taken)
    raw = folder.receipt.read_bytes()
    assert read_receipt(raw, SCHOOL.school) == Receipt(SCHOOL.id, device, key, NOW)
    signed = msgspec.json.decode(raw, type=SignedReceipt)
    another = SCHOOL.identity("device", "d-another")
    forged = Receipt(SCHOOL.id, "d-another", key, NOW)
    for bad in (
        b"",
        raw[:-9],
        msgspec.json.encode(replace(signed, receipt=RELEASE)),
        msgspec.json.encode(sign_receipt_as(forged, another)),
        msgspec.json.encode(sign_receipt_as(forged, SmallSchool().identity("device", DEVICE))),
        msgspec.json.encode(sign_receipt_as(forged, SCHOOL.identity("teacher", "t-1"))),
    ):
        with pytest.raises(NotAllowed):
            read_receipt(bad, SCHOOL.school)


def sign_receipt_as(said: Receipt, identity: Identity) -> SignedReceipt:
    """Sign whatever is said, as nobody honest would."""
    certificate = identity.certificate.public_bytes(Encoding.DER)
    return SignedReceipt(sign(said, RECEIPT_TYPE, identity.key), certificate)


def test_a_lesson_ends_before_the_device_leaves(tmp_path: Path) -> None:
    guard = guard_in(tmp_path, Hands())
    seat = FakeSeat(guard).sit()
    link = link_to(guard)
    lesson_on(guard, link)
    guard.told(link, LockDeclared(1, True, 600, "Look here", "Claire"))  # noqa: FBT003
    guard.free()
    assert seat.heard(DropCurtain)
    assert not guard.presence.held.on


def test_no_message_of_the_class_s_network_lets_a_device_go() -> None:
    kinds = {kind for union in (*LANES.values(), ToSeat, FromSeat) for kind in get_args(union)}
    words = [str(kind.__struct_config__.tag) for kind in kinds]
    words += [field for kind in kinds for field in kind.__struct_fields__]
    assert len(words) > 100
    assert [one for one in words if "releas" in one or "leav" in one or "wipe" in one] == []
    doors = {
        path.name
        for path in (ROOT / "device_bridge").rglob("*.py")
        if "guard.leaving import" in path.read_text(encoding="utf-8")
    }
    assert doors == {"cli.py", "leave.py", "mdm.py"}, "the command, and the own check-in"
