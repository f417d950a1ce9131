"""Who brought a chunk, and how much each person may bring."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "partage_chunks",
        sa.Column("brought_by", sa.String(64), server_default="", nullable=False),
    )
    name = op.f("ix_partage_chunks_school_brought_by")
    op.create_index(name, "partage_chunks", ["school", "brought_by"], unique=False)
    op.add_column("partage_quotas", sa.Column("person_bytes", sa.BigInteger(), nullable=True))
