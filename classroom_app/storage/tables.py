"""The tables; one file, so that a migration is read beside what it changes."""

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()
settings = Table(
    "settings", metadata, Column("name", Text, primary_key=True), Column("value", Text)
)
journal = Table(
    "journal",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("lesson", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False, server_default=""),
    # The salted hash of the personal fields: it stays when they are erased.
    Column("apart", LargeBinary, nullable=False),
)
# Personal fields stand apart, each row with its own salt: erased, the chain still holds.
personal = Table(
    "personal",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("fields", LargeBinary, nullable=False),
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
    Column("state", Text, nullable=False),
)
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
    Column("last", Integer, nullable=False),
)
