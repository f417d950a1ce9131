"""Whom the school has ended, what roles may do, and classes that are given for a time."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger()
    op.add_column("schools", sa.Column("generation", number, server_default="0", nullable=False))
    op.add_column(
        "teachers", sa.Column("role", sa.String(16), server_default="teacher", nullable=False)
    )
    op.add_column(
        "teachers", sa.Column("ended", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "roster_teaching", sa.Column("ends_at", number, server_default="0", nullable=False)
    )
    _table("role_verbs", sa.Column("role", sa.String(16)), sa.Column("verbs", sa.String(200)))
    _table("revocations", sa.Column("thumbprint", sa.String(64)), sa.Column("ends_at", number))
    _table("deny_lists", sa.Column("number", number), sa.Column("statement", sa.LargeBinary()))


def _table(name: str, key: sa.Column[object], fact: sa.Column[object]) -> None:
    """Make a school's table of one fact a key, seen by that school only."""
    key.nullable = fact.nullable = False
    op.create_table(
        name,
        sa.Column("school", sa.String(64), nullable=False),
        key,
        fact,
        sa.PrimaryKeyConstraint("school", key.name, name=op.f(f"pk_{name}")),
    )
    guard(name)
