"""What still waits to be compared, and what has words to forget, is found among nothing else.

An operator may have made them before, while all went on: docs/operate.md.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    waits = sa.text("compared IS 0" if is_sqlite else "compared IS false")
    _create("ix_journal_accounts_waiting", "journal_accounts", "lesson", waits)
    worded = sa.text("length(body) > 0")
    _create("ix_journal_events_worded", "journal_events", "received_at", worded)


def _create(name: str, table: str, column: str, where: sa.TextClause) -> None:
    op.create_index(
        name,
        table,
        ["school", column],
        if_not_exists=True,
        sqlite_where=where,
        postgresql_where=where,
    )
