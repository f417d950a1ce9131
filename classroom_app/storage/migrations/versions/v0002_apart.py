"""Keep each act's salted hash in the journal, so that the chain holds after an erasure.

The links do not change, for the same salted hash was in them before. Salt and fields stand beside
in the order of lessons, which also keeps an act from being told twice, and the journal's indexes
go: less to write for each act.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from blake3 import blake3

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("journal", "personal", "hand_ins"):
        op.rename_table(table, f"{table}_before")
    _tables()
    _journal(op.get_bind())
    op.execute(
        "INSERT INTO personal SELECT lesson, id, sequence, salt, fields "
        "FROM journal_before LEFT JOIN personal_before USING (id)"
    )
    op.execute(
        "INSERT INTO hand_ins SELECT hand_ins_before.id, sequence, hand_ins_before.state "
        "FROM hand_ins_before JOIN journal_before USING (id)"
    )
    for table in ("journal", "personal", "hand_ins"):
        op.drop_table(f"{table}_before")
    op.create_index(
        "ix_journal_refused", "journal", ["sequence"], sqlite_where=sa.text("state = 'refused'")
    )


def _tables() -> None:
    op.create_table(
        "journal",
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lesson", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("apart", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_table(
        "personal",
        sa.Column("lesson", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("fields", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("lesson", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hand_ins",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _journal(connection: sa.Connection) -> None:
    op.execute(
        "INSERT INTO journal SELECT sequence, id, lesson, kind, at, body, hash, x'', state, reason "
        "FROM journal_before"
    )
    filled = sa.text("UPDATE journal SET apart = :apart WHERE sequence = :sequence")
    for each in list(_aparts(connection)):
        connection.execute(filled, each)


def _aparts(connection: sa.Connection) -> Iterator[dict[str, int | bytes]]:
    query = "SELECT sequence, salt, fields FROM journal_before JOIN personal_before USING (id)"
    for sequence, salt, fields in connection.execute(sa.text(query)):
        yield {"sequence": sequence, "apart": blake3(salt + fields).digest()}
