"""A device's certificate is renewed in time, by a clock that was moved: the whole of its life."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.renewing import RENEWED_BEFORE_SECONDS, Renewing
from device_bridge.protocol.errors import NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.authority import key_of_request
from device_bridge.trust.identity import Identity, thumbprint
from tests.enrolled import DEVICE, folder_of
from tests.school import NOW, SmallSchool

DAY = 86_400
SCHOOL = SmallSchool()
IDENTITY = SCHOOL.identity("device", DEVICE, begins=NOW)
ENDS = NOW + 395 * DAY
LATER = SCHOOL.identity("device", DEVICE, begins=ENDS - 30 * DAY, key=IDENTITY.key)


class Life:
    """One device and the moment it is."""

    def __init__(self, path: Path) -> None:
        self.folder = folder_of(path, SCHOOL, IDENTITY)
        self.now = float(NOW)
        self.taken: list[Identity] = []
        enrolled = read_enrolment(self.folder)
        self.renewing = Renewing(self.folder, enrolled, lambda: self.now, self.taken.append)

    @property
    def kept(self) -> bytes:
        return self.folder.certificate.read_bytes()


async def test_from_sixty_days_before_its_end_each_check_in_asks_until_it_is_renewed(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path)
    assert life.renewing.request() == ""
    life.now = ENDS - RENEWED_BEFORE_SECONDS - 1
    assert life.renewing.request() == ""
    life.now += 2
    asked = life.renewing.request()
    assert thumbprint(key_of_request(asked)) == thumbprint(IDENTITY.key.public_key())
    assert await life.renewing.take(LATER.certificate_pem.decode())
    assert life.renewing.request() == ""
    assert life.kept == LATER.certificate_pem
    assert [one.certificate for one in life.taken] == [LATER.certificate]
    assert read_enrolment(life.folder).identity.certificate == LATER.certificate


async def test_a_summer_of_twelve_weeks_switched_off_ends_in_a_renewal_and_no_refusal(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path)
    life.now = ENDS - 30 * DAY  # the floor stood still; the wall clock did not
    floor = float(NOW)
    assert life.renewing.request()
    await life.renewing.take(LATER.certificate_pem.decode())
    der = life.taken[0].certificate.public_bytes(Encoding.DER)
    # Not-before is later than any floor of before the summer, and the old end lies behind.
    for at in (floor, floor + 12 * 7 * DAY, float(ENDS + DAY)):
        assert accept(der, SCHOOL.school, at, "device").party.id == DEVICE
    old = IDENTITY.certificate.public_bytes(Encoding.DER)
    with pytest.raises(NotPaired, match="ended"):
        accept(old, SCHOOL.school, float(ENDS + DAY), "device")


@pytest.mark.parametrize("what", ["another key", "another name", "another school", "rubbish"])
async def test_what_is_not_its_own_is_not_taken_and_the_old_one_stays(
    tmp_path: Path, what: str
) -> None:
    life = Life(tmp_path)
    made = {
        "another key": SCHOOL.identity("device", DEVICE, begins=ENDS),
        "another name": SCHOOL.identity("device", "dev-2", begins=ENDS, key=IDENTITY.key),
        "another school": SmallSchool().identity("device", DEVICE, begins=ENDS, key=IDENTITY.key),
    }
    offered = made[what].certificate_pem.decode() if what in made else "-----BEGIN"
    with pytest.raises(NotPaired):
        await life.renewing.take(offered)
    assert life.kept == IDENTITY.certificate_pem
    assert life.taken == []


async def test_one_that_ends_no_later_changes_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path)
    older = SCHOOL.identity("device", DEVICE, begins=NOW - 90 * DAY, key=IDENTITY.key)
    for one in (older, IDENTITY):
        assert not await life.renewing.take(one.certificate_pem.decode())
    assert life.kept == IDENTITY.certificate_pem
