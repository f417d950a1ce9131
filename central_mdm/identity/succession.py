"""The school's root, succeeded by the standby whose key lies in the safe; see decision 13."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.succession import SUCCESSION_TYPE, SUCCESSIONS_MAX, Succession
from central_mdm.identity.certificates import key_of_root, make_root, thumbprint_of
from central_mdm.identity.model import schools, successions, teachers
from central_mdm.identity.revocation import newest, publish_list
from central_mdm.identity.rules import SchoolRow, school_row
from central_mdm.identity.sealed import open_standby, seal_standby
from central_mdm.identity.statements import read, sign
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground

HAS_STANDBY = "The school has a standby already, or there is no school."


def make_standby(school: str, file: Path, passphrase: str) -> str:
    """Make a standby's key, seal it into a new `file` and forget it; return its thumbprint.

    It blocks. Raises Malformed for a short passphrase, FileExistsError or another OSError.
    """
    key = Ed25519PrivateKey.generate()
    sealed = seal_standby(school, key, passphrase)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(sealed)
        made.flush()
        os.fsync(made.fileno())
    return thumbprint_of(key.public_key())


async def pin_standby(ground: Ground, school: str, thumbprint: str) -> None:
    """Give a standby to a school that has none; devices hear of it at their check-ins.

    Raises Refused for a school that has one.
    """
    async with ground.database.writing(school) as connection:
        done = await connection.execute(
            update(schools)
            .where(schools.c.school == school, schools.c.standby == "")
            .values(standby=thumbprint)
        )
    if not done.rowcount:
        raise Refused("has-standby", HAS_STANDBY)


def want_no_standby(row: SchoolRow) -> None:
    """Raise Refused for a school that has one: see `pin_standby`."""
    if row.standby:
        raise Refused("has-standby", HAS_STANDBY)


async def succeed(
    ground: Ground, school: str, sealed: tuple[bytes, str], next_file: tuple[Path, str]
) -> int:
    """Put a new root in the place of the school's; return its epoch.

    `sealed` is the standby's file and what opens it, `next_file` where the next standby goes and
    what seals it. The new key is on the disk first, then the database says so in one transaction,
    then the key is taken up: ended anywhere after the first, the same call goes on there.
    Raises Malformed, Refused or OSError.
    """
    whose, standby = open_standby(*sealed)
    async with ground.database.reading(school) as connection:
        about = await school_row(connection, school)
        last = await since(connection, school, about.succession - 1)
    if _has_spoken(standby, last) and _is_taken_up(ground, school, about.root):
        if not _is_sealed_in(about.standby, school, *next_file):
            raise Refused("another-standby", "It has spoken already; the next one is another.")
        return await _sign_anew(ground, school, about.succession)
    key = ground.keys.stage(school)
    if key_of_root(about.root, school) == key.public_key():
        return await _taken_up(ground, school, about.succession)
    if whose != school or thumbprint_of(standby.public_key()) != about.standby:
        raise Refused("another-standby", "This is not the standby of the school's root of now.")
    root = make_root(school, key, ground.clock())
    next_standby = make_standby(school, *next_file)
    epoch = about.succession + 1
    signer = standby.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    told = Succession(school, epoch, root, next_standby, signer, ground.clock())
    statement = sign(standby, SUCCESSION_TYPE, told).encode("ascii")
    mine = schools.c.school == school
    async with ground.database.writing(school) as connection:
        values = {"school": school, "epoch": epoch, "statement": statement}
        await connection.execute(insert(successions).values(values))
        # Of the keys that the old root vouched for none is granted anything: sign in again. The
        # people first, as by all who change one, then the school.
        await connection.execute(
            update(teachers).where(teachers.c.school == school).values(thumbprint="")
        )
        await connection.execute(
            update(schools).where(mine).values(root=root, standby=next_standby)
        )
    return await _taken_up(ground, school, epoch)


def _has_spoken(standby: Ed25519PrivateKey, statements: tuple[str, ...]) -> bool:
    """Say whether one of these successions is signed by this standby."""
    key = standby.public_key()
    return any(read(each, SUCCESSION_TYPE, Succession, key) for each in statements)


def _is_taken_up(ground: Ground, school: str, root: str) -> bool:
    try:
        return ground.keys.key(school).public_key() == key_of_root(root, school)
    except LookupError:
        return False


def _is_sealed_in(thumbprint: str, school: str, file: Path, passphrase: str) -> bool:
    """Say whether this is the file of the standby that is pinned. Raises Malformed."""
    if not file.exists():
        return False
    whose, standby = open_standby(file.read_bytes(), passphrase)
    return (whose, thumbprint_of(standby.public_key())) == (school, thumbprint)


async def _taken_up(ground: Ground, school: str, epoch: int) -> int:
    """Take up the staged key, and sign by it whom the school has ended; return `epoch`."""
    ground.keys.take_up(school)
    return await _sign_anew(ground, school, epoch)


async def _sign_anew(ground: Ground, school: str, epoch: int) -> int:
    """Sign by the new key whom the school has ended; return `epoch`."""
    async with ground.database.writing(school) as connection:
        if (await newest(connection, school)).number:
            await publish_list(connection, ground, school)
    return epoch


async def since(connection: AsyncConnection, school: str, epoch: int) -> tuple[str, ...]:
    """Return the successions after `epoch`, oldest first, as many as are told at once."""
    wanted = select(successions.c.statement).where(
        successions.c.school == school, successions.c.epoch > epoch
    )
    found = await connection.execute(wanted.order_by(successions.c.epoch).limit(SUCCESSIONS_MAX))
    return tuple(statement.decode("ascii") for statement in found.scalars())
