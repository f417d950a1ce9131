"""Events as teachers' apps made them, the answer each got, and how whole each journal is."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table
from sqlalchemy import UniqueConstraint as Unique

from central_mdm.platform.database import HEX, ID, metadata

events: Final = Table(
    "journal_events",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("origin", ID, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("teacher", ID, nullable=False),
    Column("lesson", ID, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("happened_at", BigInteger, nullable=False),
    Column("hash", HEX, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Unique("school", "origin", "sequence"),
    Index(None, "school", "lesson"),
)
outcomes: Final = Table(
    "journal_outcomes",
    metadata,
    Column("school", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(200), nullable=False),
)
# `settled` counts the distinct sequences answered: `highest - settled` of them are missing yet.
origins: Final = Table(
    "journal_origins",
    metadata,
    Column("school", ID, primary_key=True),
    Column("origin", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("gap_since", BigInteger, nullable=False, server_default="0"),
)
lessons: Final = Table(
    "journal_lessons",
    metadata,
    Column("school", ID, primary_key=True),
    Column("lesson", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
)
