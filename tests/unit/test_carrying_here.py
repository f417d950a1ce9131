"""What is carried for a device that does not meet the MDM: sealed, judged, given once, and kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from central_mdm.contract.carried import (
    ARRIVED_TYPE,
    SEALED_BYTES_MAX,
    SEALING_TYPE,
    TOLD_TYPE,
    Arrived,
    Sealing,
    Signed,
    Told,
    down_info,
    up_info,
)
from central_mdm.contract.fleet import Inventory
from central_mdm.contract.grants import ASSIGNMENT_TYPE, Assignment
from central_mdm.contract.heads import SignedHead
from central_mdm.contract.wanted import Command, Declaration, Reports
from central_mdm.identity.sealing import seal, sealing_key, unseal
from device_bridge.agent.guard.carrying import HEADS_SECONDS, CarriedKept, CarryingHere
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.ports import Link
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.agent.settings import Machine, NotHere, Remembered
from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import RENEWED_BEFORE_SECONDS, new_key
from device_bridge.trust.sealing import box_key, read_arrived, read_sealing, unseal_wanted
from tests.enrolled import DEVICE
from tests.guards import FakeLink
from tests.school import NOW, SmallSchool
from tests.unit.test_wanted import TIMEOUT, Here, a_device

pytestmark = pytest.mark.real_loop
MDM = new_key()
"""The school's issuing key, to derive from; who signs is the small school's own."""


@dataclass
class Heads:
    """The witness, whose journal has grown at each look; `told` are those that were answered.

    `kept`: what waits instead, until it is answered.
    """

    kept: tuple[SignedHead, ...] = ()
    asked: list[int] = field(default_factory=list[int])
    told: list[str] = field(default_factory=list[str])

    async def waiting(self, central_count: int, limit: int) -> tuple[SignedHead, ...]:
        assert limit
        self.asked.append(central_count)
        if self.kept:
            return tuple(one for one in self.kept if one.head not in self.told)[:limit]
        return (SignedHead(f"head-{len(self.asked)}", b"certificate"),)

    async def answered(self, heads: Sequence[SignedHead]) -> None:
        self.told += [one.head for one in heads]


@dataclass
class Scene:
    """A device, the app that stands before it, and the MDM's keys."""

    here: Here
    link: FakeLink = field(default_factory=FakeLink)
    met: bool = False
    noted: list[str] = field(default_factory=list[str])
    at: int = NOW + 10
    ground: GroundHere = field(init=False)
    heads: "Heads" = field(default_factory=Heads)
    inventory: Inventory = field(default_factory=lambda: Inventory("laptop"))

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Start the agent anew, on what is on the disk."""
        self.here.again()
        here = self.here
        enrolment = read_enrolment(here.folder)
        self.ground = GroundHere(lambda: 0.0, NOW, lambda: self.at)
        self.renewing = Renewing(here.folder, enrolment, lambda: self.at, lambda _: None)
        self.carrying = CarryingHere(
            here.folder,
            here.enrolment,
            here.wanted,
            self.heads,
            self.renewing,
            lambda: self.inventory,
            lambda: max(self.at, int(self.ground.floor())),
            lambda: self.met,
            self.ground,
            lambda kind, _facts, _who: self.noted.append(kind),
        )

    @property
    def sealing(self) -> str:
        public = sealing_key(self.here.school.key).public_key().public_bytes_raw().hex()
        return sign(Sealing(self.here.school.id, public, NOW), SEALING_TYPE, self.here.school.key)

    async def brings(
        self, arrived: str = "", wanted: bytes = b"", link: FakeLink | None = None
    ) -> list[bytes]:
        """Let an app bring it; return the bundles that were given for it."""
        link = link or self.link
        message = Brought(self.sealing, arrived, wanted)
        await self.carrying.take(cast("Link", link), message)
        return [cast("BundleGiven", one).sealed for one in link.heard(BundleGiven)]

    def opened(self, sealed: bytes, device: str = DEVICE) -> tuple[Told, str] | None:
        """Read a bundle as the MDM does; return what was told, and its digest."""
        raw = unseal(sealed, sealing_key(self.here.school.key), up_info("school-1", device))
        if raw is None:
            return None
        signed = msgspec.json.decode(raw, type=Signed)
        key = self.here.enrolment.identity.key.public_key()
        told = read_statement(signed.told, "told", (Told, TOLD_TYPE), key, 2**20)
        return told, hashlib.sha256(signed.told.encode()).hexdigest()

    def receipt(
        self, sealed: bytes, device: str = DEVICE, school: SmallSchool | None = None
    ) -> str:
        found = self.opened(sealed)
        assert found
        told, digest = found
        key = (school or self.here.school).key
        held = Arrived(device, "school-1", told.counter, digest, NOW, head_count=7)
        return sign(held, ARRIVED_TYPE, key)

    def seals(self, token: str, device: str = DEVICE) -> bytes:
        box = box_key(self.here.enrolment.identity.key).public_key().public_bytes_raw().hex()
        return seal(token.encode(), box, down_info("school-1", device)) or b""


def a_scene(tmp_path: Path) -> Scene:
    return Scene(a_device(tmp_path, Machine({"screen_timeout": Remembered()})))


async def test_what_is_wanted_is_applied_and_told_to_each_app_until_it_has_arrived(
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    (first,) = await scene.brings()
    wanted = scene.seals(scene.here.wants(5, declared=(TIMEOUT,)))
    (second,) = await scene.brings(wanted=wanted)
    assert await scene.brings() == [], "to this link it is given already"
    other = FakeLink()
    assert await scene.brings(link=other) == [second], "sent twice, and the same"
    found = scene.opened(second)
    assert found
    assert (found[0].counter, found[0].wanted) == (2, 5)
    assert [one.state for one in found[0].reports.reports] == ["applied"]
    assert await scene.brings(scene.receipt(first), link=FakeLink()) == [second], "an old receipt"
    scene.again()
    assert await scene.brings(link=FakeLink()) == [second], "after a restart the same"
    assert await scene.brings(scene.receipt(second)) == []
    assert scene.here.wanted.owed() is None
    assert scene.noted == ["carried-away", "carried-here", *["carried-away"] * 4]
    assert await scene.brings(link=FakeLink()) == [], "nothing is new"


async def test_the_journals_head_goes_along_and_once_a_day_by_itself(tmp_path: Path) -> None:
    scene = a_scene(tmp_path)
    (first,) = await scene.brings()
    found = scene.opened(first)
    assert found
    assert [one.head for one in found[0].heads] == ["head-1"]
    assert await scene.brings(scene.receipt(first), link=FakeLink()) == []
    assert scene.heads.told == ["head-1"]
    scene.at += HEADS_SECONDS - 1
    assert await scene.brings(link=FakeLink()) == [], "its journal grows; that alone is no news"
    scene.again()
    scene.at += 1
    (second,) = await scene.brings(link=FakeLink())
    assert scene.heads.asked == [0, 7], "it goes on from what the MDM says it holds"
    found = scene.opened(second)
    assert found
    assert [one.head for one in found[0].heads] == ["head-2"]


async def test_the_most_that_may_be_told_is_carried_in_parts_and_none_of_it_is_lost(
    tmp_path: Path,
) -> None:
    """In letters that take most room, with a request for a certificate and two whole heads."""
    long = "\x01" * 200
    declared = tuple(Declaration(letter * 40, 3, {}) for letter in "abcdefghijklmnop")
    machine = Machine({one.feature: NotHere(long) for one in declared})
    orders = [Command(f"{one}".ljust(64, "x"), "message", NOW + 2**30, "Come") for one in range(8)]
    scene = Scene(a_device(tmp_path, machine))
    scene.here.pupil.why = long
    scene.heads.kept = tuple(SignedHead(letter * 4096, bytes(2048)) for letter in "ab")
    line = long[:120]
    scene.inventory = Inventory(
        long[:64], line, line, line, long[:40], 2**53, 2**53, networks="f" * 400
    )
    scene.at = int(scene.renewing.ends_at) - RENEWED_BEFORE_SECONDS + 1
    wanted = scene.seals(scene.here.wants(5, *orders, declared=declared))
    given = await scene.brings(wanted=wanted)
    told: list[Told] = []
    while given:
        assert len(given[0]) <= SEALED_BYTES_MAX
        found = scene.opened(given[0])
        assert found
        told.append(found[0])
        given = await scene.brings(scene.receipt(given[0]), link=FakeLink())
    assert told[0].csr
    assert [one.wanted for one in told] == [5] * len(told)
    assert all(one.reports != Reports() for one in told)
    reported = [one.feature for each in told for one in each.reports.reports]
    assert reported == [one.feature for one in declared]
    assert [one.id for each in told for one in each.reports.ended] == [one.id for one in orders]
    assert scene.heads.told == [one.head for one in scene.heads.kept]


async def test_a_bundle_that_an_agent_of_before_made_too_large_is_made_anew(tmp_path: Path) -> None:
    scene = a_scene(tmp_path)
    (first,) = await scene.brings()
    kept = msgspec.json.decode(scene.here.folder.carried.read_bytes(), type=CarriedKept)
    large = replace(kept, sealed=bytes(SEALED_BYTES_MAX + 1))
    scene.here.folder.carried.write_bytes(msgspec.json.encode(large))
    scene.again()
    (second,) = await scene.brings(link=FakeLink())
    found = scene.opened(second)
    assert found
    assert found[0].counter == kept.counter + 1
    assert len(second) == len(first)


async def test_a_device_whose_clock_was_set_back_tells_nothing_older_than_before(
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    scene.at = NOW + 5000
    (first,) = await scene.brings()
    scene.at -= 40 * HEADS_SECONDS  # a battery has run empty
    scene.inventory = Inventory("laptop", model="another")
    (second,) = await scene.brings(scene.receipt(first), link=FakeLink())
    scene.again()
    scene.inventory = Inventory("laptop", model="a third")
    (third,) = await scene.brings(scene.receipt(second), link=FakeLink())
    told = [found[0].issued_at for one in (first, second, third) if (found := scene.opened(one))]
    assert told == [NOW + 5000] * 3
    scene.ground.signed_at(NOW + HEADS_SECONDS)
    assert await scene.brings(scene.receipt(third), link=FakeLink()), "the head goes along"


async def test_a_device_whose_clock_is_behind_is_as_late_as_what_the_mdm_has_signed(
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    scene.at = 0
    (only,) = await scene.brings()
    found = scene.opened(only)
    assert found
    assert found[0].issued_at == NOW


async def test_who_meets_the_mdm_gives_nothing_and_what_was_lost_there_is_told_anew(
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    scene.met = True
    assert await scene.brings() == []
    scene.met = False
    (given,) = await scene.brings()
    ahead = Arrived(DEVICE, "school-1", 7, "ab" * 32, NOW)
    (again,) = await scene.brings(sign(ahead, ARRIVED_TYPE, scene.here.school.key))
    found = scene.opened(again)
    assert found
    assert found[0].counter == 8, "a device that was set back goes above what the MDM holds"
    assert given != again


async def test_whoever_carries_can_neither_read_nor_alter_nor_swap_nor_urge(  # noqa: PLR0915 - each
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    school, enrolment = scene.here.school, scene.here.enrolment
    key = enrolment.identity.key
    (given,) = await scene.brings()
    assert b"laptop" not in given
    assert scene.opened(given, "dev-2") is None, "swapped between devices"
    for at in (0, 40, len(given) - 1):
        altered = given[:at] + bytes([given[at] ^ 1]) + given[at + 1 :]
        assert scene.opened(altered) is None
    assert unseal(given, sealing_key(MDM), up_info("school-1", DEVICE)) is None
    good = scene.here.wants(5, declared=(TIMEOUT,))
    sealed = scene.seals(good)
    assert unseal_wanted(sealed, key, school.school, DEVICE) == good
    swapped = (sealed[:-1] + bytes([sealed[-1] ^ 1]), scene.seals(good, "dev-2"), given, b"x")
    for bad in swapped:
        with pytest.raises(NotAllowed):
            unseal_wanted(bad, key, school.school, DEVICE)
    with pytest.raises(NotAllowed):
        unseal_wanted(sealed, new_key(), school.school, DEVICE)
    for urgent in (scene.here.urges(9, lost="x"), scene.here.urges(9, wipe="w", wipe_at=NOW)):
        with pytest.raises(NotAllowed):
            await scene.here.wanted.carried(urgent)
        assert await scene.brings(wanted=scene.seals(urgent)) == []
    forged = (scene.receipt(given, "dev-2"), scene.receipt(given, school=SmallSchool()), good)
    for receipt in forged:
        assert await scene.brings(receipt, link=FakeLink()) == [given], "nothing has arrived"
    with pytest.raises(NotAllowed):
        read_sealing(sign(Sealing("school-1", "00" * 32, NOW), SEALING_TYPE, MDM), school.school)
    with pytest.raises(NotAllowed):
        read_arrived(scene.sealing, school.school, DEVICE)
    assert scene.here.wanted.version == 0
    assert await scene.brings(wanted=sealed)
    assert not scene.here.noted.count("lost-applied")
    old = scene.seals(scene.here.wants(4))
    await scene.brings(wanted=old)
    assert scene.here.wanted.version == 5, "one that was held back changes nothing"


async def test_a_part_that_cannot_be_read_keeps_no_other_part_nor_the_bundle_back(
    tmp_path: Path,
) -> None:
    """As where this device was set up anew, or its school has a new root, and no app knows yet."""
    scene = a_scene(tmp_path)
    enrolment = scene.here.enrolment
    before = box_key(new_key()).public_key().public_bytes_raw().hex()
    unread = seal(scene.here.wants(9).encode(), before, down_info("school-1", DEVICE)) or b""
    (first,) = await scene.brings(wanted=unread)
    found = scene.opened(first)
    assert found
    key = box_key(enrolment.identity.key).public_key().public_bytes_raw().hex()
    assert (found[0].box, found[0].wanted) == (key, 0), "so the MDM learns by which key to write"
    former = scene.receipt(first, school=SmallSchool())
    assert await scene.brings(former, unread, link=FakeLink()) == [first]
    wanted = scene.seals(scene.here.wants(5, declared=(TIMEOUT,)))
    (second,) = await scene.brings(former, wanted, link=FakeLink())
    assert scene.here.wanted.version == 5
    assert await scene.brings(scene.receipt(second), unread, link=FakeLink()) == [], "it arrived"
    # The newest is sealed by no key that the school's root of now has signed.
    message = Brought(sign(Sealing("school-1", "00" * 32, NOW), SEALING_TYPE, MDM))
    newer = msgspec.structs.replace(message, wanted=scene.seals(scene.here.wants(6)))
    link = FakeLink()
    await scene.carrying.take(cast("Link", link), newer)
    assert (scene.here.wanted.version, link.heard(BundleGiven)) == (6, [])


def certified(scene: Scene, device: str = DEVICE, key: Ed25519PrivateKey | None = None) -> str:
    """Let the school certify a device's key anew: this one's own, if no other is named."""
    key = key or scene.here.enrolment.identity.key
    identity = scene.here.school.identity("device", device, begins=scene.at, key=key)
    return identity.certificate_pem.decode()


def asks(scene: Scene, sealed: bytes) -> str:
    found = scene.opened(sealed)
    assert found
    return found[0].csr


async def test_a_certificate_is_asked_for_in_what_is_told_and_once_a_day_until_it_has_come(
    tmp_path: Path,
) -> None:
    scene = a_scene(tmp_path)
    (first,) = await scene.brings()
    assert asks(scene, first) == ""
    assert await scene.brings(scene.receipt(first), link=FakeLink()) == []
    before = scene.renewing.ends_at
    scene.at = int(before) - RENEWED_BEFORE_SECONDS + 1
    (second,) = await scene.brings(link=FakeLink())
    found = scene.opened(second)
    assert found
    assert (found[0].csr, found[0].certificate_ends_at) == (scene.renewing.request(), before)
    assert found[0].csr
    assert b"REQUEST" not in second
    scene.again()
    assert await scene.brings(link=FakeLink()) == [second], "after a restart the same"
    assert await scene.brings(scene.receipt(second), link=FakeLink()) == [], "it is on its way"
    scene.at += HEADS_SECONDS
    (third,) = await scene.brings(link=FakeLink())
    assert asks(scene, third), "the MDM may have lost it"
    version, strange = scene.here.wanted.version, new_key()
    for bad in ("none", certified(scene, "dev-2"), certified(scene, DEVICE, strange)):
        version += 1
        await scene.brings(wanted=scene.seals(scene.here.wants(version, certificate=bad)))
        assert scene.here.wanted.version == version, "what else is wanted is taken"
    assert scene.renewing.ends_at == before
    # Of a version that is no newer, as after a crash between the two.
    good = scene.here.wants(version, certificate=certified(scene))
    await scene.brings(scene.receipt(third), wanted=scene.seals(good), link=FakeLink())
    assert scene.renewing.ends_at > before
    assert read_enrolment(scene.here.folder).identity.ends_at == scene.renewing.ends_at
    scene.at += HEADS_SECONDS
    (last,) = await scene.brings(link=FakeLink())
    assert asks(scene, last) == ""


async def test_the_newest_assignment_comes_along_and_another_devices_or_an_older_one_is_none(
    tmp_path: Path,
) -> None:
    scene, version = a_scene(tmp_path), 0

    async def brings(number: int, device: str, *classes: str) -> tuple[str, ...]:
        nonlocal version
        version += 1
        school = scene.here.school
        told = Assignment(device, school.id, number, classes, NOW)
        signed = sign(told, ASSIGNMENT_TYPE, school.key)
        wanted = scene.here.wants(version, assignment=signed)
        await scene.brings(wanted=scene.seals(wanted), link=FakeLink())
        assert scene.here.wanted.version == version, "what else is wanted is taken"
        return scene.ground.classes()

    assert await brings(7, DEVICE, "4A") == ("4A",)
    assert await brings(6, DEVICE, "5B") == ("4A",)
    assert await brings(8, "dev-2", "5B") == ("4A",)
    assert await brings(8, DEVICE, "4A", "5B") == ("4A", "5B")
    scene.again()
    kept = read_enrolment(scene.here.folder).assignment
    assert kept
    assert (kept.version, kept.classes) == (8, ("4A", "5B"))
