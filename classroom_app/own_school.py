"""A school without a server, as the first teacher's app keeps it: founds, certifies, grants."""

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from central_mdm.contract.names import Party, Role
from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow, Row
from central_mdm.contract.sealed import Kept
from classroom_app.domain.founding import Founding, displays
from classroom_app.domain.lesson import Roster
from classroom_app.papers import SignedPapers
from classroom_app.storage.authority import keep_authority
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.keys import WAITS, Ring, Waits
from classroom_app.succession import former_of
from device_bridge.protocol.errors import NotPaired
from device_bridge.protocol.pairing import PairGiven, PairRequested
from device_bridge.protocol.plain import plain
from device_bridge.trust.authority import (
    Authority,
    Teacher,
    found,
    key_of_request,
    seal,
    seal_standby,
    unseal_kept,
    unseal_standby,
)
from device_bridge.trust.discovery import discovery_key
from device_bridge.trust.identity import (
    School,
    key_of_pem,
    key_to_pem,
    new_key,
    thumbprint,
    write_private,
)
from device_bridge.trust.leaving import PAIRED, read_receipt, sign_release

SCOPE: Final = "own"
"""Of the roster's rows: no server has it."""
NAME_MAX: Final = 64
RECEIPT_BYTES_MAX: Final = 16 * 1024


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
        """Sign the teacher's grant anew for all classes, and keep it.

        Papers of before the root of now get a certificate under it first.
        """
        papers = self._under_root(papers)
        classes = tuple(str(each.id) for each in await self._keeping.classes())
        key = key_of_pem(papers.key.encode()).public_key()
        teacher = Teacher(papers.teacher, papers.teacher_name, key)
        grant = self._authority.grant(teacher, classes, self._new_id(), self._now())
        renewed = replace(papers, grant=grant, discovery=discovery_key(self._authority.key))
        await self._keeping.keep_papers(renewed)
        return renewed

    async def give(self, asked: PairRequested, device_key: str, class_id: str) -> PairGiven:
        """Certify a device that the teacher has said yes to, and put it into the class.

        Its id is of its key: paired again, it is the same device.
        """
        school, device = self._authority.school, device_id(device_key)
        certificate, assignment = self._sign(device, key_of_request(asked.csr), (class_id,))
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
            epoch=self._authority.epoch,
            discovery=discovery_key(self._authority.key),
        )

    async def back_up(self, path: str, passphrase: str) -> None:
        """Write the school to one sealed file: its key, and who and what is in it.

        Raises WrongPassphrase for one that is too short, or OSError, also where a file is there.
        """
        rows = rows_of(await self._keeping.classes())

        def work() -> None:
            write_private(_new_file(path), seal(self._authority, passphrase, rows))

        await asyncio.to_thread(work)

    def succeeded(
        self, standby: tuple[bytes, str], papers: SignedPapers
    ) -> tuple["OwnSchool", Authority, bytes]:
        """Return the school under a new root, and the next file for the safe. It blocks.

        `standby` is the file from the safe and what opens it, which seals the next one. Nothing is
        kept yet. Raises WrongPassphrase, Broken, or NotPaired for another school's.
        """
        key = unseal_standby(*standby)
        authority, next_standby = self._authority.succeed(key, former_of(papers), self._now())
        own = OwnSchool(authority, self._keeping, self._utc, self._new_id)
        return own, authority, seal_standby(authority, next_standby, standby[1])

    def certify(
        self, device: str, key: Ed25519PublicKey, classes: Sequence[str]
    ) -> tuple[str, str]:
        """Give certificate and assignment under the root of now to a device that has older ones.

        Its id is of its key, so what showed the key under a root that others hold proves itself.
        """
        if device != device_id(thumbprint(key)):
            return "", ""
        return self._sign(device, key, classes)

    def _sign(self, device: str, key: Ed25519PublicKey, classes: Sequence[str]) -> tuple[str, str]:
        now = self._now()
        assignment = self._authority.assign(device, tuple(classes), now, now)
        return self._certificate("device", device, key), assignment

    def _certificate(self, role: Role, name: str, key: Ed25519PublicKey) -> str:
        party = Party(self._authority.school.id, role, name)
        return self._authority.certify(key, party, self._now())

    def _under_root(self, papers: SignedPapers) -> SignedPapers:
        authority = self._authority
        root = authority.school.root_pem.decode()
        if papers.root == root:
            return papers
        key = key_of_pem(papers.key.encode()).public_key()
        return replace(
            papers,
            root=root,
            certificate=self._certificate("teacher", papers.teacher, key),
            standby=authority.standby,
            epoch=authority.epoch,
            successions=authority.successions,
            former=authority.former,
            deny_list="",
        )

    async def release(self, device: str, path: str) -> None:
        """Write the file by which a device leaves the school. Raises OSError."""
        authority = self._authority
        told = sign_release(authority.school.id, device, authority.key, self._now())

        def work() -> None:
            write_private(Path(path).expanduser(), told.encode())

        await asyncio.to_thread(work)

    async def renew_device(self, device: str, csr: str) -> str:
        """Certify a device's key once more. Raises NotPaired for any but its own."""
        key = key_of_request(csr)
        if device != device_id(thumbprint(key)):
            raise NotPaired("another key")
        return self._certificate("device", device, key)

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
    class_id = new_id()
    rows: list[Row] = [ClassRow(class_id, asked.class_name)]
    rows += [
        PupilRow(new_id(), class_id, given, family or given, display, seat)
        for seat, ((given, family), display) in enumerate(
            zip(asked.pupils, displays(asked.pupils), strict=True), start=1
        )
    ]
    await add_rows(keeping, rows)
    own = OwnSchool(authority, keeping, utc, new_id)
    return own, await own.renew(_papers_of(authority, asked.teacher, new_id(), now))


async def restore_school(  # noqa: PLR0913 - what it is made of
    keeping: Keeping,
    home: Path,
    backup: tuple[str, str],
    teacher: str,
    utc: Callable[[], float],
    new_id: Callable[[], str],
    *,
    ring: Callable[[], Ring],
    waits: Waits = WAITS,
) -> tuple[OwnSchool, SignedPapers]:
    """Open a school's backup (path, passphrase) here: the same school, with `teacher` as one more.

    Raises WrongPassphrase, Broken, NotPaired, OSError or NotKept; then nothing is here.
    """
    path, passphrase = backup

    def work() -> tuple[Authority, Kept]:
        kept = unseal_kept(Path(path).expanduser().read_bytes(), passphrase)
        authority = Authority.of(kept)
        keep_authority(home, authority, passphrase, ring, waits)
        return authority, kept

    authority, kept = await asyncio.to_thread(work)
    await add_rows(keeping, kept.rows)
    own = OwnSchool(authority, keeping, utc, new_id)
    return own, await own.renew(_papers_of(authority, teacher, new_id(), int(utc())))


async def succeed_school(
    own: OwnSchool,
    home: Path,
    safe: tuple[str, str, str],
    papers: SignedPapers,
    *,
    ring: Callable[[], Ring],
    waits: Waits = WAITS,
) -> OwnSchool:
    """Put a new root in the place of the school's: the old key may be known to others.

    `safe`: the path of the file from the safe, its passphrase, and where the next such file goes,
    which is written first. The teacher's own papers follow by `OwnSchool.renew`. Raises as
    `found_school`, Broken, or NotPaired for another school's file.
    """
    path, passphrase, next_path = safe

    def work() -> OwnSchool:
        raw, new = Path(path).expanduser().read_bytes(), _new_file(next_path)
        after, authority, sealed = own.succeeded((raw, passphrase), papers)
        write_private(new, sealed)
        keep_authority(home, authority, passphrase, ring, waits)
        return after

    return await asyncio.to_thread(work)


def _new_file(path: str) -> Path:
    """Return where a sealed file goes. Raises FileExistsError: another school's may lie there."""
    new = Path(path).expanduser()
    if new.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    return new


async def note_left(keeping: Keeping, school: School, path: str) -> str:
    """Take the device that signed the receipt at `path` out of its class; return its id.

    Raises NotAllowed for what is no receipt of a device of this school, or OSError.
    """

    def read() -> bytes:
        with Path(path).expanduser().open("rb") as file:
            return file.read(RECEIPT_BYTES_MAX)

    device = read_receipt(await asyncio.to_thread(read), school).device
    last = await keeping.last_number(SCOPE)
    await keeping.apply(SCOPE, SCOPE, (Change(last + 1, "device", device),), "", 0, "")
    return device


def _papers_of(authority: Authority, name: str, teacher: str, now: int) -> SignedPapers:
    key, school = new_key(), authority.school
    return SignedPapers(
        server="",
        school=school.id,
        school_name=authority.name,
        teacher=teacher,
        teacher_name=name,
        key=key_to_pem(key).decode(),
        certificate=authority.certify(key.public_key(), Party(school.id, "teacher", teacher), now),
        root=school.root_pem.decode(),
        standby=authority.standby,
        epoch=authority.epoch,
        successions=authority.successions,
        former=authority.former,
    )


def device_id(thumbprint: str) -> str:
    """Name a paired device, by its key."""
    return f"{PAIRED}{thumbprint[:24]}"


def rows_of(classes: Sequence[Roster]) -> list[Row]:
    """Return the rows that these classes are made of."""
    rows: list[Row] = []
    for one in classes:
        rows.append(ClassRow(one.id, one.name, one.subject))
        rows += [
            PupilRow(each.id, one.id, each.given_name, each.family_name, each.display, each.seat)
            for each in one.pupils
        ]
        rows += [
            DeviceRow(device.id, one.id, device.name, device.kind, device.pupil)
            for device in one.devices
        ]
    return rows


async def add_rows(keeping: Keeping, rows: Sequence[Row]) -> None:
    """Put rows of our own into the roster, newest last."""
    last = await keeping.last_number(SCOPE)
    changes = tuple(
        Change(last + number, entity_of(row), row.id, row)
        for number, row in enumerate(rows, start=1)
    )
    await keeping.apply(SCOPE, SCOPE, changes, "", 0, "")


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
    new = _new_file(asked.safe)
    authority, standby = found(school, asked.school, now)
    write_private(new, seal_standby(authority, standby, asked.passphrase))
    keep_authority(home, authority, asked.passphrase, ring, waits)
    return authority
