"""The school's register: its names of things, sessions, the timetable, classes that are over."""

import sqlalchemy as sa
from alembic import op

from central_mdm.platform.migrations.tenancy import guard

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
TABLES = ("roster_sources", "roster_sessions", "roster_terms", "roster_hours", "roster_past")


def upgrade() -> None:
    archived = sa.Column("archived_at", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("roster_classes", archived)
    op.create_table(
        "roster_sources",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("school", "what", "source", name=op.f("pk_roster_sources")),
    )
    op.create_table(
        "roster_sessions",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("begins_on", sa.String(10), nullable=False),
        sa.Column("ends_on", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("school", "id", name=op.f("pk_roster_sessions")),
    )
    op.create_table(
        "roster_terms",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("class_id", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("school", "class_id", "session", name=op.f("pk_roster_terms")),
    )
    op.create_table(
        "roster_hours",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("class_id", sa.String(64), nullable=False),
        sa.Column("period", sa.String(64), nullable=False),
        sa.Column("location", sa.String(64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("school", "class_id", "period", name=op.f("pk_roster_hours")),
    )
    op.create_table(
        "roster_past",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("class_id", sa.String(64), nullable=False),
        sa.Column("pupil", sa.String(64), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("school", "class_id", "pupil", name=op.f("pk_roster_past")),
    )
    guard(*TABLES)
