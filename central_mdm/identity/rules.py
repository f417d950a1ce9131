"""Opening a school, signing in, granting."""

from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.grants import GRANT_TYPE, Grant
from central_mdm.contract.heads import Alarm
from central_mdm.contract.identity import GrantIssued, SignedIn, SignIn
from central_mdm.contract.names import Party
from central_mdm.contract.second_factor import Needed
from central_mdm.identity import attempts, audit, second_factor
from central_mdm.identity.certificates import (
    LEAF,
    Issued,
    issue,
    key_of_request,
    make_root,
    thumbprint_of,
)
from central_mdm.identity.discovery import discovery_key
from central_mdm.identity.model import (
    RANK,
    certificates,
    schools,
    successions,
    teachers,
    tenants,
)
from central_mdm.identity.passwords import NOBODY, matches
from central_mdm.identity.revocation import is_ended, newest
from central_mdm.identity.roles import verbs_of
from central_mdm.identity.statements import sign
from central_mdm.identity.tokens import TOKEN_SECONDS, Pair, goes_on, issue_pair, rotate
from central_mdm.journal.alarms import raise_alarm
from central_mdm.platform.ahead import lately_of
from central_mdm.platform.authentication import TWO_FACTORS, Caller, read_token
from central_mdm.platform.errors import NotAllowed, NotSignedIn, Refused, TryAgain
from central_mdm.platform.ground import Ground
from central_mdm.roster.reading import classes_now

DAY_SECONDS: Final = 24 * 3600
COMPUTERS_A_DAY: Final = 30
GRANT_SECONDS: Final = 10 * 24 * 3600
Kind = Literal["school", "region", "load"]


class SchoolRow(Struct, frozen=True):
    """A school; `root` is its certificate in PEM, `succession` how many there were before it.

    `standby`: the thumbprint of the key that may name the next; "" for none.
    """

    school: str
    name: str
    epoch: str
    root: str
    standby: str
    succession: int


async def open_school(
    ground: Ground,
    school: str,
    name: str,
    standby: str = "",
    *,
    kind: Kind = "school",
    by: audit.By | None = None,
) -> None:
    """Make a school: its key, its root certificate, its first epoch. Once.

    `standby`: see `identity.succession.make_standby`. A region is a tenant as a school is.
    `by`: on whose word, where that is not written down already. Raises FileExistsError where there
    is one.
    """
    root = make_root(school, await _first_key(ground, school), ground.clock())
    row = {"school": school, "name": name, "epoch": ground.new_id(), "root": root}
    row |= {"standby": standby, "kind": kind}
    async with ground.database.writing(school) as connection:
        await keep_school(connection, row)
        if by is not None:
            await audit.record(connection, ground.clock(), school, by, "school-opened", school)


async def _first_key(ground: Ground, school: str) -> Ed25519PrivateKey:
    """Make a school's key; one that was made for a school which was then not written is taken."""
    try:
        return ground.keys.make(school)
    except FileExistsError:
        if school in await schools_here(ground):
            raise
        return ground.keys.key(school)


async def keep_school(connection: AsyncConnection, row: dict[str, str]) -> None:
    """Write a new school's row, and that there is such a school."""
    await connection.execute(insert(schools).values(row))
    await connection.execute(insert(tenants).values(school=row["school"]))


async def schools_here(ground: Ground) -> list[str]:
    """Name all schools of this database, whatever row-level security shows of them."""
    async with ground.database.reading("") as connection:
        wanted = select(tenants.c.school).order_by(tenants.c.school)
        return list((await connection.execute(wanted)).scalars())


async def begin_epoch(ground: Ground, school: str) -> None:
    """Say that the database was restored: every app then pulls each scope afresh."""
    async with ground.database.writing(school) as connection:
        await connection.execute(
            update(schools).where(schools.c.school == school).values(epoch=ground.new_id())
        )


async def one_by_one(connection: AsyncConnection, school: str) -> None:
    """Hold the school's row: two who ask at once are counted one after the other."""
    mine = select(schools.c.school).where(schools.c.school == school)
    await connection.execute(mine.with_for_update())


async def school_row(connection: AsyncConnection, school: str) -> SchoolRow:
    """Return what is known of a school. Raises NotSignedIn where there is no such school."""
    last = select(func.coalesce(func.max(successions.c.epoch), 0))
    last = last.where(successions.c.school == school).scalar_subquery()
    wanted = select(
        schools.c.school, schools.c.name, schools.c.epoch, schools.c.root, schools.c.standby, last
    )
    row = (await connection.execute(wanted.where(schools.c.school == school))).first()
    if row is None:
        raise NotSignedIn
    return SchoolRow(*row)


class Proven(Struct, frozen=True):
    """Who has proved that they are this person of this school: by the password of this hash.

    "": by their account elsewhere.
    """

    id: str
    name: str
    role: str
    about: SchoolRow
    by_hash: str = ""


async def prove(ground: Ground, school: str, login: str, password: str, *, at: str = "") -> Proven:
    """Check a password. Raises NotSignedIn, or TryAgain after too many wrong ones.

    `at`: where it is typed; "" for the API, whose strangers keep nobody from the console. Names
    that nobody has are held to a bucket and a share of the workers, and keep out nobody who has
    one.
    """
    async with ground.database.reading(school) as connection:
        about = await _school_or_none(connection, school)
        teacher = await _who_has(connection, school, login)
    if teacher is None or about is None:
        ground.limits.made_up(school if about else "")
        if about is not None:
            await _count(ground, school, login)
        await ground.made_up.run(matches, NOBODY, password)  # it takes as long as for a known one
        raise NotSignedIn("wrong-password")
    counted = f"\0{at}\0{teacher.login}" if at else teacher.login  # no login has a zero byte
    await _count(ground, school, counted, teacher.id)
    hashed = teacher.password_hash
    if not await ground.passwords.run(matches, hashed, password):
        raise NotSignedIn("wrong-password")
    async with ground.database.writing(school) as connection:
        await attempts.forget(connection, school, counted)
    return Proven(teacher.id, teacher.name, teacher.role, about, hashed)


async def _who_has(
    connection: AsyncConnection, school: str, login: str
) -> Row[*tuple[Any, ...]] | None:
    """Find who has this login, or else the one person whose login differs in capitals alone."""
    fields = (teachers.c.id, teachers.c.login, teachers.c.name, teachers.c.role)
    wanted = select(*fields, teachers.c.password_hash).where(
        teachers.c.school == school,
        or_(teachers.c.login == login, func.lower(teachers.c.login) == login.lower()),
        teachers.c.ended.is_(False),
    )
    alike = (await connection.execute(wanted)).all()
    exact = [row for row in alike if row.login == login]
    return exact[0] if exact else alike[0] if len(alike) == 1 else None


async def _count(ground: Ground, school: str, login: str, teacher: str = "") -> None:
    """Count a try before it is known to be a wrong one, or a hundred at once would be as one.

    `teacher`: whose login it is. Raises TryAgain.
    """
    now = ground.clock()
    async with ground.database.writing(school) as connection:
        tries = await attempts.count(connection, school, login, now)
        if teacher and tries == attempts.GUESSES:
            await _alarm_of_guesses(connection, school, teacher, now)


async def _alarm_of_guesses(
    connection: AsyncConnection, school: str, teacher: str, now: int
) -> None:
    detail = f"{attempts.GUESSES} passwords within an hour"
    alarm = Alarm(now, "password-guessed", "teacher", teacher, teacher, str(now), detail)
    await raise_alarm(connection, school, "", alarm)


async def sign_in(ground: Ground, asked: SignIn) -> SignedIn:
    """Check the password and give tokens, and a certificate where a request came along.

    Raises NotSignedIn, TryAgain, or as `admit`.
    """
    ground.limits.shown("login", f"{asked.school}/{asked.login.lower()}")
    who = await prove(ground, asked.school, asked.login, asked.password)
    return await admit(ground, who, asked.csr, asked.code, asked.teacher)


async def admit(
    ground: Ground, who: Proven, csr: str = "", code: str = "", teacher: str = ""
) -> SignedIn:
    """Give who has proved to be somebody tokens, and a certificate, if there is a request.

    There is none before the second factor of who needs one: `code`, or a later call. Raises
    NotAllowed for another person than `teacher`, where the asker names one, and NotSignedIn for
    who was ended since they proved it, or has another password.
    """
    if teacher not in {"", who.id}:
        raise NotAllowed("another-teacher", "The lessons there are another teacher's.")
    school, family = who.about.school, ground.new_id()
    key = key_of_request(csr) if csr else None
    second = bool(code) and who.role in TWO_FACTORS
    if second:
        caller = Caller(school, "teacher", who.id, duty=who.role, session=family)
        await second_factor.give(ground, caller, code)
    async with ground.database.writing(school) as connection:
        await _still_in(connection, school, who.id, who.by_hash)
        lacks = await second_factor.needed(connection, school, who.id, who.role, second=second)
        issued = (
            await _certify(connection, ground, school, who.id, key) if key and not lacks else ""
        )
        pair = await issue_pair(connection, ground, school, who.id, family, second=second)
    return _signed_in(pair, who.name, who.about, issued, lacks)


async def _still_in(
    connection: AsyncConnection, school: str, teacher: str, by_hash: str = ""
) -> None:
    """Hold this person until the transaction ends. Raises NotSignedIn for who is in no more."""
    wanted = select(teachers.c.ended, teachers.c.password_hash)
    wanted = wanted.where(teachers.c.school == school, teachers.c.id == teacher)
    row = (await connection.execute(wanted.with_for_update())).first()
    if row is None or row.ended or (by_hash and row.password_hash != by_hash):
        raise NotSignedIn


async def complete(ground: Ground, caller: Caller, code: str, csr: str = "") -> SignedIn:
    """Take the second factor of who has signed in without. Raises NotSignedIn or TryAgain."""
    school = caller.school
    key = key_of_request(csr) if csr else None
    await second_factor.give(ground, caller, code)
    async with ground.database.writing(school) as connection:
        await _still_in(connection, school, caller.id)
        if not await goes_on(connection, school, caller.session):
            raise NotSignedIn
        about = await school_row(connection, school)
        name, _ = await _person(connection, school, caller.id)
        issued = await _certify(connection, ground, school, caller.id, key) if key else ""
        pair = await issue_pair(connection, ground, school, caller.id, caller.session, second=True)
    return _signed_in(pair, name, about, issued)


async def refresh(ground: Ground, token: str, address: str) -> SignedIn:
    """Spend a refresh token. Raises NotSignedIn; one whose pair was renewed ends all its family.

    `address`: where it came from, as far as that can be seen; behind an ingress the ingress's.
    """
    _, school, _ = read_token(f"Bearer {token}")
    ground.limits.shown("refresh", token)
    ground.limits.renewal(school, address)
    async with ground.database.writing(school) as connection:
        pair = await rotate(connection, ground, school, token)
        if pair is not None:
            about = await school_row(connection, school)
            name, role = await _person(connection, school, pair.teacher)
            lacks = await second_factor.needed(
                connection, school, pair.teacher, role, second=pair.second
            )
            return _signed_in(pair, name, about, lacks=lacks)
    raise NotSignedIn("refresh-spent")


async def grant(ground: Ground, caller: Caller, key: str = "") -> GrantIssued:
    """Sign what this teacher may do, for their key of this thumbprint: each computer has its own.

    "": for the key that was certified last, as apps of before ask. With a class that is theirs for
    today only, the whole grant ends with it.
    """
    now, school = ground.clock(), caller.school
    wanted = select(teachers.c.name, teachers.c.thumbprint, teachers.c.role)
    mine = (teachers.c.school == school, teachers.c.id == caller.id, teachers.c.ended.is_(False))
    async with ground.database.reading(school) as connection:
        row = (await connection.execute(wanted.where(*mine))).first()
        if row is None:
            raise NotSignedIn
        name, last, role = row
        thumbprint = await _own_key(connection, school, caller.id, key, now) if key else last
        classes, first_end = await classes_now(connection, school, caller.id, now)
        verbs = await verbs_of(connection, school, role)
        generation = await _generation(connection, school)
        denied = await newest(connection, school)
    if not thumbprint:
        raise Refused("no-certificate", "Sign in with a certificate request first.")
    if not classes:
        raise Refused("no-class", "No class is given to this teacher.")
    if not verbs:
        raise Refused("no-verbs", "The school lets this role do nothing in class.")
    statement = Grant(
        id=ground.new_id(),
        school=caller.school,
        teacher=caller.id,
        teacher_name=name,
        thumbprint=thumbprint,
        classes=classes,
        verbs=verbs,
        issued_at=now,
        ends_at=min(now + GRANT_SECONDS, first_end or now + GRANT_SECONDS),
        generation=generation,
        deny_list=denied.number,
        role=role,
    )
    issuing = ground.keys.key(caller.school)
    signed = sign(issuing, GRANT_TYPE, statement)
    return GrantIssued(signed, statement.ends_at, denied.statement, discovery_key(issuing))


async def _own_key(
    connection: AsyncConnection, school: str, teacher: str, thumbprint: str, now: int
) -> str:
    """Return this thumbprint where the root of now vouches for it as this teacher's; else ""."""
    if await is_ended(connection, school, thumbprint):
        return ""
    about = await school_row(connection, school)
    wanted = select(certificates.c.thumbprint).where(
        certificates.c.school == school,
        certificates.c.thumbprint == thumbprint,
        certificates.c.role == "teacher",
        certificates.c.party == teacher,
        certificates.c.ends_at > now,
        certificates.c.epoch == about.succession,
    )
    return (await connection.execute(wanted.limit(1))).scalar() or ""


async def _generation(connection: AsyncConnection, school: str) -> int:
    wanted = select(schools.c.generation).where(schools.c.school == school)
    return int((await connection.execute(wanted)).scalar_one())


async def lock_teacher(connection: AsyncConnection, school: str, teacher: str) -> None:
    """Hold this teacher's row until the transaction ends (SQLite has one writer anyway)."""
    mine = (teachers.c.school == school, teachers.c.id == teacher)
    await connection.execute(select(teachers.c.id).where(*mine).with_for_update())


async def register(
    connection: AsyncConnection, ground: Ground, party: Party, key: Ed25519PublicKey
) -> Issued:
    """Certify a key as `party` and write the certificate into the school's register."""
    about = await school_row(connection, party.school)
    issued = issue(about.root, ground.keys.key(party.school), key, party, ground.clock())
    row = {"serial": issued.serial, "thumbprint": issued.thumbprint, "ends_at": issued.ends_at}
    row |= {"school": party.school, "role": party.role, "party": party.id}
    row |= {"epoch": about.succession}
    row["rank"] = max(issued.ends_at, await highest_rank(connection, party) + 1)
    await connection.execute(insert(certificates).values(row))
    return issued


async def highest_rank(connection: AsyncConnection, party: Party) -> int:
    """Return the rank of the newest certificate that this party had so far; 0: it had none."""
    wanted = select(func.max(RANK)).where(
        certificates.c.school == party.school,
        certificates.c.role == party.role,
        certificates.c.party == party.id,
    )
    return int(await connection.scalar(wanted) or 0)


async def _certify(
    connection: AsyncConnection, ground: Ground, school: str, teacher: str, key: Ed25519PublicKey
) -> str:
    """Certify a computer of theirs. Raises TryAgain: who has so many in a day fills a deny list."""
    now, table = ground.clock(), certificates
    lately = select(func.count(table.c.thumbprint.distinct())).where(
        table.c.school == school,
        table.c.role == "teacher",
        table.c.party == teacher,
        table.c.thumbprint != thumbprint_of(key),
        lately_of(table.c.ends_at - int(LEAF.total_seconds()), now, DAY_SECONDS),
    )
    if int(await connection.scalar(lately) or 0) >= COMPUTERS_A_DAY:
        raise TryAgain("too-many-computers", DAY_SECONDS)
    issued = await register(connection, ground, Party(school, "teacher", teacher), key)
    await connection.execute(
        update(teachers)
        .where(teachers.c.school == school, teachers.c.id == teacher)
        .values(thumbprint=issued.thumbprint)
    )
    return issued.pem


async def _school_or_none(connection: AsyncConnection, school: str) -> SchoolRow | None:
    try:
        return await school_row(connection, school)
    except NotSignedIn:
        return None


async def _person(connection: AsyncConnection, school: str, teacher: str) -> tuple[str, str]:
    """Return a person's name and role."""
    wanted = select(teachers.c.name, teachers.c.role)
    wanted = wanted.where(teachers.c.school == school, teachers.c.id == teacher)
    row = (await connection.execute(wanted)).one()
    return row.name, row.role


def _signed_in(
    pair: Pair, name: str, about: SchoolRow, certificate: str = "", lacks: Needed = ""
) -> SignedIn:
    return SignedIn(
        token=pair.token,
        token_seconds=TOKEN_SECONDS,
        refresh=pair.refresh,
        teacher=pair.teacher,
        teacher_name=name,
        school=about.school,
        school_name=about.name,
        root=about.root,
        certificate=certificate,
        standby=about.standby,
        epoch=about.succession,
        second_factor=lacks,
    )
