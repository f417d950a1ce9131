"""Signed heads of journals, what devices tell of lessons, and where two witnesses differ."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TENANT_TABLES = ("journal_accounts", "journal_alarms", "journal_heads")


def upgrade() -> None:
    op.create_table(
        "journal_heads",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("journal", sa.String(64), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.String(4096), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "role", "journal", name="pk_journal_heads"),
    )
    op.create_table(
        "journal_accounts",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("lesson", sa.String(64), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("compared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("school", "device", "lesson", name="pk_journal_accounts"),
    )
    op.create_index("ix_journal_accounts_school_lesson", "journal_accounts", ["school", "lesson"])
    op.create_table(
        "journal_alarms",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("journal", sa.String(64), nullable=False),
        sa.Column("lesson", sa.String(64), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("teacher", sa.String(64), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("school", "journal", "lesson", "code", name="pk_journal_alarms"),
    )
    op.create_index("ix_journal_alarms_school_teacher", "journal_alarms", ["school", "teacher"])
    guard(*TENANT_TABLES)
