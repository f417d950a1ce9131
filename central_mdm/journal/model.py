"""Events as teachers' apps made them, the answer each got, and how whole each journal is.

Beside them what journals' owners have signed, and where two witnesses differ.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    false,
    func,
    literal_column,
)
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
# With its literal in index and statement: neither database takes a partial index by a parameter.
WORDED: Final = func.length(events.c.body) > literal_column("0")
"""An event whose words have not been forgotten."""
Index(
    "ix_journal_events_worded",
    events.c.school,
    events.c.received_at,
    sqlite_where=WORDED,
    postgresql_where=WORDED,
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
# `settled` counts the distinct sequences answered, and the first `after` are another journal's:
# `highest - after - settled` of them are missing yet.
origins: Final = Table(
    "journal_origins",
    metadata,
    Column("school", ID, primary_key=True),
    Column("origin", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("gap_since", BigInteger, nullable=False, server_default="0"),
    Column("after", BigInteger, nullable=False, server_default="0"),
)
lessons: Final = Table(
    "journal_lessons",
    metadata,
    Column("school", ID, primary_key=True),
    Column("lesson", ID, primary_key=True),
    Column("teacher", ID, nullable=False),
)
heads: Final = Table(
    "journal_heads",
    metadata,
    Column("school", ID, primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("journal", ID, primary_key=True),
    Column("party", ID, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("token", String(4096), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
# What a device's journal tells of a lesson, until the teacher's is whole enough to compare.
accounts: Final = Table(
    "journal_accounts",
    metadata,
    Column("school", ID, primary_key=True),
    Column("device", ID, primary_key=True),
    Column("lesson", ID, primary_key=True),
    Column("issued_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("compared", Boolean, nullable=False, server_default=false()),
    Index(None, "school", "lesson"),
)
WAITS: Final = accounts.c.compared.is_(False)
"""An account is still to be held against the teacher's journal."""
Index(
    "ix_journal_accounts_waiting",
    accounts.c.school,
    accounts.c.lesson,
    sqlite_where=WAITS,
    postgresql_where=WAITS,
)
# One row for each thing that is wrong, however often it is brought.
alarms: Final = Table(
    "journal_alarms",
    metadata,
    Column("school", ID, primary_key=True),
    Column("journal", ID, primary_key=True),
    Column("lesson", ID, primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("party", ID, nullable=False),
    Column("teacher", ID, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("detail", String(200), nullable=False),
    Index(None, "school", "teacher"),
)
