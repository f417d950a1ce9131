"""The tables; one file, so that a migration is read beside what it changes."""

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
    text,
)

metadata = MetaData()
settings = Table(
    "settings", metadata, Column("name", Text, primary_key=True), Column("value", Text)
)
# Each index is one more page to encrypt in every commit, so an act is one row and has none: what
# keeps it from being told twice is in the writer's memory (`chain.Newest`), a lesson's acts stand
# from `lessons.first` on, and what waits to be sent is found by where all before it is settled.
journal = Table(
    "journal",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("lesson", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The salted hash of the personal fields: it stays when they are erased.
    Column("apart", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    # Personal fields stand apart from the body, each row with its own salt: erased (no salt, no
    # fields), the chain still holds.
    Column("salt", LargeBinary),
    Column("fields", LargeBinary),
    Index("ix_journal_refused", "sequence", sqlite_where=text("state = 'refused'")),
)
lessons = Table(
    "lessons",
    metadata,
    Column("lesson", Text, primary_key=True),
    Column("first", Integer, nullable=False),
    sqlite_with_rowid=False,
)
declarations = Table(
    "declarations",
    metadata,
    Column("device", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("lesson", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
hand_ins = Table(
    "hand_ins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("state", Text, nullable=False),
)
HAND_IN_PLACE = literal_column("hand_ins.rowid", Integer)
"""What SQLite numbers its rows by, in the order of their making: where to go on in them."""
rows = Table(
    "rows",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
cursors = Table(
    "cursors",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("cursor", Text, nullable=False),
)
