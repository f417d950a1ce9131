"""What was answered to requests that are done once: kept for whoever asks again, mostly a day."""

import hashlib
from typing import Final

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.platform.database import HEX, ID, metadata, upsert

KEPT_SECONDS: Final = 24 * 3600
BODY_BYTES_MAX: Final = 16 * 1024
KEY_CHARS_MAX: Final = 64
_TURN: Final = text("SELECT pg_try_advisory_xact_lock(:turn)")

answers: Final = Table(
    "kept_answers",
    metadata,
    Column("school", ID, primary_key=True),
    # A role and who it is; of a visitor, region/id.
    Column("caller", String(160), primary_key=True),
    Column("key", String(KEY_CHARS_MAX), primary_key=True),
    Column("fingerprint", HEX, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)


class Asked(Struct, frozen=True):
    """Whose key it is. No other school's and no other person's answer is found by it."""

    school: str
    caller: str
    key: str


class Answer(Struct, frozen=True):
    """What was answered; `fingerprint`: SHA-256 of what was asked, in hex."""

    fingerprint: str
    status: int
    body: bytes


async def take_turn(connection: AsyncConnection, asked: Asked) -> bool:
    """Have this key to oneself until the transaction ends; False: another one is at it.

    SQLite has one writer at a time: who opened this transaction has its turn.
    """
    if connection.dialect.name != "postgresql":
        return True
    named = f"{asked.school}\0{asked.caller}\0{asked.key}".encode()
    turn = int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)
    return bool((await connection.execute(_TURN, {"turn": turn})).scalar())


async def find(connection: AsyncConnection, asked: Asked, now: int) -> Answer | None:
    """Return what was answered and is kept still."""
    wanted = select(answers.c.fingerprint, answers.c.status, answers.c.body).where(
        answers.c.school == asked.school,
        answers.c.caller == asked.caller,
        answers.c.key == asked.key,
        answers.c.ends_at > now,
    )
    row = (await connection.execute(wanted)).first()
    return None if row is None else Answer(*row)


async def keep(
    connection: AsyncConnection,
    asked: Asked,
    answer: Answer,
    now: int,
    seconds: int = KEPT_SECONDS,
) -> None:
    """Keep an answer in the transaction of what it tells. Raises ValueError for a huge one."""
    if len(answer.body) > BODY_BYTES_MAX:
        raise ValueError("an answer that is kept is short")
    facts = {"fingerprint": answer.fingerprint, "status": answer.status, "body": answer.body}
    facts |= {"ends_at": now + seconds}
    whose = {"school": asked.school, "caller": asked.caller, "key": asked.key}
    await connection.execute(
        upsert(connection, answers)
        .values(whose | facts)
        .on_conflict_do_update(index_elements=list(whose), set_=facts)
    )


async def forget_answers(connection: AsyncConnection, school: str, now: int) -> int:
    """Forget those that have ended at `now`, UTC seconds; return how many that were."""
    old = delete(answers).where(answers.c.school == school, answers.c.ends_at <= now)
    return (await connection.execute(old)).rowcount
