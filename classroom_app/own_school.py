"""A school without a server, as the first teacher's app keeps it: founds, certifies, grants."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from central_mdm.contract.names import Party
from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow, Row
from classroom_app.domain.founding import Founding, displays
from classroom_app.papers import SignedPapers
from classroom_app.storage.authority import keep_authority
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.keys import WAITS, Ring, Waits
from device_bridge.protocol.pairing import PairGiven, PairRequested
from device_bridge.protocol.plain import plain
from device_bridge.trust.authority import Authority, Teacher, found, key_of_request, seal_standby
from device_bridge.trust.identity import key_of_pem, key_to_pem, new_key, write_private

SCOPE: Final = "own"
"""Of the roster's rows: no server has it."""
NAME_MAX: Final = 64


class OwnSchool:
    """The authority in use, while the teacher is here. `utc` is the wall clock in seconds."""

    def __init__(
        self,
        authority: Authority,
        keeping: Keeping,
        utc: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._authority, self._keeping = authority, keeping
        self._utc, self._new_id = utc, new_id

    async def renew(self, papers: SignedPapers) -> SignedPapers:
        """Sign the teacher's grant anew for all classes, and keep it."""
        classes = tuple(str(each.id) for each in await self._keeping.classes())
        key = key_of_pem(papers.key.encode()).public_key()
        teacher = Teacher(papers.teacher, papers.teacher_name, key)
        grant = self._authority.grant(teacher, classes, self._new_id(), self._now())
        renewed = replace(papers, grant=grant)
        await self._keeping.keep_papers(renewed)
        return renewed

    async def give(self, asked: PairRequested, device_key: str, class_id: str) -> PairGiven:
        """Certify a device that the teacher has said yes to, and put it into the class.

        Its id is of its key: paired again, it is the same device.
        """
        school, now = self._authority.school, self._now()
        device = f"d-{device_key[:24]}"
        party = Party(school.id, "device", device)
        certificate = self._authority.certify(key_of_request(asked.csr), party, now)
        assignment = self._authority.assign(device, (class_id,), now, now)
        name, kind = plain(asked.name, NAME_MAX) or device, plain(asked.kind, NAME_MAX) or "?"
        await add_rows(self._keeping, [DeviceRow(device, class_id, name, kind)])
        return PairGiven(
            school=school.id,
            school_name=self._authority.name[:NAME_MAX],
            device=device,
            certificate=certificate,
            root=school.root_pem.decode(),
            standby=self._authority.standby,
            assignment=assignment,
        )

    def _now(self) -> int:
        return int(self._utc())


async def found_school(  # noqa: PLR0913 - what a school is made of
    keeping: Keeping,
    home: Path,
    asked: Founding,
    utc: Callable[[], float],
    new_id: Callable[[], str],
    *,
    ring: Callable[[], Ring],
    waits: Waits = WAITS,
) -> tuple[OwnSchool, SignedPapers]:
    """Make the school, its first teacher and class. The file for the safe is written first.

    Raises OSError, WrongPassphrase or NotKept; then there is no school.
    """
    school, now = new_id(), int(utc())
    authority = await asyncio.to_thread(_make, home, asked, school, now, ring, waits)
    key, teacher, class_id = new_key(), new_id(), new_id()
    certificate = authority.certify(key.public_key(), Party(school, "teacher", teacher), now)
    rows: list[Row] = [ClassRow(class_id, asked.class_name)]
    rows += [
        PupilRow(new_id(), class_id, given, family or given, display, seat)
        for seat, ((given, family), display) in enumerate(
            zip(asked.pupils, displays(asked.pupils), strict=True), start=1
        )
    ]
    await add_rows(keeping, rows)
    papers = SignedPapers(
        server="",
        school=school,
        school_name=asked.school,
        teacher=teacher,
        teacher_name=asked.teacher,
        key=key_to_pem(key).decode(),
        certificate=certificate,
        root=authority.school.root_pem.decode(),
    )
    own = OwnSchool(authority, keeping, utc, new_id)
    return own, await own.renew(papers)


async def add_rows(keeping: Keeping, rows: Sequence[Row]) -> None:
    """Put rows of our own into the roster, newest last."""
    _, last = await keeping.cursor(SCOPE)
    changes = tuple(
        Change(last + number, entity_of(row), row.id, row)
        for number, row in enumerate(rows, start=1)
    )
    await keeping.apply(SCOPE, SCOPE, changes, last + len(rows), 0, "")


def entity_of(row: Row) -> Literal["class", "pupil", "device"]:
    match row:
        case ClassRow():
            return "class"
        case PupilRow():
            return "pupil"
        case DeviceRow():
            return "device"


def _make(
    home: Path,
    asked: Founding,
    school: str,
    now: int,
    ring: Callable[[], Ring],
    waits: Waits,
) -> Authority:
    authority, standby = found(school, asked.school, now)
    write_private(Path(asked.safe).expanduser(), seal_standby(authority, standby, asked.passphrase))
    keep_authority(home, authority, asked.passphrase, ring, waits)
    return authority
