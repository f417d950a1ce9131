"""The second factor of who administrates: TOTP (RFC 6238), and recovery codes, each good once."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Alarm
from central_mdm.contract.second_factor import FactorMade, Needed
from central_mdm.identity import attempts, audit, boxes
from central_mdm.identity.model import recovery_codes, second_factors, teachers
from central_mdm.journal.alarms import raise_alarm
from central_mdm.platform.authentication import TWO_FACTORS, Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing, NotSignedIn, Refused
from central_mdm.platform.ground import Ground

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""As long as what SHA-1 gives (RFC 4226, section 4)."""
SPENT_MAX: Final = 32
"""So many codes may be given while a clock is ahead, and more may be once it is right."""
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
ISSUER: Final = "Pupitre"
ENROLLED: Final = "Ask another administrator to end your second factor first."


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of one step of thirty seconds. SHA-1, for all apps know it."""
    made = TOTP(secret, digits, SHA1(), STEP_SECONDS)  # noqa: S303 - within HMAC, RFC 6238
    return made.generate(step * STEP_SECONDS).decode("ascii")


def step_of(secret: bytes, code: str, now: int, spent: Sequence[int]) -> int:
    """Return the step whose code this is, of the one of now and its neighbours; 0: of none.

    None that is not after all of `spent`: who has looked over a shoulder comes too late. Only what
    was spent in days to come, by a clock that was ahead, keeps out itself and nothing before it.
    """
    here = now // STEP_SECONDS
    # None is known from before the lowest: where all are to come, each of before counts as spent.
    last = max((step for step in spent if step <= here + 1), default=min(spent))
    found = 0
    for step in (here - 1, here, here + 1):
        # Each is compared in full, whatever was found before.
        if secrets.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found if found > last else 0


async def needed(
    connection: AsyncConnection, school: str, teacher: str, role: str, *, second: bool
) -> Needed:
    """Return what this person's sign-in lacks."""
    if role not in TWO_FACTORS or second:
        return ""
    return "code" if await holds(connection, school, teacher) else "enrol"


async def holds(connection: AsyncConnection, school: str, teacher: str) -> bool:
    """Say whether this person has a second factor, confirmed by a code."""
    wanted = select(second_factors.c.confirmed).where(*_mine(school, teacher))
    return bool(await connection.scalar(wanted))


async def enrol(ground: Ground, caller: Caller) -> FactorMade:
    """Make a secret and recovery codes, which hold once a code has confirmed them.

    Raises Refused where there is a confirmed one: only another administrator takes it away.
    """
    school, now = caller.school, ground.clock()
    secret = secrets.token_bytes(SECRET_BYTES)
    codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
    sealed = boxes.seal(ground.keys, school, _about(caller.id), secret)
    facts = {"secret": sealed, "last_step": 0, "spent_steps": "0"}
    async with ground.database.writing(school) as connection:
        if await needed(connection, school, caller.id, caller.duty, second=False) == "code":
            raise Refused("enrolled", ENROLLED)
        fresh = upsert(connection, second_factors)
        fresh = fresh.values(school=school, teacher=caller.id, confirmed=False, **facts)
        fresh = fresh.on_conflict_do_update(
            index_elements=["school", "teacher"],
            set_=facts,
            where=second_factors.c.confirmed.is_(False),
        )
        if not (await connection.execute(fresh)).rowcount:  # confirmed since it was asked
            raise Refused("enrolled", ENROLLED)
        await connection.execute(delete(recovery_codes).where(*_codes_of(school, caller.id)))
        rows = [{"school": school, "teacher": caller.id, "code_hash": _hash(one)} for one in codes]
        await connection.execute(insert(recovery_codes), rows)
        await audit.record(
            connection, now, school, audit.by(caller), "second-factor-enrolled", caller.id
        )
        wanted = select(teachers.c.login).where(
            teachers.c.school == school, teachers.c.id == caller.id
        )
        login = str((await connection.execute(wanted)).scalar_one())
    made = TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - as above
    return FactorMade(made.get_provisioning_uri(login, f"{ISSUER} {school}"), codes)


async def give(ground: Ground, caller: Caller, code: str) -> None:
    """Check a code and spend it. Raises NotSignedIn, or TryAgain after too many wrong ones."""
    school, now = caller.school, ground.clock()
    counted = f"\0second-factor\0{caller.id}"  # no login has a zero byte
    async with ground.database.writing(school) as connection:
        # Counted before it is known, as passwords are.
        tries = await attempts.count(connection, school, counted, now)
        if tries == attempts.GUESSES:
            detail = f"{tries} second factors within an hour"
            told = "teacher", caller.id, caller.id, str(now), detail
            await raise_alarm(connection, school, "", Alarm(now, "password-guessed", *told))
    async with ground.database.writing(school) as connection:
        if not await _spend(connection, ground, caller, code.replace(" ", "").replace("-", "")):
            raise NotSignedIn("wrong-code")
        await attempts.forget(connection, school, counted)


async def end(connection: AsyncConnection, school: str, teacher: str) -> None:
    """Take away a person's second factor: the next sign-in chooses one anew. Raises Missing."""
    await connection.execute(delete(recovery_codes).where(*_codes_of(school, teacher)))
    gone = await connection.execute(delete(second_factors).where(*_mine(school, teacher)))
    if not gone.rowcount:
        raise Missing("no-second-factor")


async def _spend(connection: AsyncConnection, ground: Ground, caller: Caller, code: str) -> bool:
    school, mine = caller.school, _mine(caller.school, caller.id)
    row = (await connection.execute(select(second_factors).where(*mine).with_for_update())).first()
    if row is None:
        raise NotSignedIn("wrong-code")
    if len(code) != DIGITS:
        return row.confirmed and await _recover(connection, ground, caller, code)
    try:
        secret = boxes.open_box(ground.keys, school, _about(caller.id), row.secret)
    except InvalidTag:
        # Another server's keys, or a row that was brought here: nobody's code fits.
        return False
    # A server of the version before writes the last one alone.
    spent = {*map(int, row.spent_steps.split()), row.last_step}
    step = step_of(secret, code, ground.clock(), sorted(spent))
    if step:
        highest = sorted(spent | {step})[-SPENT_MAX:]
        facts = {"last_step": highest[-1], "spent_steps": " ".join(map(str, highest))}
        facts["confirmed"] = True
        await connection.execute(update(second_factors).where(*mine).values(facts))
    return bool(step)


async def _recover(connection: AsyncConnection, ground: Ground, caller: Caller, code: str) -> bool:
    spent = delete(recovery_codes).where(
        *_codes_of(caller.school, caller.id), recovery_codes.c.code_hash == _hash(code.upper())
    )
    if not (await connection.execute(spent)).rowcount:
        return False
    told = caller.school, audit.by(caller), "recovery-code-used", caller.id
    await audit.record(connection, ground.clock(), *told)
    return True


def _mine(school: str, teacher: str) -> tuple[ColumnElement[bool], ...]:
    return second_factors.c.school == school, second_factors.c.teacher == teacher


def _codes_of(school: str, teacher: str) -> tuple[ColumnElement[bool], ...]:
    return recovery_codes.c.school == school, recovery_codes.c.teacher == teacher


def _recovery_code() -> str:
    return base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode("ascii")


def _hash(code: str) -> str:
    # A fast hash is right for eighty random bits.
    return hashlib.sha256(code.encode()).hexdigest()


def _about(teacher: str) -> str:
    return f"second-factor {teacher}"
